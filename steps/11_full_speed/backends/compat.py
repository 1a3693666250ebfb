"""Django Tasks: part of Django since 6.0, and the package django-tasks before."""

import django

if django.VERSION >= (6, 0):
    from django.tasks import Task, TaskResult, TaskResultStatus, task
    from django.tasks.backends.base import BaseTaskBackend

    APPS = []
else:
    from django_tasks import TaskResult, TaskResultStatus, task
    from django_tasks.backends.base import BaseTaskBackend
    from django_tasks.base import Task

    APPS = ["django_tasks"]

__all__ = ["APPS", "BaseTaskBackend", "Task", "TaskResult", "TaskResultStatus", "task"]
