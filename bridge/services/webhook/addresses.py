"""Decides where webhooks may be sent: to public addresses, and to the networks in WEBHOOK_ALLOWED_NETWORKS.

Otherwise, a user who may add a webhook could make this server send requests to hosts that only it can reach. The
address of a host name is checked when the socket is made, so a name that changes its address later gains nothing.
"""

import errno
import ipaddress
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from yarl import URL

from bridge.conf import settings

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# Not public. `is_global` depends on the version of Python, because its list of exceptions has changed.
_NEVER = tuple(
    ipaddress.ip_network(network)
    for network in (
        "192.0.0.0/24",
        "192.88.99.0/24",
        "64:ff9b:1::/48",
        "2001::/23",
        "3fff::/20",
        "5f00::/16",
        "fec0::/10",
    )
)
# IPv6 networks whose addresses contain an IPv4 address, each with the number of bits to the right of it.
_CARRYING_IPV4 = (
    (ipaddress.IPv6Network("::ffff:0:0/96"), 0),
    (ipaddress.IPv6Network("::/96"), 0),
    (ipaddress.IPv6Network("64:ff9b::/96"), 0),
    (ipaddress.IPv6Network("2002::/16"), 80),
)


class AddressRefused(OSError):
    """Connecting to this address is not allowed."""

    def __init__(self, why: str) -> None:
        # With an error number: aiohttp combines several errors into one, and keeps the number if they share it.
        super().__init__(errno.EACCES, why)


def is_public(address: Address) -> bool:
    """Whether the address is on the public internet."""
    for network, shift in _CARRYING_IPV4:
        if address in network:
            return is_public(ipaddress.IPv4Address(int(address) >> shift & 0xFFFFFFFF))
    special = (
        address.is_multicast
        or address.is_reserved
        or address.is_unspecified
        or address.is_loopback
        or address.is_link_local
        or any(address in network for network in _NEVER)
    )
    return address.is_global and not special


def check(text: str, *, encrypted: bool) -> None:
    """Raises AddressRefused if connecting to this IP address is not allowed, or not without encryption."""
    address = ipaddress.ip_address(text.partition("%")[0])
    plain = getattr(address, "ipv4_mapped", None) or address
    if any(plain in ipaddress.ip_network(network) for network in settings.WEBHOOK_ALLOWED_NETWORKS):
        return
    if not is_public(address):
        raise AddressRefused(f"{address} is not a public address.")
    if not encrypted:
        raise AddressRefused("Outside your own networks, the address must begin with https://.")


AddressInfo = tuple[Any, Any, int, str, tuple[Any, ...]]


def guarded(*, encrypted: bool) -> Callable[[AddressInfo], socket.socket]:
    """The socket factory for an aiohttp connector. It checks each address, also those of host names."""

    def make(info: AddressInfo) -> socket.socket:
        family, kind, proto, _, address = info
        check(str(address[0]), encrypted=encrypted)
        return socket.socket(family, kind, proto)

    return make


def url_mistake(text: str) -> str:
    """A sentence on what is wrong with a webhook's URL; "" if nothing is. Host names are not resolved."""
    try:
        url = URL(text)
    except ValueError:
        return "This is not a valid address."
    if url.scheme not in {"http", "https"} or not url.host:
        return "An address must begin with https:// and have a host."
    if not text.isprintable() or " " in text:
        return "An address must not contain spaces."
    if url.user is not None or url.password is not None:
        return "An address must not contain a user name or password: the signature identifies the sender."
    if url.fragment or text.endswith("#"):
        return "An address must not contain a #: what follows it is never sent."
    if url.scheme == "http" and not settings.WEBHOOK_ALLOWED_NETWORKS:
        return "The address must begin with https://: otherwise messages could be read on their way."
    return _literal_mistake(url.host, encrypted=url.scheme == "https")


def _literal_mistake(host: str, *, encrypted: bool) -> str:
    host = host.lower().rstrip(".")
    if host == "localhost" or host.endswith(".localhost"):
        host = "127.0.0.1"
    with suppress(OSError):
        # 127.1, 0x7f000001 and 2130706433 are also addresses.
        host = socket.inet_ntoa(socket.inet_aton(host))
    try:
        check(host, encrypted=encrypted)
    except AddressRefused as refusal:
        hint = " Add your own networks to WEBHOOK_ALLOWED_NETWORKS." if encrypted else ""
        return f"{refusal.strerror}{hint}"
    except ValueError:
        # A host name. Its address is checked when it is used.
        return ""
    return ""
