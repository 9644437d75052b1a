"""Texts and links for staff: reasons, states and addresses."""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from django.contrib import admin
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.timezone import localtime

from bridge import services
from bridge.chat.openings import RECENT, bits_asked, opened_lately
from bridge.delivery.composing import notice
from bridge.infra.limits import throttles
from bridge.models import Connection, Endpoint, Inbox, Message
from bridge.services.requests import UNKNOWN
from bridge.services.words import plain

UNKNOWN_FATE = "It is unknown whether it arrived: look into the thread, and try again if it is missing there."


def openings(inbox: Inbox) -> SafeString:
    """How many conversations were opened in an inbox lately, and what followed from that."""
    limit, now = throttles()["opening"].inbox, timezone.now()
    checked = "Browsers are checked." if bits_asked(inbox, now=now) else "Browsers are not checked."
    if limit is None:
        return format_html("There is no limit. {}", checked)
    opened, minutes = opened_lately(inbox, limit, now=now), round(limit.seconds / RECENT / 60)
    reached = format_html(" The limit was reached: {}.", moment(inbox.full_at)) if inbox.full_at else ""
    most = f"the limit is {limit.amount} in {round(limit.seconds / 60)} minutes"
    return format_html("{} in the last {} minutes; {}. {}{}", opened, minutes, most, checked, reached)


def reason(code: str) -> str:
    """What a delivery's reason code means and what to do, according to the service."""
    if code == UNKNOWN:
        return UNKNOWN_FATE
    reasons = (service.reasons.get(code) for _, service in services.usable())
    return next(filter(None, reasons), code.replace("_", " ").capitalize())


def excerpt(message: Message) -> str:
    """One line that represents the message."""
    if message.deleted_at:
        return "(deleted)"
    if message.kind == Message.Kind.GAP:
        return gap(message)
    if message.kind == Message.Kind.EVENT:
        return notice(message)
    return Truncator(" ".join(plain(message, hide=False).split())).chars(120) or f"({message.kind})"


def gap(message: Message) -> str:
    if message.gap_size is None:
        return "An unknown number of messages is missing here."
    return (
        "1 message is missing here."
        if message.gap_size == 1
        else f"{message.gap_size} messages are missing here."
    )


def conversation_url(pk: int, *, seq: int | None = None) -> str:
    """The conversation's page; with `seq`, at that message, with some messages after it."""
    url = reverse("admin:bridge_connection_change", args=[pk])
    return url if seq is None else f"{url}?{urlencode({'before': seq + FOLLOWING})}#message-{seq}"


FOLLOWING = 11
"""A link to a message also shows the ten messages after it."""


def conversation_link(connection: Connection) -> SafeString:
    """A link to the conversation, with its code and inbox."""
    return format_html(
        '<a href="{}">{}</a> <span class="bridge-code">{} {}</span>',
        conversation_url(connection.pk),
        connection.title,
        connection.code,
        connection.inbox.name,
    )


def moment(at: datetime | None) -> SafeString | str:
    """A time with seconds, to compare events, and with its time zone, because staff may be in others. The line may
    break between date and time."""
    if at is None:
        return "–"
    day, time = date_format(localtime(at), "Y-m-d H:i:s T").split(maxsplit=1)
    return format_html(
        '<span class="bridge-moment">{}</span> <span class="bridge-moment">{}</span>', day, time
    )


def moment_column(field: str, description: str) -> Callable[[Any, Any], SafeString | str]:
    """A method for `list_display`: the time in this field of the row."""
    return admin.display(description=description)(lambda _, row: moment(getattr(row, field)))


def message_url(message: Message) -> str:
    return conversation_url(message.connection_id, seq=message.seq)


def message_link(message: Message) -> SafeString:
    return format_html('<a href="{}">{}</a>', message_url(message), excerpt(message))


def place_link(endpoint: Endpoint) -> SafeString | str:
    """The address of a conversation in a service; a link, if it has a URL."""
    if not endpoint.remote_id:
        return "not opened yet"
    service = dict(services.usable()).get(endpoint.service)
    url = service.url_of(endpoint) if service else ""
    return web_link(url, text=endpoint.remote_id) if url else endpoint.remote_id


def web_link(url: str, *, text: str = "") -> SafeString | str:
    """A link, if it leads to a web page. Anything else, such as `javascript:`, stays text."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        return url
    return format_html(
        '<a href="{}" target="_blank" rel="noopener noreferrer nofollow">{}</a>', url, text or url
    )
