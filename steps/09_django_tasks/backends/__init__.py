"""Backends for Django's tasks. They know nothing of exports: take them along to your own project."""
