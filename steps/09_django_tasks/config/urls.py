"""Which address shows what."""

from django.contrib import admin
from django.contrib.auth.views import LogoutView
from django.urls import include, path
from django.views.generic import RedirectView

from exports.views import Login

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="book-list")),
    path("books/", include("library.urls")),
    path("exports/", include("exports.urls")),
    path("login/", Login.as_view(), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("admin/", admin.site.urls),
]
