"""Addresses of the pages, and of files."""

from django.urls import path, re_path

from bridge import downloads, emoji_pictures, views

app_name = "bridge"
urlpatterns = [
    path("", views.chat, name="chat"),
    path("rooms/", views.rooms, name="rooms"),
    path("rooms/<slug:slug>/", views.room, name="room"),
    path("rooms/<slug:slug>/<str:key>/", views.room, name="room"),
    path("avatars/<uuid:participant>.png", views.avatar, name="avatar"),
    re_path(r"^emoji/(?P<emoji>[0-9]{15,19})\.(?P<kind>webp|gif)$", emoji_pictures.picture, name="emoji"),
    path("files/", downloads.elsewhere, name="files"),
    path("files/<uuid:uid>/", downloads.file, name="file"),
    path("files/<uuid:uid>/thumbnail/", downloads.thumbnail, name="thumbnail"),
]
