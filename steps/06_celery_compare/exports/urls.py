"""The URLs of exports, below /exports/."""

from django.urls import path

from exports import views

urlpatterns = [
    path("new/", views.export_create, name="export-create"),
    path("file/<str:token>/", views.export_file, name="export-file"),
]
