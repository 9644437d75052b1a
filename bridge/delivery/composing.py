"""What messages look like inside a service: joined while they wait, split where they are too long (rule 9)."""

from collections.abc import Iterable, Sequence

from bridge.models import Delivery, Message


def length(text: str) -> int:
    """In UTF-16 units, as browsers count. Never less than the number of code points."""
    return len(text) + sum(char > "\uffff" for char in text)


def text_of(message: Message) -> str:
    """What is said of one message in a service: nothing once it was deleted."""
    if message.deleted_at:
        return ""
    if message.kind == Message.Kind.GAP:
        size = f"{message.gap_size:,}" if message.gap_size else "Some"
        return f"⚠ {size} message{'s' if message.gap_size != 1 else ''} may be missing here."
    return message.content.strip()


def split(text: str, *, limit: int) -> list[str]:
    """Pieces of at most `limit` UTF-16 units, cut at a line, else at a space, else between characters.

    No piece is blank or has space around it: Discord trims, and what is read back must equal what was sent.
    """
    pieces = []
    rest = text.strip()
    while length(rest) > limit:
        head = rest[: _fitting(rest, limit)]
        cut = max(head.rfind("\n"), head.rfind(" ") if head.rfind("\n") < len(head) // 2 else -1)
        if cut > len(head) // 4:
            head = head[:cut]
        pieces.append(head.strip())
        rest = rest[len(head) :].strip()
    if rest:
        pieces.append(rest)
    return [piece for piece in pieces if piece]


def _fitting(text: str, limit: int) -> int:
    """How many characters of it fit."""
    units = 0
    for index, char in enumerate(text):
        units += 2 if char > "\uffff" else 1
        if units > limit:
            return index
    return len(text)


def compose(messages: Iterable[Message], *, limit: int) -> list[str]:
    """The present texts of messages that belong together, as the service should hold them."""
    return split("\n".join(filter(None, map(text_of, messages))), limit=limit)


def join(waiting: Sequence[Delivery], *, limit: int) -> list[Message]:
    """The messages that go as one with the first waiting post: same author, next in order, plain, and they fit.

    Their own waiting edits and deletions are no hindrance: the present text is sent. A change of an earlier
    message is: order would be lost.
    """
    first = waiting[0].message
    batch = [first]
    passed = {first.pk}
    if first.kind != Message.Kind.MESSAGE:
        return batch
    units = length(text_of(first))
    for delivery in waiting[1:]:
        message = delivery.message
        if delivery.operation != Delivery.Operation.POST:
            if message.pk not in passed:
                break
            continue
        if message.kind != Message.Kind.MESSAGE or message.author_id != first.author_id:
            break
        passed.add(message.pk)
        if message.deleted_at:
            continue
        units += 1 + length(text_of(message))
        if units > limit:
            break
        batch.append(message)
    return batch
