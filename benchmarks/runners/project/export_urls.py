from django.urls import path

from config.urls import urlpatterns as step
from runners.project import export_views

urlpatterns = [
    path("run/export/<key>/", export_views.run),
    path("state/<uuid:id>/", export_views.state),
    path("reap/", export_views.reap),
    *step,
]
