"""Where a socket comes from: its address, its origin, its cookie. Read from the handshake alone."""

import ipaddress
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings as project
from django.http import HttpRequest
from django.http.request import split_domain_port, validate_host

from bridge.conf import settings
from bridge.identity.tokens import cookie_in, in_cookies
from bridge.infra import addresses
from bridge.infra.notices import warn_once

logger = logging.getLogger(__name__)

MOST_ORIGINS = 20
"""Pages of other origins that the log names: anybody may make one up."""


@dataclass(frozen=True, slots=True)
class Handshake:
    """How a socket came in, before anybody said who he is."""

    address: str
    user_agent: str
    origin: str
    """The page's origin where that is another site; empty for our own pages and for clients without one."""
    token: str | None
    """From the cookie of our own page."""
    login: str | None = None
    """The key of the Django session that came with it, from our own pages alone."""
    doubt: str = ""
    """What a proxy in front hides, `port` or `scheme`, where `origin` may well be our own page."""


class OriginRefused(Exception):
    """This handshake was not meant for us, or says nothing that can be believed."""


def read_handshake(scope: dict[str, Any]) -> Handshake:
    """Raises OriginRefused where the Host is none of ours or the Origin is none at all."""
    headers: dict[bytes, str] = {}
    for name, value in scope["headers"]:
        # Repeated headers, as X-Forwarded-For may be, are one list.
        known = headers.get(name)
        headers[name] = value.decode("latin-1") if known is None else f"{known}, {value.decode('latin-1')}"
    scheme = _scheme(scope.get("scheme", ""), headers)
    origin, doubt = _foreign_origin(headers.get(b"origin"), headers.get(b"host", ""), scheme=scheme)
    # Another site's page never speaks with our cookies, even where its browser sends them along.
    cookies = headers.get(b"cookie", "") if not origin else ""
    return Handshake(
        address=_address(scope.get("client"), headers.get(b"x-forwarded-for", "")),
        user_agent=_printable(headers.get(b"user-agent", ""))[:300],
        origin=origin,
        token=in_cookies(partial(cookie_in, cookies), secure=scheme == "https"),
        login=cookie_in(cookies, project.SESSION_COOKIE_NAME),
        doubt=doubt,
    )


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


def _foreign_origin(origin: str | None, host: str, *, scheme: str) -> tuple[str, str]:
    """Empty for our own page and for what is no browser; else the origin, for an inbox to allow, and what may be wrong
    about it: Handshake.doubt."""
    if not validate_host(split_domain_port(host)[0], project.ALLOWED_HOSTS or ["localhost", "127.0.0.1"]):
        raise OriginRefused(f"the host {host!r} is not in ALLOWED_HOSTS")
    if origin is None:
        return "", ""
    try:
        parts = urlsplit(origin.lower())
        port = parts.port
    except ValueError:
        raise OriginRefused("the origin is none") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise OriginRefused("the origin is none")
    found, doubt = origin.lower().rstrip("/"), ""
    name, asked_port = _split(host.lower())
    if _host(parts.hostname, port) == _host(name, asked_port):
        if not scheme or parts.scheme == scheme:
            return "", ""
        # Whoever sits between could have written it: to browsers, too, it is another site.
        doubt = "scheme"
        _tell_other_scheme(found, scheme)
    elif _is_named(parts.scheme, parts.hostname, port):
        # Whatever Host the proxy passes on: this is where the site says that it is.
        return "", ""
    elif parts.hostname == name:
        doubt = "port"
        _tell_other_port(found, host)
    return found, doubt


def _is_named(scheme: str, name: str, port: int | None) -> bool:
    """Whether SITE_URL says so."""
    own = urlsplit(addresses.origin())
    usual = {"http": 80, "https": 443}
    return (own.scheme, own.hostname, own.port or usual.get(own.scheme)) == (
        scheme,
        name,
        port or usual[scheme],
    )


def _tell_other_scheme(origin: str, scheme: str) -> None:
    warn_once(
        logger,
        "The page %s counts as another site, because this site uses %s. If the page is yours, the proxy in front must "
        "set X-Forwarded-Proto, and TRUSTED_PROXIES must count that proxy.",
        origin,
        scheme,
        most=MOST_ORIGINS,
    )


def _tell_other_port(origin: str, host: str) -> None:
    warn_once(
        logger,
        "The page %s counts as another site, because the request names the host %s. If the page is yours, the proxy in "
        "front must pass on Host with its port (nginx: proxy_set_header Host $http_host;), or SITE_URL must be set to "
        "this site's address.",
        origin,
        host,
        most=MOST_ORIGINS,
    )


def _tell_untrusted() -> None:
    warn_once(
        logger,
        "A request has X-Forwarded-For, but TRUSTED_PROXIES is 0. If your proxy sets this header, all visitors share "
        "one address and its limits, and HTTPS is not recognised: set TRUSTED_PROXIES to the number of proxies.",
    )


def _tell_missing(trusted: int, hops: int) -> None:
    warn_once(
        logger,
        "TRUSTED_PROXIES is %d, but X-Forwarded-For has %d: visitors share one address, or can forge one. Set "
        "TRUSTED_PROXIES to the number of proxies; each must add to the header (nginx: proxy_set_header "
        "X-Forwarded-For $proxy_add_x_forwarded_for;).",
        trusted,
        hops,
    )


def _split(host: str) -> tuple[str, int | None]:
    name, port = split_domain_port(host)
    return name.strip("[]"), int(port) if port else None


def _host(name: str, port: int | None) -> tuple[str, int]:
    # A proxy in front may speak HTTPS to the browser and HTTP to us: the usual ports are one.
    return name, 0 if port in {None, 80, 443} else int(port or 0)


def _address(client: Any, forwarded: str) -> str:
    """The visitor's, as the nearest of our own proxies saw it; an IPv6 network where it is of that kind.

    Whatever stands further left in X-Forwarded-For anybody may have written there.
    """
    address = str(client[0]) if client else "unknown"
    hops = [hop.strip() for hop in forwarded.split(",") if hop.strip()]
    if settings.TRUSTED_PROXIES and len(hops) >= settings.TRUSTED_PROXIES:
        # Some proxies write the port, too: with it each socket would be another address to the throttles.
        hop = hops[-settings.TRUSTED_PROXIES]
        address = _without_port(hop)
    elif settings.TRUSTED_PROXIES:
        _tell_missing(settings.TRUSTED_PROXIES, len(hops))
    elif hops:
        _tell_untrusted()
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


def _without_port(hop: str) -> str:
    if hop.startswith("["):
        return hop[1:].partition("]")[0]
    return hop.partition(":")[0] if hop.count(":") == 1 else hop


def _printable(text: str) -> str:
    return "".join(char for char in text if char.isprintable())
