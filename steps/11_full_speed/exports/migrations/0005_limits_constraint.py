"""A separate migration, because PostgreSQL can refuse an index in a transaction that has added or deleted rows."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("exports", "0004_limits_data")]

    operations = [
        migrations.AddConstraint(
            model_name='export',
            constraint=models.UniqueConstraint(condition=models.Q(('state__in', ['waiting', 'running'])), fields=('owner', 'filters'), name='export_active_once', violation_error_message='This export is already active.'),
        ),
    ]
