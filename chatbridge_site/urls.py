"""Addresses of the site: the admin, and what `bridge` has."""

from django.contrib import admin
from django.urls import include, path

admin.site.site_header = admin.site.site_title = "ChatBridge"

urlpatterns = [
    path("admin/", admin.site.urls),
    path("", include("bridge.urls")),
]
