"""The settings of this step, with a router that reads all models from a replica."""

from config.settings import *  # noqa: F403
from config.settings import DATABASES

DATABASES["replica"] = DATABASES["default"]


class Router:
    def db_for_read(self, model, **hints):
        return "replica"

    def db_for_write(self, model, **hints):
        return "default"


DATABASE_ROUTERS = [Router()]
