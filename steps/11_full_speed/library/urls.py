"""The library's URLs, below /books/."""

from django.urls import path

from library import views

urlpatterns = [
    path("", views.book_list, name="book-list"),
    path("download/", views.book_download, name="book-download"),
]
