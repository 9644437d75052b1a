"""Origins: whether a socket or a request comes from our own page or from another site."""

import logging
from urllib.parse import SplitResult, urlsplit

from django.conf import settings as project
from django.http.request import split_domain_port, validate_host

from bridge.errors import BridgeError, Code
from bridge.infra import addresses
from bridge.infra.notices import warn_once

logger = logging.getLogger(__name__)

LOCAL = [".localhost", "127.0.0.1", "[::1]"]
"""The hosts that Django allows with DEBUG if ALLOWED_HOSTS is empty."""
MOST_ORIGINS = 20
"""How many other origins the log names. Anybody can invent more."""


class OriginRefused(BridgeError):
    """A socket or a request is for another host, has an invalid origin, or comes from a site that is not allowed."""

    def __init__(self, message: str) -> None:
        super().__init__(Code.NOT_PERMITTED, message, close=True)


def foreign_origin(origin: str | None, host: str, *, scheme: str) -> tuple[str, str]:
    """The origin, if it is another site, and a doubt about that (`Handshake.doubt`). The inbox decides whether the
    origin is allowed. Both are empty for our own pages and for clients that are not browsers."""
    if not validate_host(split_domain_port(host)[0], project.ALLOWED_HOSTS or LOCAL):
        raise OriginRefused(f"The host {host!r} is not in ALLOWED_HOSTS.")
    if origin is None:
        return "", ""
    try:
        parts = urlsplit(origin.lower())
        port = parts.port
    except ValueError:
        raise OriginRefused("The origin is invalid.") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise OriginRefused("The origin is invalid.")
    page = origin.lower().rstrip("/")
    name, asked_port = _split(host.lower())
    if _host(parts.hostname, port) == _host(name, asked_port):
        if not scheme or parts.scheme == scheme:
            return "", ""
        # Somebody in between could have changed a page over plain HTTP. For browsers, too, this is another site.
        return _doubted(page, "scheme", scheme)
    if _site(parts) == _site(urlsplit(addresses.origin())):
        # This is the site's configured address, whatever Host the proxy passes on.
        return "", ""
    return _doubted(page, "port", host) if parts.hostname == name else (page, "")


def _site(parts: SplitResult) -> tuple[str, str | None, int | None]:
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)


_DOUBTS = {
    "scheme": "The page %s counts as another site, because this site uses %s. If the page is yours, the proxy in front "
    "must set X-Forwarded-Proto, and TRUSTED_PROXIES must count that proxy.",
    "port": "The page %s counts as another site, because the request names the host %s. If the page is yours, the "
    "proxy in front must pass on Host with its port (nginx: proxy_set_header Host $http_host;), or SITE_URL must be "
    "set to this site's address.",
}


def _doubted(origin: str, doubt: str, asked: str) -> tuple[str, str]:
    warn_once(logger, _DOUBTS[doubt], origin, asked, most=MOST_ORIGINS)
    return origin, doubt


def _split(host: str) -> tuple[str, int | None]:
    name, port = split_domain_port(host)
    return name.strip("[]"), int(port) if port else None


def _host(name: str, port: int | None) -> tuple[str, int]:
    # A proxy may use HTTPS with the browser and HTTP with us, so the default ports count as the same.
    return name, 0 if port in {None, 80, 443} else int(port or 0)
