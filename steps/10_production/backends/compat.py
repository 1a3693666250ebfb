"""Django's tasks: of Django itself since 6.0, of the package django-tasks before."""

import django

if django.VERSION >= (6, 0):
    from django.tasks import Task, TaskResult, TaskResultStatus, task
    from django.tasks.backends.base import BaseTaskBackend
    from django.tasks.exceptions import InvalidTask
    from django.tasks.signals import task_enqueued, task_finished
else:
    from django_tasks import TaskResult, TaskResultStatus, task
    from django_tasks.backends.base import BaseTaskBackend
    from django_tasks.base import Task
    from django_tasks.exceptions import InvalidTaskError as InvalidTask
    from django_tasks.signals import task_enqueued, task_finished

APPS = [] if django.VERSION >= (6, 0) else ["django_tasks"]
