"""The URLs of exports, below /exports/."""

from django.urls import path

from exports import views

urlpatterns = [
    path("", views.export_list, name="export-list"),
    path("new/", views.export_create, name="export-create"),
    path("<uuid:pk>/", views.export_detail, name="export-detail"),
    path("<uuid:pk>/progress/", views.export_progress, name="export-progress"),
    path("<uuid:pk>/download/", views.export_download, name="export-download"),
    path("<uuid:pk>/cancel/", views.export_cancel, name="export-cancel"),
    path("<uuid:pk>/retry/", views.export_retry, name="export-retry"),
    path("<uuid:pk>/delete/", views.export_delete, name="export-delete"),
]
