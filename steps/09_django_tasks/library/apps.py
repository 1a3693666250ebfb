"""The library: books, their authors, and how a visitor finds them."""

from django.apps import AppConfig


class LibraryConfig(AppConfig):
    name = "library"
