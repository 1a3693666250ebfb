"""Fill the runner's table with finished tasks, as if it had run for months."""

import uuid

from django.apps import apps
from django.core.management.base import BaseCommand
from django.db import connection, models

from runners.project.tasks import runner


class Command(BaseCommand):
    help = "Copy the last finished task as often as you say."

    def add_arguments(self, parser):
        parser.add_argument("count", type=int)

    def handle(self, *, count, **options):
        model = apps.get_model(runner.FINISHED)
        last = model._default_manager.last()
        if isinstance(model._meta.pk, models.AutoField):
            return copy_in_the_database(model, last, count)
        fields = {field.attname: getattr(last, field.attname) for field in model._meta.concrete_fields}
        new = uuid.uuid4 if isinstance(model._meta.pk, models.UUIDField) else lambda: uuid.uuid4().hex
        for begin in range(0, count, 2_000):
            numbers = range(min(2_000, count - begin))
            model._default_manager.bulk_create([model(**{**fields, model._meta.pk.attname: new()}) for _ in numbers])
        return None


def copy_in_the_database(model, last, count):
    """Let the database number the copies. It also keeps values of types that Django doesn't know."""
    quote = connection.ops.quote_name
    columns = ", ".join(quote(field.column) for field in model._meta.concrete_fields if not field.primary_key)
    table, key = quote(model._meta.db_table), quote(model._meta.pk.column)
    numbers = "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < %s)"
    query = f"{numbers} INSERT INTO {table} ({columns}) SELECT {columns} FROM {table}, numbers WHERE {key} = %s"  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(query, [count, last.pk])
