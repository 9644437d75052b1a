"""Addresses of this site: its path, and URLs that are the same in every thread."""

from urllib.parse import urlsplit

from django.conf import settings as project
from django.urls import get_script_prefix, reverse

from bridge.conf import settings

SOCKET = "/ws/chat/"
"""The socket's path below that of the site, wherever `bridge.urls` is included."""


def below() -> str:
    """The path of the whole site, such as `/support`, or empty if the site has a host of its own.

    FORCE_SCRIPT_NAME, otherwise the path in SITE_URL. Other processes do not know the path of a server or a request.
    """
    return str(project.FORCE_SCRIPT_NAME or urlsplit(settings.SITE_URL).path).rstrip("/")


def path_to(name: str, *arguments: object) -> str:
    """Like `reverse`, which knows the path of the site only in threads in which Django serves a request."""
    here = get_script_prefix()
    inside = reverse(name, args=arguments).removeprefix(here).removeprefix("/")
    return f"{below() or here.rstrip('/')}/{inside}"


def origin() -> str:
    """Scheme and host of SITE_URL, or empty if it is not set."""
    parts = urlsplit(settings.SITE_URL.lower())
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else ""


def whole(path: str) -> str:
    """The path with scheme and host, for use in other services. Empty if SITE_URL is not set."""
    return f"{origin()}{path}" if origin() else ""
