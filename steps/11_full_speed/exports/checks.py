"""What `manage.py check` says about the settings of exports."""

from django.conf import settings
from django.core.checks import Error, Tags, register
from django.db import router

from exports.models import Export

IN_THE_REQUEST = ("ImmediateBackend", "DummyBackend")


@register
def check_runner(app_configs, **kwargs):
    """Without TASKS, Django runs each task within the request."""
    backend = getattr(settings, "TASKS", {}).get(settings.EXPORT_RUNNER, {}).get("BACKEND", "")
    if backend and not backend.endswith(IN_THE_REQUEST):
        return []
    message = f"TASKS has no backend {settings.EXPORT_RUNNER!r} that runs exports in the background."
    return [Error(message, hint="See TASKS in config/settings.py.", id="exports.E001")]


@register
def check_routers(app_configs, **kwargs):
    """A replica lags behind, so an export would look as it did before the last update."""
    if router.db_for_read(Export) == router.db_for_write(Export):
        return []
    hint = "Let db_for_read() return None for all models but those of the library."
    return [Error("DATABASE_ROUTERS reads exports from a replica.", hint=hint, id="exports.E002")]


@register(Tags.security, deploy=True)
def check_defaults(app_configs, **kwargs):
    """Refuse values that are for learning only. config/production.py refuses variables that are missing."""
    hint = "Set it to the value of your server, as in deploy/library.env."
    if settings.DATABASES["default"]["ENGINE"].endswith("sqlite3"):
        yield Error("DATABASE_URL names a SQLite file.", hint=hint, id="exports.E101")
    if settings.EXPORT_RUNNER == "celery" and settings.CELERY_BROKER_URL.startswith(("filesystem", "memory")):
        yield Error("CELERY_BROKER_URL is for learning only.", hint=hint, id="exports.E102")
    if settings.DATA_DIR.is_relative_to(settings.BASE_DIR):
        yield Error("DATA_DIR is inside the code.", hint=hint, id="exports.E103")
