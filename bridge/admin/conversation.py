"""A conversation, shown as one: who, from where, and what was said, a page at a time from the newest."""

from dataclasses import dataclass

from django.db.models import Count, OuterRef, Prefetch, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.timezone import localtime

from bridge.admin import words
from bridge.admin.paging import HistoryAdmin, cursor_in
from bridge.chat import wire
from bridge.chat.history import BY_PLACE
from bridge.infra.keyset import Cursor
from bridge.infra.redis import RedisError
from bridge.models import Block, Connection, Contact, Delivery, Message, MessageVersion, Reaction, RemotePart
from bridge.presence import online
from bridge.protocol.outgoing import AttachmentOut
from bridge.services.words import plain
from bridge.text import emojis

PAGE = 50
VERSIONS = 20
"""Earlier texts of one message that are shown: whoever edits without end makes no page without end."""
_OF_ONE = MessageVersion.objects.filter(message=OuterRef("pk")).order_by().values("message")
# For each message of the page by itself: a join would group, and so sort, the whole conversation.
_VERSIONS_OF_EACH = Coalesce(Subquery(_OF_ONE.annotate(count=Count("pk")).values("count")), 0)


SIGN_OUT = "bridge.add_revokedtoken"
"""The permission to sign visitors out."""
TURN = "bridge.change_connection"
"""The permission to end a conversation and to open it again."""
READ = "bridge.view_message"
"""The permission to read what was said, and not only that something was."""


@dataclass(frozen=True)
class Line:
    """A message as the template shows it."""

    message: Message
    text: str
    gap: str
    why: str
    detail: str
    remote_ids: list[str]
    reactions: dict[str, list[str]]
    """Who stands behind each emoji."""
    files: list[AttachmentOut]
    versions: list[MessageVersion]
    """What it said before, the newest first."""
    more_versions: int
    """How many there are beside these."""


def show(model_admin: HistoryAdmin, request: HttpRequest, connection: Connection) -> HttpResponse:
    before = cursor_in(request, BY_PLACE)
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
        "endpoints": [(each, words.place_link(each)) for each in connection.endpoints.order_by("pk")],
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
    """Whether the visitor has a page open, in a room anybody; None where nobody can tell, since Redis is away."""
    try:
        return bool(online.sessions(connection=connection))
    except RedisError:
        return None


def _page(connection: Connection, before: Cursor | None) -> tuple[list[Line], Cursor | None]:
    """The messages before a place, oldest first, and the place before which there are more."""
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


def _line(message: Message) -> Line:
    failed: list[Delivery] = message.failed  # type: ignore[attr-defined]  # prefetched
    parts: list[RemotePart] = message.parts  # type: ignore[attr-defined]
    return Line(
        message=message,
        text=plain(message, hide=False),
        gap="" if message.kind == Message.Kind.MESSAGE else words.excerpt(message),
        why=words.reason(failed[0].reason if failed else message.failure),
        detail=failed[0].detail if failed else "",
        versions=message.earlier,  # type: ignore[attr-defined]
        more_versions=message.version_count - len(message.earlier),  # type: ignore[attr-defined]
        reactions={} if message.deleted_at else _reactions(message.reacted),  # type: ignore[attr-defined]
        files=[] if message.deleted_at else wire.attachments_out(message),
        remote_ids=[part.remote.remote_id for part in parts if part.remote.remote_id],
    )


def _reactions(reactions: list[Reaction]) -> dict[str, list[str]]:
    """A server's own emoji by its name: `:party:`."""
    shown: dict[str, list[str]] = {}
    for reaction in reactions:
        name, pk, _ = emojis.parts(reaction.emoji)
        shown.setdefault(name if pk is None else f":{name}:", []).append(reaction.participant.nick)
    return shown


def _forbidden(connection: Connection) -> list[str]:
    """What staff forbid in it just now, in words."""
    now = timezone.now()
    muted = connection.participants.filter(muted_until__gt=now).order_by("nick")
    said = [
        f"{each.nick} is muted until {date_format(localtime(each.muted_until), 'H:i T')}." for each in muted
    ]
    if connection.visitor is not None:
        block = Block.objects.filter(inbox=connection.inbox_id, visitor=connection.visitor).first()
        if block is not None and (block.until is None or block.until > now):
            said.append("The visitor is blocked.")
    return said


def _contact(connection: Connection) -> list[tuple[str, object]]:
    """Who the visitor is, and who says so."""
    if connection.visitor is None:
        return []
    found = Contact.objects.filter(visitor=connection.visitor, inbox=connection.inbox_id).first()
    if found is None:
        return []
    says = found.get_issuer_display()
    return [
        ("Name", f"{found.name} ({says})" if found.name_verified else found.name),
        ("Email", f"{found.email} ({says})" if found.email_verified else found.email),
        ("Identified as", f"{found.subject} ({says})" if found.subject else ""),
    ]


def _facts(connection: Connection) -> list[tuple[str, object]]:
    """What is known of the visitor and the page; what is not is left out."""
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
