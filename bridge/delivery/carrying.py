"""Which files of a message go along with it, and which stay here behind a link."""

from collections.abc import Callable

from bridge import files
from bridge.infra import addresses
from bridge.models import Attachment, Message

LARGEST = 10 * 1024 * 1024
"""Bytes of one file. Discord takes more where a server pays for it; this it takes everywhere."""
TOGETHER = 24 * 1024 * 1024
"""Bytes of all files of one message: a request may have 25 MiB."""


def carried(message: Message) -> list[Attachment]:
    """What is sent along. Always the same for the same message, unless one was refused as too large."""
    return [attachment for attachment, fits in _sorted(message) if fits]


def link_lines(message: Message, spoken: Callable[[str], str]) -> list[str]:
    """What stands in a message's text for the rest of its files."""
    return [_line(attachment, spoken) for attachment, fits in _sorted(message) if not fits]


def _sorted(message: Message) -> list[tuple[Attachment, bool]]:
    """Its files in their order, and whether each goes along."""
    found = []
    room = TOGETHER
    for attachment in sorted(message.attachments.all(), key=lambda each: each.position):
        fits = not attachment.linked and attachment.size <= min(LARGEST, room)
        room -= attachment.size if fits else 0
        found.append((attachment, fits))
    return found


def _line(attachment: Attachment, spoken: Callable[[str], str]) -> str:
    size = f"{attachment.size / (1024 * 1024):.1f} MB"
    path = addresses.path_to("bridge:file", attachment.uid)
    address = files.link(path, site=addresses.origin(), uid=attachment.uid)
    # In these brackets Discord fetches nothing for a preview.
    where = f"<{address}>" if address else "too large for Discord: it is in the admin"
    return f"📎 {spoken(attachment.name)} ({size}) {where}"
