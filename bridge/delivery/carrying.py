"""Which files of a message go along with it, and which stay here behind a link."""

from collections.abc import Callable

from bridge import files
from bridge.infra import addresses
from bridge.models import Attachment, Message
from bridge.services.base import FileLimits


def carried(message: Message, limits: FileLimits) -> list[Attachment]:
    """What is sent along. Always the same for the same message, unless one was refused as too large."""
    return [attachment for attachment, fits in _sorted(message, limits) if fits]


def link_lines(message: Message, limits: FileLimits, format_text: Callable[[str], str]) -> list[str]:
    """What stands in a message's text for the rest of its files."""
    return [_line(attachment, format_text) for attachment, fits in _sorted(message, limits) if not fits]


def _sorted(message: Message, limits: FileLimits) -> list[tuple[Attachment, bool]]:
    """Its files in their order, and whether each goes along."""
    attachments = []
    room = limits.together
    for attachment in sorted(message.attachments.all(), key=lambda attachment: attachment.position):
        fits = not attachment.linked and attachment.size <= min(limits.largest, room)
        room -= attachment.size if fits else 0
        attachments.append((attachment, fits))
    return attachments


def _line(attachment: Attachment, format_text: Callable[[str], str]) -> str:
    size = f"{attachment.size / (1024 * 1024):.1f} MB"
    path = addresses.path_to("bridge:file", attachment.uid)
    address = files.link(path, site=addresses.origin(), uid=attachment.uid)
    # In these brackets nothing is fetched for a preview.
    where = f"<{address}>" if address else "too large to be sent: it is in the admin"
    return f"📎 {format_text(attachment.name)} ({size}) {where}"
