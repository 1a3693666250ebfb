# Celery's tasks need the app in each process of this project.
from config.celery import app as celery_app

__all__ = ["celery_app"]
