from django.urls import path

from config.urls import urlpatterns as step
from runners.project import exports

urlpatterns = [
    path("run/export/<key>/", exports.run),
    path("state/<uuid:id>/", exports.state),
    path("reap/", exports.reap),
    *step,
]
