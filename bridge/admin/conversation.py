"""The page of a conversation: the visitor, and the messages, page by page from the newest."""

from typing import Any

from django.db.models import Count, OuterRef, Prefetch, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.timezone import localtime

from bridge.admin import words
from bridge.admin.paging import BEFORE, HistoryAdmin, cursor_of
from bridge.chat import wire
from bridge.chat.history import BY_PLACE
from bridge.infra.keyset import Cursor
from bridge.infra.redis import RedisError
from bridge.models import Block, Connection, Contact, Delivery, Message, MessageVersion, Reaction, RemotePart
from bridge.presence import online
from bridge.services.words import plain
from bridge.text import emojis

PAGE = 50
VERSIONS = 20
"""How many earlier texts of a message are shown."""
_OF_ONE = MessageVersion.objects.filter(message=OuterRef("pk")).order_by().values("message")
# A subquery for each message of the page, because a join would group, and so sort, the whole conversation.
_VERSIONS_OF_EACH = Coalesce(Subquery(_OF_ONE.annotate(count=Count("pk")).values("count")), 0)

SIGN_OUT = "bridge.add_revokedtoken"
"""The permission to sign visitors out."""
TURN = "bridge.change_connection"
"""The permission to end a conversation and to reopen it."""
READ = "bridge.view_message"
"""The permission to read messages. Without it, staff only see that there are some."""


def show(model_admin: HistoryAdmin, request: HttpRequest, connection: Connection) -> HttpResponse:
    before = cursor_of(request, request.GET.get(BEFORE), BY_PLACE)
    may_read = request.user.has_perm(READ)
    lines, older = _page(connection, before) if may_read else ([], None)
    context = {
        **model_admin.admin_site.each_context(request),
        "title": _title(connection),
        "opts": model_admin.opts,
        "connection": connection,
        "online": _is_online(connection),
        "facts": _facts(connection),
        "forbidden": _forbidden(connection),
        "can_block": request.user.has_perm("bridge.add_block"),
        "can_sign_out": connection.visitor is not None and request.user.has_perm(SIGN_OUT),
        "can_turn": connection.visitor is not None and request.user.has_perm(TURN),
        "endpoints": [(row, words.place_link(row)) for row in connection.endpoints.order_by("pk")],
        "zone": timezone.get_current_timezone_name(),
        "may_read": may_read,
        "lines": lines,
        "older": older,
        "newest": before is not None,
    }
    return TemplateResponse(request, "admin/bridge/conversation.html", context)


def _title(connection: Connection) -> str:
    if connection.kind == Connection.Kind.ROOM:
        return f"Room “{connection.name}”"
    return f"Conversation with {connection.nick or connection.code}"


def _is_online(connection: Connection) -> bool | None:
    """Whether the visitor, or in a room any visitor, has a page open. None if Redis cannot be reached."""
    try:
        return bool(online.sessions(connection=connection))
    except RedisError:
        return None


def _page(connection: Connection, before: Cursor | None) -> tuple[list[dict[str, Any]], Cursor | None]:
    """The messages before a position, oldest first, and where the next page begins."""
    rows = (
        Message.objects.filter(connection=connection)
        .select_related("author", "reply_to__author")
        .annotate(version_count=_VERSIONS_OF_EACH)
        .prefetch_related(
            "attachments",
            Prefetch("reactions", Reaction.objects.select_related("participant").order_by("pk"), "reacted"),
            Prefetch("deliveries", Delivery.objects.filter(outcome=Delivery.Outcome.FAILED), "failed"),
            Prefetch("remote_parts", RemotePart.objects.select_related("remote"), "parts"),
            Prefetch("versions", MessageVersion.objects.order_by("-pk")[:VERSIONS], "earlier"),
        )
    )
    page = BY_PLACE.page(rows, after=before, limit=PAGE)
    return [_line(message) for message in reversed(page.rows)], page.next


def _line(message: Any) -> dict[str, Any]:
    """A message for the template, from a row of `_page`."""
    failure = message.failed[0] if message.failed else None
    return {
        "message": message,
        "text": plain(message, hide=False),
        "gap": "" if message.kind == Message.Kind.MESSAGE else words.excerpt(message),
        "why": words.reason(failure.reason if failure else message.failure),
        "detail": failure.detail if failure else "",
        "more_versions": message.version_count - len(message.earlier),
        "reactions": {} if message.deleted_at else _reactions(message.reacted),
        "files": [] if message.deleted_at else wire.attachments_out(message),
        "remote_ids": [part.remote.remote_id for part in message.parts if part.remote.remote_id],
    }


def _reactions(reactions: list[Reaction]) -> dict[str, list[str]]:
    """The nicks by emoji. A custom emoji is shown by its name: `:party:`."""
    shown: dict[str, list[str]] = {}
    for reaction in reactions:
        name, pk, _ = emojis.parts(reaction.emoji)
        shown.setdefault(name if pk is None else f":{name}:", []).append(reaction.participant.nick)
    return shown


def _forbidden(connection: Connection) -> list[str]:
    """The current mutes and the block, in sentences."""
    now = timezone.now()
    sentences = [
        f"{muted.nick} is muted until {date_format(localtime(muted.muted_until), 'H:i T')}."
        for muted in connection.participants.filter(muted_until__gt=now).order_by("nick")
    ]
    if connection.visitor is not None:
        block = Block.objects.filter(inbox=connection.inbox_id, visitor=connection.visitor).first()
        if block is not None and (block.until is None or block.until > now):
            sentences.append("The visitor is blocked.")
    return sentences


def _contact(connection: Connection) -> list[tuple[str, object]]:
    """Who the visitor is, and who says so."""
    if connection.visitor is None:
        return []
    contact = Contact.objects.filter(visitor=connection.visitor, inbox=connection.inbox_id).first()
    if contact is None:
        return []
    issuer = contact.get_issuer_display()
    return [
        ("Name", f"{contact.name} ({issuer})" if contact.name_verified else contact.name),
        ("Email", f"{contact.email} ({issuer})" if contact.email_verified else contact.email),
        ("Identified as", f"{contact.subject} ({issuer})" if contact.subject else ""),
    ]


def _facts(connection: Connection) -> list[tuple[str, object]]:
    """What is known about the visitor and their page. Unknown values are left out."""
    facts: list[tuple[str, object]] = [
        ("Inbox", connection.inbox.name),
        ("Kind", connection.kind),
        *_contact(connection),
        ("Page", words.web_link(connection.page_url)),
        ("Page title", connection.page_title),
        ("Referrer", words.web_link(connection.referrer)),
        ("Language", connection.locale),
        ("Browser", connection.user_agent),
        ("Opened", words.moment(connection.created_at)),
        ("Last activity", words.moment(connection.active_at)),
        ("Closed", words.moment(connection.closed_at) if connection.closed_at else ""),
        ("Messages", connection.last_seq),
        ("Code", connection.code),
        ("Id", connection.uid),
    ]
    return [(name, value) for name, value in facts if value not in {"", None}]
