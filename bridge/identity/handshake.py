"""Handshakes: where a socket or a request comes from, and its credentials. Only the headers are read."""

import ipaddress
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.conf import settings as project
from django.http import HttpRequest, parse_cookie

from bridge.conf import settings
from bridge.identity.origins import foreign_origin
from bridge.identity.tokens import in_cookies
from bridge.infra.notices import warn_once

logger = logging.getLogger(__name__)


class Credentials(NamedTuple):
    token: str | None = None
    is_cookie: bool = False
    """The token comes from our page's cookie. If it was issued for a login, it is valid only with that login."""
    login: str | None = None
    """The key of a Django session."""
    vouched_by: str | None = None
    """A JWT."""


@dataclass(frozen=True, slots=True)
class Handshake:
    """What is known about a socket or a request before its visitor is known."""

    address: str
    user_agent: str
    origin: str
    """The page's origin if that is another site; empty for our own pages and for clients without an origin."""
    cookie: str | None
    """The token in the cookie of our own page."""
    login: str | None = None
    """The key of the Django session; only from our own pages."""
    doubt: str = ""
    """What a proxy seems to hide, `port` or `scheme`, if `origin` may be our own page."""
    bearer: str | None = None
    """The token in the Authorization header, of a visitor or of staff."""
    is_ours: bool = True
    """False if a page of another site made the request: its cookies do not count."""

    @property
    def credentials(self) -> Credentials:
        """The credentials of a request: only its bearer token, or else the cookie and login of our own page."""
        return Credentials(self.bearer) if self.bearer else self.to_start()

    def to_start(self, *, token: str | None = None, vouched_by: str | None = None) -> Credentials:
        """The credentials of `session.start`. A token is also used with a login or JWT, to keep the conversation."""
        token = token or self.bearer
        cookie, login = (self.cookie, self.login) if self.is_ours else (None, None)
        return Credentials(token or cookie, is_cookie=not token, login=login, vouched_by=vouched_by)


def read_handshake(scope: dict[str, Any]) -> Handshake:
    """The handshake of an ASGI scope. Raises OriginRefused if Host is not one of ours or Origin is invalid."""
    headers: dict[bytes, str] = {}
    for name, value in scope["headers"]:
        # Repeated headers, such as X-Forwarded-For, are joined to one list.
        between = "; " if name == b"cookie" else ", "
        text, known = value.decode("latin-1"), headers.get(name)
        headers[name] = text if known is None else f"{known}{between}{text}"
    scheme = _scheme(scope.get("scheme", ""), headers)
    origin, doubt = foreign_origin(headers.get(b"origin"), headers.get(b"host", ""), scheme=scheme)
    # Our cookies do not count for pages of other sites, even if a browser sends them.
    cookies = parse_cookie(headers.get(b"cookie", "") if not origin else "")
    return Handshake(
        address=_address(scope.get("client"), headers.get(b"x-forwarded-for", "")),
        user_agent=_printable(headers.get(b"user-agent", ""))[:300],
        origin=origin,
        cookie=in_cookies(cookies.get, secure=scheme == "https"),
        login=cookies.get(project.SESSION_COOKIE_NAME),
        doubt=doubt,
        bearer=_bearer(headers.get(b"authorization", "")),
        is_ours=not origin and _is_ours(scope.get("method", ""), headers),
    )


def handshake_of(request: HttpRequest) -> Handshake:
    """The handshake of a Django request, under ASGI or WSGI. Raises OriginRefused."""
    scope = getattr(request, "scope", None)
    if scope is None:
        meta = request.META
        headers = {name.lower(): value for name, value in request.headers.items()}
        headers.setdefault("host", f"{meta['SERVER_NAME']}:{meta['SERVER_PORT']}")
        scope = {
            "method": request.method,
            "scheme": meta["wsgi.url_scheme"],
            "headers": [
                (name.encode(), value.encode("latin-1", "replace")) for name, value in headers.items()
            ],
            "client": (meta.get("REMOTE_ADDR", ""),),
        }
    return read_handshake(scope)


def _bearer(authorization: str) -> str | None:
    scheme, _, token = authorization.partition(" ")
    return (token.strip() or None) if scheme.lower() == "bearer" else None


def _is_ours(method: str, headers: Mapping[bytes, str]) -> bool:
    """Whether no page of another site made this request. The origin has been checked before.

    Links on other sites may lead here if the request only reads. `method` is empty for a socket: its origin is
    enough, because browsers always send it.
    """
    site = headers.get(b"sec-fetch-site", "")
    if method in {"GET", "HEAD"}:
        is_link = (
            headers.get(b"sec-fetch-mode") == "navigate" and headers.get(b"sec-fetch-dest") == "document"
        )
        return is_link or site in {"", "same-origin", "none"}
    return not method or (site == "same-origin" if site else b"origin" in headers)


def address_of(request: HttpRequest) -> str | None:
    """The visitor's address for a request of a page, or None if it has none, as on a unix socket."""
    address = _address((request.META.get("REMOTE_ADDR"),), request.META.get("HTTP_X_FORWARDED_FOR", ""))
    try:
        return str(ipaddress.ip_address(address))
    except ValueError:
        return None


def _scheme(spoken: str, headers: Mapping[bytes, str]) -> str:
    """The scheme that the browser uses, `http` or `https`; empty if unknown.

    A proxy that terminates TLS says so in the header of Django's SECURE_PROXY_SSL_HEADER. Without this setting, a
    plain HTTP request may have reached an unknown proxy over HTTPS.
    """
    if spoken in {"https", "wss"}:
        return "https"
    if project.SECURE_PROXY_SSL_HEADER:
        name, secure = project.SECURE_PROXY_SSL_HEADER
        value = headers.get(name.removeprefix("HTTP_").replace("_", "-").lower().encode())
        if value is not None:
            return "https" if value.split(",")[0].strip() == secure else "http"
    return "https" if project.SECURE_SSL_REDIRECT else ""


def _address(client: Any, forwarded: str) -> str:
    """The visitor's address as our outermost proxy saw it. For IPv6, the network."""
    address = _forwarded_for(forwarded) or (str(client[0]) if client else "unknown")
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address[:64]
    if parsed.version == 4:
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        # A server that listens only on IPv6 writes IPv4 addresses like this.
        return str(parsed.ipv4_mapped)
    # One household has 2**64 addresses. The zone is left out: it has a meaning only on one machine.
    return str(ipaddress.ip_network((int(parsed), 64), strict=False).network_address)


def _forwarded_for(forwarded: str) -> str:
    """The address that our outermost proxy saw. The entries to the left of it may be forged."""
    hops = [hop.strip() for hop in forwarded.split(",") if hop.strip()]
    trusted = settings.TRUSTED_PROXIES
    if trusted > len(hops):
        warn_once(
            logger,
            "TRUSTED_PROXIES is %d, but X-Forwarded-For has %d: visitors share one address, or can forge one. Set "
            "TRUSTED_PROXIES to the number of proxies; each must add to the header (nginx: proxy_set_header "
            "X-Forwarded-For $proxy_add_x_forwarded_for;).",
            trusted,
            len(hops),
        )
    elif hops and not trusted:
        warn_once(
            logger,
            "A request has X-Forwarded-For, but TRUSTED_PROXIES is 0. If your proxy sets this header, all visitors "
            "share one address and its limits, and HTTPS is not recognised: set TRUSTED_PROXIES to the number of "
            "proxies.",
        )
    if not 0 < trusted <= len(hops):
        return ""
    # Some proxies add the port. With it, the throttles would see another address for each socket.
    hop = hops[-trusted]
    if hop.startswith("["):
        return hop[1:].partition("]")[0]
    return hop.partition(":")[0] if hop.count(":") == 1 else hop


def _printable(text: str) -> str:
    return "".join(char for char in text if char.isprintable())
