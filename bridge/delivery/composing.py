"""Composes the texts of messages in a service: joins messages that wait, and splits long ones (rule 9)."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial

from bridge import files
from bridge.delivery import rooms
from bridge.infra import addresses
from bridge.models import Attachment, Delivery, Endpoint, Message, Participant, RemoteMessage
from bridge.services.base import FileLimits, Joining, Service

FENCE = "```"
# The start of a code block, with the name of its language if the line contains nothing else.
_OPENING = re.compile(r"```(?:[\w+.#-]{1,20}(?=\n))?")
# Markup that comes in pairs. An unpaired one would affect the text that follows.
_PAIRED = re.compile(r"```|``|`|\|\||\*\*|__|~~|\*|\b_|_\b")

_ENDLESS = re.compile(r"^[^\S\n]*>>>", re.MULTILINE)


def notice(event: Message, format_text: Callable[[str], str] = str) -> str:
    """Return the text of an event or a gap. `format_text`: formats names for the service."""
    if event.kind == Message.Kind.GAP:
        size = f"{event.gap_size:,}" if event.gap_size else "Some"
        return f"⚠ {size} message{'s' if event.gap_size != 1 else ''} may be missing here."
    change = "ended" if event.content == "closed" else "reopened"
    if event.author is None:
        return f"The chat was {change}."
    is_visitor = event.author.role == Participant.Role.VISITOR
    return f"{'The visitor' if is_visitor else format_text(event.author.nick)} {change} the chat."


def length(text: str) -> int:
    """Return the length in UTF-16 units, as browsers count. It is never less than the number of code points."""
    return len(text) + sum(char > "\uffff" for char in text)


def text_of(message: Message, endpoint: Endpoint, *, service: Service) -> str:
    """Return the text of a message in a service; empty if it was deleted."""
    if message.deleted_at:
        return ""
    format_text = partial(service.format_text, inbox=endpoint.connection.inbox)
    if message.kind == Message.Kind.GAP:
        return notice(message)
    if message.kind == Message.Kind.EVENT:
        return service.format_notice(notice(message, format_text))
    links = _link_lines(message, service.file_limits, format_text)
    prefix = rooms.author_prefix(message, endpoint, service=service)
    return prefix + "\n".join([format_text(message.content), *links]).strip()


def split(text: str, *, limit: int) -> list[str]:
    """Split a text into parts of at most `limit` UTF-16 units: at a newline, else at a space, else between characters.

    If a code block is split, it is closed in one part and opened again in the next. No part is blank or has space
    around it, because services trim it, and what is read back must equal what was sent.
    """
    pieces: list[str] = []
    rest = text.strip()
    # What is never closed is not a code block in the service either.
    fenced = FENCE in rest and not _open_fence(rest)
    # Room to close a code block that is split.
    room = len(FENCE) + 1 if fenced else 0
    while length(rest) > limit:
        head = _head(rest, limit=limit - room)
        rest = rest[len(head) :]
        head = head.strip()
        fence = _open_fence(head) if fenced else ""
        if not fence or head == fence:
            pieces.append(head)
            rest = rest.strip()
        elif rest.strip() == FENCE:
            pieces.append(f"{head}\n{FENCE}")
            rest = ""
        else:
            # If the part ends with the opening, move that to the next part. Code keeps its indentation.
            began = head.removesuffix(fence)
            pieces.append(f"{head}\n{FENCE}" if began == head else began.strip())
            rest = f"{fence}\n" + rest.strip("\n")
    pieces.append(rest)
    return [piece for piece in pieces if piece]


def _head(rest: str, *, limit: int) -> str:
    head = rest[: _fitting(rest, limit)]
    cut = max(head.rfind("\n"), head.rfind(" ") if head.rfind("\n") < len(head) // 2 else -1)
    return head[:cut] if cut > len(head) // 4 else head


def _open_fence(text: str) -> str:
    """Return the opening of the code block in which a text ends; empty if it does not end in one."""
    at = fence = 0
    opening = ""
    while (fence := text.find(FENCE, at)) >= 0:
        match = _OPENING.match(text, fence)
        opening = "" if opening or match is None else match[0]
        at = fence + len(FENCE)
    return opening


def is_closed(text: str) -> bool:
    """Return whether no markup in it affects following text, e.g. a code block, bold text or an endless quote."""
    counts = Counter(_PAIRED.findall(text))
    return not _ENDLESS.search(text) and all(count % 2 == 0 for count in counts.values())


def _fitting(text: str, limit: int) -> int:
    """Return how many of its characters fit."""
    units = 0
    for index, char in enumerate(text):
        units += 2 if char > "\uffff" else 1
        if units > limit:
            return index
    return len(text)


def compose(
    group: Sequence[Message], sent: Sequence[RemoteMessage], endpoint: Endpoint, *, service: Service
) -> list[str]:
    """Return the current texts of joined messages, as the service should have them. `sent`: what it has.

    They begin with the line before a reply, unless nothing is left of the messages.
    """
    texts = [text_of(message, endpoint, service=service) for message in group]
    has_files = any(carried(message, service.file_limits) for message in group)
    if any(texts) or has_files:
        texts.insert(0, rooms.quote(group, sent, endpoint, service=service))
    pieces = split("\n".join(filter(None, texts)), limit=service.max_length)
    # Files can be sent without text.
    return pieces or [""] * has_files


def join(waiting: Sequence[Delivery], endpoint: Endpoint, *, service: Service) -> list[Message]:
    """Return the messages to join with the first waiting post: plain, consecutive, of the same author, and they fit.

    A message whose markdown affects following text is the last one. Replies are sent alone.

    Waiting edits and deletions of these messages do not end the batch, because the current texts are sent. A change of
    an earlier message does, because the order would be lost.
    """
    first = waiting[0].message
    batch = [first]
    passed = {first.pk}
    if not _may_join(first, first, service.joins):
        return batch
    text = text_of(first, endpoint, service=service)
    units = length(text)
    for delivery in waiting[1:]:
        message, operation = delivery.message, delivery.operation
        if service.joins is Joining.AUTHOR and not is_closed(text):
            break
        if operation in {Delivery.Operation.EDIT, Delivery.Operation.DELETE} and message.pk not in passed:
            break
        if operation != Delivery.Operation.POST:
            # A reaction changes no text, and none of these messages has been sent yet.
            continue
        if not _may_join(message, first, service.joins):
            break
        passed.add(message.pk)
        if message.deleted_at:
            continue
        text = text_of(message, endpoint, service=service)
        units += 1 + length(text)
        if units > service.max_length:
            break
        batch.append(message)
    return batch


def _may_join(message: Message, first: Message, joins: Joining) -> bool:
    if joins is Joining.AUTHOR:
        return _is_plain(message) and message.author_id == first.author_id
    return joins is Joining.ALL


def _is_plain(message: Message) -> bool:
    whole = message.kind == Message.Kind.MESSAGE and message.reply_to_id is None
    return whole and not message.attachments.all()


def carried(message: Message, limits: FileLimits) -> list[Attachment]:
    """Return the files that are sent with a message: always the same, unless one was refused as too large."""
    return [attachment for attachment, fits in _files(message, limits) if fits]


def _link_lines(message: Message, limits: FileLimits, format_text: Callable[[str], str]) -> list[str]:
    """Return the lines with links to the other files of a message."""
    return [_link_line(attachment, format_text) for attachment, fits in _files(message, limits) if not fits]


def _files(message: Message, limits: FileLimits) -> list[tuple[Attachment, bool]]:
    """Return its files in order, and whether each is sent with it."""
    attachments = []
    room = limits.together
    for attachment in sorted(message.attachments.all(), key=lambda attachment: attachment.position):
        fits = not attachment.linked and attachment.size <= min(limits.largest, room)
        room -= attachment.size if fits else 0
        attachments.append((attachment, fits))
    return attachments


def _link_line(attachment: Attachment, format_text: Callable[[str], str]) -> str:
    size = f"{attachment.size / (1024 * 1024):.1f} MB"
    path = addresses.path_to("bridge:file", attachment.uid)
    address = files.link(path, site=addresses.origin(), uid=attachment.uid)
    # No preview is shown of a link in these brackets.
    where = f"<{address}>" if address else "too large to be sent: it is in the admin"
    return f"📎 {format_text(attachment.name)} ({size}) {where}"
