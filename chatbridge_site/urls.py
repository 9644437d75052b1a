"""Addresses of the site: the admin, and what `bridge` has."""

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.templatetags.static import static
from django.urls import include, path

admin.site.site_header = admin.site.site_title = "ChatBridge"


def icon(request: HttpRequest) -> HttpResponse:
    """What browsers ask for on pages that name none, as those of the admin."""
    return redirect(static("bridge/icon.svg"))


handler500 = "bridge.web.away.server_error"
urlpatterns = [
    path("admin/", admin.site.urls),
    path("favicon.ico", icon),
    path("", include("bridge.urls")),
]
