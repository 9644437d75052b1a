"""Where a socket or a request comes from, and the credentials in it. Reads nothing but its headers."""

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
    """How a socket or a request came in, before its visitor is known."""

    address: str
    user_agent: str
    origin: str
    """The page's origin where that is another site; empty for our own pages and for clients without one."""
    cookie: str | None
    """The token in the cookie of our own page."""
    login: str | None = None
    """The key of the Django session that came with it, from our own pages alone."""
    doubt: str = ""
    """What a proxy in front hides, `port` or `scheme`, where `origin` may well be our own page."""
    bearer: str | None = None
    """The token in its Authorization header, of a visitor or of staff."""
    is_ours: bool = True
    """False if a page of another site made the request: its cookies do not count."""

    @property
    def credentials(self) -> Credentials:
        """Those of a request: its bearer token alone, or else the cookie and login of our own page."""
        return Credentials(self.bearer) if self.bearer else self.to_start()

    def to_start(self, *, token: str | None = None, vouched_by: str | None = None) -> Credentials:
        """Those of `session.start`. A login or JWT counts beside the token: who signs in keeps their conversation."""
        token = token or self.bearer
        cookie, login = (self.cookie, self.login) if self.is_ours else (None, None)
        return Credentials(token or cookie, is_cookie=not token, login=login, vouched_by=vouched_by)


def read_handshake(scope: dict[str, Any]) -> Handshake:
    """Raises OriginRefused where the Host is none of ours or the Origin is none at all."""
    headers: dict[bytes, str] = {}
    for name, value in scope["headers"]:
        # Repeated headers, as X-Forwarded-For may be, are one list.
        between = "; " if name == b"cookie" else ", "
        text, known = value.decode("latin-1"), headers.get(name)
        headers[name] = text if known is None else f"{known}{between}{text}"
    scheme = _scheme(scope.get("scheme", ""), headers)
    origin, doubt = foreign_origin(headers.get(b"origin"), headers.get(b"host", ""), scheme=scheme)
    # Another site's page never speaks with our cookies, even where its browser sends them along.
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
    """Whether no page of another site made this request, if its origin does not already say so.

    A link on another site may lead here, if the request only reads. `method` is empty for a socket: its origin is
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
    """The same address of a request for a page; None where it has none, as on a unix socket."""
    found = _address((request.META.get("REMOTE_ADDR"),), request.META.get("HTTP_X_FORWARDED_FOR", ""))
    try:
        return str(ipaddress.ip_address(found))
    except ValueError:
        return None


def _scheme(spoken: str, headers: Mapping[bytes, str]) -> str:
    """What the browser speaks, `http` or `https`; empty where nobody can tell.

    A proxy that ends TLS says so in the header of SECURE_PROXY_SSL_HEADER, as Django has it. Without that, what comes
    to us in clear may have come to a proxy that we know nothing of over HTTPS.
    """
    if spoken in {"https", "wss"}:
        return "https"
    if project.SECURE_PROXY_SSL_HEADER:
        name, secure = project.SECURE_PROXY_SSL_HEADER
        said = headers.get(name.removeprefix("HTTP_").replace("_", "-").lower().encode())
        if said is not None:
            return "https" if said.split(",")[0].strip() == secure else "http"
    return "https" if project.SECURE_SSL_REDIRECT else ""


def _address(client: Any, forwarded: str) -> str:
    """The visitor's, as the nearest of our own proxies saw it; an IPv6 network where it is of that kind."""
    address = _forwarded_for(forwarded) or (str(client[0]) if client else "unknown")
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address[:64]
    if parsed.version == 4:
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        # A server that listens on IPv6 alone names the same address so.
        return str(parsed.ipv4_mapped)
    # One household has 2**64 of them. Without the zone, which is a name on the machine that wrote it.
    return str(ipaddress.ip_network((int(parsed), 64), strict=False).network_address)


def _forwarded_for(forwarded: str) -> str:
    """The address that our outermost proxy saw. Anybody may have written what stands further left."""
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
    # Some proxies write the port, too: with it each socket would be another address to the throttles.
    hop = hops[-trusted]
    if hop.startswith("["):
        return hop[1:].partition("]")[0]
    return hop.partition(":")[0] if hop.count(":") == 1 else hop


def _printable(text: str) -> str:
    return "".join(char for char in text if char.isprintable())
