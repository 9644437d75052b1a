"""Where this site is: the path that it stands below, and addresses of it that are the same in every thread."""

from urllib.parse import urlsplit

from django.conf import settings as project
from django.urls import get_script_prefix, reverse

from bridge.conf import settings

SOCKET = "/ws/chat/"
"""Below that path, wherever `bridge.urls` is included."""


def below() -> str:
    """The path of the whole site, such as `/support`; empty where it has its host for itself.

    FORCE_SCRIPT_NAME, else the path in SITE_URL: what a server or a request says of it no other process knows.
    """
    return str(project.FORCE_SCRIPT_NAME or urlsplit(settings.SITE_URL).path).rstrip("/")


def path_to(name: str, *arguments: object) -> str:
    """As `reverse`, which forgets the path of the site in every thread but those that Django serves a request in."""
    here = get_script_prefix()
    inside = reverse(name, args=arguments).removeprefix(here).removeprefix("/")
    return f"{below() or here.rstrip('/')}/{inside}"


def origin() -> str:
    """Scheme and host of SITE_URL; empty without it."""
    parts = urlsplit(settings.SITE_URL.lower())
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else ""


def whole(path: str) -> str:
    """With scheme and host, for what services carry. Empty where nobody said where this site is."""
    return f"{origin()}{path}" if origin() else ""
