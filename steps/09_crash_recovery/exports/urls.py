"""The URLs of exports, below /exports/."""

from django.urls import path

from exports import views

urlpatterns = [
    path("", views.export_list, name="export-list"),
    path("new/", views.export_create, name="export-create"),
    path("<uuid:pk>/", views.export_detail, name="export-detail"),
    path("<uuid:pk>/download/", views.export_download, name="export-download"),
]
