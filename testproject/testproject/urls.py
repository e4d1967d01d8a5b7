"""The URLs of the site: the admin and the API."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from atlas.api import v1

urlpatterns = [
    path("admin/", admin.site.urls),
    path("api/", include(v1.urls)),
    path("", RedirectView.as_view(pattern_name="admin:index")),
]
