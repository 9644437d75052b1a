"""URLs of the pages, the files, the HTTP API and the services."""

from collections.abc import Iterator

from django.urls import URLResolver, include, path, re_path

from bridge import services
from bridge.web import downloads, emoji_pictures, views


def _services() -> Iterator[URLResolver]:
    """The URLs of each service, under its name: `reverse("bridge:<service>:<view>")`."""
    for name, service in services.usable():
        if patterns := list(service.urls()):
            yield path(f"services/{name}/", include((patterns, name)))


app_name = "bridge"
urlpatterns = [
    path("", views.chat, name="chat"),
    path("rooms/", views.rooms, name="rooms"),
    path("rooms/<slug:slug>/", views.room, name="room"),
    path("rooms/<slug:slug>/<str:key>/", views.room, name="room"),
    path("avatars/<uuid:participant>.png", views.avatar, name="avatar"),
    re_path(r"^emoji/(?P<emoji>[0-9]{15,19})\.(?P<kind>webp|gif)$", emoji_pictures.picture, name="emoji"),
    path("api/", include("bridge.http.urls")),
    path("files/", downloads.elsewhere, name="files"),
    path("files/<uuid:uid>/", downloads.file, name="file"),
    path("files/<uuid:uid>/thumbnail/", downloads.thumbnail, name="thumbnail"),
    *_services(),
]
