"""What `manage.py check`, and so `migrate`, says about the settings of exports."""

from django.conf import settings
from django.core.checks import Error, register


@register
def has_a_runner(app_configs, **kwargs):
    """Without TASKS Django has one backend, which would make each export inside of the request."""
    backend = getattr(settings, "TASKS", {}).get(settings.EXPORT_RUNNER, {}).get("BACKEND", "")
    if backend and not backend.endswith(("ImmediateBackend", "DummyBackend")):
        return []
    hint = "Name a backend that runs tasks elsewhere, as config/settings.py of step 10 does."
    return [Error(f"TASKS has no backend {settings.EXPORT_RUNNER!r} for exports.", hint=hint, id="exports.E001")]
