"""The library: books and their authors."""

from django.apps import AppConfig


class LibraryConfig(AppConfig):
    name = "library"
