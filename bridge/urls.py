"""Addresses of the pages."""

from django.urls import path

from bridge import views

app_name = "bridge"
urlpatterns = [
    path("", views.chat, name="chat"),
    path("avatars/<uuid:participant>.png", views.avatar, name="avatar"),
]
