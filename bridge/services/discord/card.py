"""The card at the beginning of a thread, with the visitor's details. `bare`: without anything they chose."""

import re
from urllib.parse import urlsplit

import discord

from bridge.conf import settings
from bridge.infra import addresses
from bridge.models import Connection, Contact, Endpoint
from bridge.services.discord.text import one_line, plain
from bridge.text.characters import shortened, utf16

# The first match counts: Edge and Opera also name Chrome, and Chrome names Safari.
_BROWSERS = {"Edg": "Edge", "OPR/": "Opera", "Firefox/": "Firefox", "Chrome/": "Chrome", "Safari/": "Safari"}
_SYSTEMS = ("Android", "iPhone", "iPad", "Windows", "Mac OS X", "Linux")

WIDE = frozenset({"Page", "Replaces", "Read up to", "History"})
"""Fields that have their own line."""


def thread_name(connection: Connection, *, bare: bool = False) -> str:
    """Return at most 100 characters, ending with the code, by which an opening with an unknown result is found."""
    nick = "" if bare else shortened(one_line(connection.nick), 80, size=utf16)
    return f"{nick or 'Visitor'} · {connection.code}"


def card_text(endpoint: Endpoint, *, bare: bool = False) -> str:
    """Return the card's text, which also ends with the code."""
    connection = endpoint.connection
    visitor = "" if bare else f" with **{plain(connection.nick or 'a visitor')}**"
    return f"New conversation{visitor} · {connection.code}"


def contact_of(endpoint: Endpoint) -> Contact | None:
    """Query the visitor's contact."""
    connection = endpoint.connection
    if connection.visitor is None:
        return None
    return Contact.objects.filter(visitor=connection.visitor, inbox=connection.inbox_id).first()


def card_embed(
    endpoint: Endpoint, *, contact: Contact | None = None, read: str = "", bare: bool = False
) -> discord.Embed:
    """Return the card. Visitors may make up their details, so these are never links. `read`: how far they have read."""
    embed = discord.Embed(
        description="Answer in the thread. The visitor sees your answer immediately.", colour=0x5865F2
    )
    fields = {} if bare else _known(endpoint.connection, contact)
    if endpoint.predecessor_id:
        fields["Replaces"] = f"<#{endpoint.predecessor_id}>, which was deleted"
    fields["Read up to"] = read
    if settings.SITE_URL:
        path = addresses.path_to("admin:bridge_connection_change", endpoint.connection.pk)
        fields["History"] = f"[Open in the admin]({addresses.whole(path)})"
    for name, value in fields.items():
        if value:
            embed.add_field(name=name, value=value[:1024], inline=name not in WIDE)
    return embed


def _known(connection: Connection, contact: Contact | None) -> dict[str, str]:
    """Return the visitor's details. Those that come from their site are followed by a mark."""
    fields = {}
    if contact is not None:
        known = {
            "Name": (contact.name, contact.name_verified),
            "Email": (contact.email, contact.email_verified),
            "Identified as": (contact.subject, contact.is_identified),
        }
        fields = {name: plain(text) + " ✓" * verified for name, (text, verified) in known.items() if text}
    return fields | {
        "Page": " ".join(filter(None, (plain(connection.page_title), _address(connection.page_url)))),
        "Referrer": _address(connection.referrer),
        "Language": plain(connection.locale),
        "Browser": browser(connection.user_agent),
    }


def browser(user_agent: str) -> str:
    """Return a text like “Firefox on Linux”; empty if neither is known."""
    name = next((name for mark, name in _BROWSERS.items() if mark in user_agent), "")
    system = next((system for system in _SYSTEMS if system in user_agent), "")
    return " on ".join(filter(None, (name, system.replace("Mac OS X", "macOS"))))


def _address(url: str) -> str:
    """Return an address as text that is not a link; empty if it is not a web address."""
    try:
        scheme = urlsplit(url).scheme
    except ValueError:
        return ""
    if scheme not in {"http", "https"}:
        return ""
    return "`" + re.sub(r"[`\s]", "", url)[:500] + "`"
