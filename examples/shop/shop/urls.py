"""Addresses: the shop's home page, the chat, the admin and the login."""

from django.contrib import admin
from django.contrib.auth.views import LoginView
from django.urls import include, path
from orders import views

urlpatterns = [
    path("", views.home, name="home"),
    path("login/", LoginView.as_view(template_name="orders/login.html"), name="login"),
    path("chat/", include("bridge.urls")),
    path("admin/", admin.site.urls),
]
