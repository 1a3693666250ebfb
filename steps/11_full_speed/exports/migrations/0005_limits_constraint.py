"""A separate migration, because PostgreSQL can refuse an index in a transaction that has changed rows.

If a request adds a duplicate after 0004, this migration fails. Then run `migrate exports 0003`, and `migrate` again.
"""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("exports", "0004_limits_data")]

    operations = [
        migrations.AddConstraint(
            model_name='export',
            constraint=models.UniqueConstraint(condition=models.Q(('state__in', ['waiting', 'running'])), fields=('owner', 'filters'), name='export_active_once'),
        ),
    ]
