from django.urls import path

from runners.project import views

urlpatterns = [
    path("", views.ready),
    path("run/<kind>/<key>/", views.run),
    path("state/<id>/", views.state),
]
