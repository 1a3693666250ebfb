"""The URLs of the site."""

from django.contrib import admin
from django.contrib.auth.views import LoginView, LogoutView
from django.urls import include, path
from django.views.generic import RedirectView, TemplateView

from exports.views import health

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="book-list")),
    path("books/", include("library.urls")),
    path("exports/", include("exports.urls")),
    path("health/", health),
    path("login/", LoginView.as_view(), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("robots.txt", TemplateView.as_view(template_name="robots.txt", content_type="text/plain")),
    path("admin/", admin.site.urls),
]
