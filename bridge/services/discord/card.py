"""The card that opens a thread: who writes, from where, and where to read on. `bare`: without what they chose."""

import re
from urllib.parse import urlsplit

import discord

from bridge.conf import settings
from bridge.infra import addresses
from bridge.models import Connection, Contact, Endpoint
from bridge.services.discord.text import one_line, plain
from bridge.text.characters import shortened, utf16

# The first that matches: Edge and Opera name Chrome too, and Chrome names Safari.
_BROWSERS = {"Edg": "Edge", "OPR/": "Opera", "Firefox/": "Firefox", "Chrome/": "Chrome", "Safari/": "Safari"}
_SYSTEMS = ("Android", "iPhone", "iPad", "Windows", "Mac OS X", "Linux")

WIDE = frozenset({"Page", "Replaces", "Read up to", "History"})
"""Fields with a line of their own."""


def thread_name(connection: Connection, *, bare: bool = False) -> str:
    """At most 100 characters. Ends in the code, by which an opening of unknown fate is found again."""
    nick = "" if bare else shortened(one_line(connection.nick), 80, size=utf16)
    return f"{nick or 'Visitor'} · {connection.code}"


def card_text(endpoint: Endpoint, *, bare: bool = False) -> str:
    """Ends in the code, too."""
    connection = endpoint.connection
    visitor = "" if bare else f" with **{plain(connection.nick or 'a visitor')}**"
    return f"New conversation{visitor} · {connection.code}"


def contact_of(endpoint: Endpoint) -> Contact | None:
    """Asks the database."""
    connection = endpoint.connection
    if connection.visitor is None:
        return None
    return Contact.objects.filter(visitor=connection.visitor, inbox=connection.inbox_id).first()


def card_embed(
    endpoint: Endpoint, *, contact: Contact | None = None, read: str = "", bare: bool = False
) -> discord.Embed:
    """What is known of the visitor, who may have made it up: text, never a link. `read`: up to where they have read."""
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
    """What is known of the visitor. A mark stands behind what their site says of them, not they themselves."""
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
    """“Firefox on Linux”, or nothing where neither is known."""
    name = next((name for mark, name in _BROWSERS.items() if mark in user_agent), "")
    system = next((system for system in _SYSTEMS if system in user_agent), "")
    return " on ".join(filter(None, (name, system.replace("Mac OS X", "macOS"))))


def _address(url: str) -> str:
    """An address as text that nobody follows by mistake. Empty where it is none."""
    try:
        scheme = urlsplit(url).scheme
    except ValueError:
        return ""
    if scheme not in {"http", "https"}:
        return ""
    return "`" + re.sub(r"[`\s]", "", url)[:500] + "`"
