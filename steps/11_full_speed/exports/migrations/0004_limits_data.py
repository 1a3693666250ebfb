"""Cancel all but the oldest of several active exports with the same filters, and let finished files expire."""

from datetime import timedelta

from django.db import migrations
from django.utils import timezone


def cancel_duplicates(apps, schema_editor):
    exports = apps.get_model("exports", "Export").objects.using(schema_editor.connection.alias)
    seen = []
    for export in exports.filter(state__in=["waiting", "running"]).order_by("created_at"):
        request = (export.owner_id, export.filters)
        if request in seen:
            exports.filter(pk=export.pk).update(state="cancelled", finished_at=timezone.now())
        seen.append(request)


def set_expiry(apps, schema_editor):
    exports = apps.get_model("exports", "Export").objects.using(schema_editor.connection.alias)
    exports.filter(state="done").update(expires_at=timezone.now() + timedelta(days=7))


class Migration(migrations.Migration):
    dependencies = [("exports", "0003_limits_schema")]

    operations = [
        migrations.RunPython(cancel_duplicates, migrations.RunPython.noop),
        migrations.RunPython(set_expiry, migrations.RunPython.noop),
    ]
