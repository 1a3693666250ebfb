"""Fill the runner's table with finished tasks, as if it had run for months."""

import uuid

from django.apps import apps
from django.core.management.base import BaseCommand
from django.db import models

from runners.project.tasks import runner


class Command(BaseCommand):
    help = "Copy the last finished task as often as you say."

    def add_arguments(self, parser):
        parser.add_argument("count", type=int)

    def handle(self, *, count, **options):
        model = apps.get_model(runner.FINISHED)
        last = model.objects.last()
        fields = {field.attname: getattr(last, field.attname) for field in model._meta.concrete_fields}
        for begin in range(0, count, 2_000):
            model.objects.bulk_create([model(**{**fields, **new_key(model)}) for _ in range(min(2_000, count - begin))])


def new_key(model):
    """Return a new primary key. The database makes numbers by itself."""
    key = model._meta.pk
    if isinstance(key, models.AutoField):
        return {key.attname: None}
    return {key.attname: uuid.uuid4() if isinstance(key, models.UUIDField) else uuid.uuid4().hex}
