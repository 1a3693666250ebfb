"""Django Tasks with our Celery backend. Without a server, its broker is a folder of files, as in the tutorial."""

from runners import POLL, celery_app
from runners.django_tasks import apps, define, enqueue, tasks

__all__ = ["define", "enqueue"]
TITLE = "Django Tasks, our Celery backend with Redis"
PACKAGES = ["celery"]
BROKER = "redis"
BROKER_OR_FILES = True
LEASE = "nothing finds it"


def settings(options):
    settings = {"INSTALLED_APPS": apps("backends"), "TASKS": tasks("backends.celery.CeleryBackend")}
    if options.broker:
        return {**settings, **celery_app.settings(options)}
    files = options.folder / "broker"
    files.mkdir(exist_ok=True)
    transport = {"data_folder_in": files, "data_folder_out": files, "control_folder": files / "control"}
    return {
        **settings,
        "CELERY_BROKER_URL": "filesystem://",
        "CELERY_BROKER_TRANSPORT_OPTIONS": {
            **{name: str(path) for name, path in transport.items()},
            "polling_interval": POLL,
        },
    }


def workers(options):
    return celery_app.worker("config", options)  # the app of step 11, with the settings of this runner
