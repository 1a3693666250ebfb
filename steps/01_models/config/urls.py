"""The URLs of the site."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="book-list")),
    path("books/", include("library.urls")),
    path("admin/", admin.site.urls),
]
