"""What a file is: its bytes decide, its name only has to agree with them."""

import mimetypes
import re
import unicodedata
from collections.abc import Sequence
from fnmatch import fnmatch
from typing import BinaryIO

import filetype

from bridge.errors import BridgeError, Code

UNKNOWN = "application/octet-stream"
TEXT = "text/plain"
PIECE = 1 << 20
LONGEST_NAME = 120

# What may stand before the first element of what a browser would run as a page, and where each of it ends.
_BEFORE_MARKUP = ((b"<!--", b"-->"), (b"<?xml", b"?>"))
_ELEMENT = re.compile(rb"<(?:!doctype\s++)?([a-z][\w:-]*)", re.IGNORECASE)
_PAGE_ELEMENTS = frozenset(
    b"html head body script iframe style title meta link table div h1 p a b br font img object embed"
    b" form input button textarea base template video audio math".split()
)
# Bytes that no text has: controls but for tab, line ends, form feed and escape.
_BINARY = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f\x7f]")
_NAMES = {
    "image/apng": "image/png",
    "audio/x-wav": "audio/wav",
    "audio/x-flac": "audio/flac",
    "video/x-m4v": "video/mp4",
}
# What a script may hide in: only where an inbox names it in so many words.
_ACTIVE = frozenset({"image/svg+xml", "text/html", "text/xml"})
# What text may call itself: not a picture, a film or a page.
_NOT_TEXT = ("image/*", "audio/*", "video/*", "font/*", "text/html", "application/xhtml+xml")
_PACKED = (
    "application/pdf",
    "application/zip",
    "application/vnd.*",
    "application/msword",
    "application/gzip",
)


def kind_of(file: BinaryIO) -> str:
    """The media type of what its bytes are; `application/octet-stream` where nobody knows."""
    file.seek(0)
    head = file.read(8192)
    if markup := _markup(head):
        return markup
    is_text = _is_text(file)
    if is_text and not head.startswith(b"%PDF-"):
        return TEXT
    guess = filetype.guess(head)
    return _NAMES.get(guess.mime, guess.mime) if guess else UNKNOWN


def _markup(head: bytes) -> str:
    """Scanned once, from left to right: whoever made the file chose what a search would have to try again."""
    head = head.removeprefix(b"\xef\xbb\xbf")
    is_xml = head.lstrip().startswith(b"<?xml")
    at = _skip_space(head, 0)
    while ending := next((end for begin, end in _BEFORE_MARKUP if head.startswith(begin, at)), None):
        found = head.find(ending, at)
        if found < 0:
            # It goes on behind what was read: whatever follows, it begins as no other text does.
            return "text/xml" if is_xml else "text/html"
        at = _skip_space(head, found + len(ending))
    element = _ELEMENT.match(head, at)
    name = element[1].lower() if element else b""
    if name == b"svg" or name.endswith(b":svg"):
        return "image/svg+xml"
    if name in _PAGE_ELEMENTS:
        return "text/html"
    return "text/xml" if is_xml else ""


def _skip_space(data: bytes, at: int) -> int:
    while data[at : at + 1].isspace():
        at += 1
    return at


def _is_text(file: BinaryIO) -> bool:
    file.seek(0)
    while piece := file.read(PIECE):
        if _BINARY.search(piece):
            return False
    return True


def check_allowed(kind: str, *, name: str, allowed: Sequence[str]) -> None:
    """Raises BridgeError (`invalid_payload`) where this is not taken, or is not what its name says."""
    claimed = mimetypes.guess_type(name)[0] or ""
    if not _agree(kind, claimed):
        raise refusal("mismatch", "Its content is not what its name says.")
    # "image/*" is meant for pictures: what may carry a script has to be named.
    if not any(kind == each if kind in _ACTIVE else fnmatch(kind, each) for each in allowed):
        raise refusal("type", "Files of this kind are not taken here.")


def _agree(kind: str, claimed: str) -> bool:
    """Whether content of this kind may go under a name that claims something."""
    if not claimed or kind == claimed:
        return True
    if kind in _ACTIVE:
        return claimed in _ACTIVE or claimed == "application/xhtml+xml"
    if kind == TEXT:
        return not any(fnmatch(claimed, each) for each in (*_NOT_TEXT, *_PACKED))
    media = kind.partition("/")[0]
    if media in {"audio", "video"}:
        # One container for both: a voice message may be called .mp4.
        return claimed.startswith(("audio/", "video/")) or claimed == "application/ogg"
    if media == "image":
        return claimed.startswith("image/")
    # Documents are zip files, and programs come in many guises: only what claims to be harmless is refused.
    return not claimed.startswith(("image/", "audio/", "video/", "text/"))


def refusal(reason: str, message: str) -> BridgeError:
    return BridgeError(Code.INVALID_PAYLOAD, message, reason=reason)


def safe_name(text: str) -> str:
    """The last part of a path, without what cannot be seen, turns text around or means something to a system."""
    text = unicodedata.normalize("NFC", re.split(r"[/\\]", text)[-1])
    text = "".join(char for char in text if unicodedata.category(char)[0] != "C" or char in "\t\n\r")
    text = re.sub(r'[<>:"|?*\s]+', lambda found: " " if found[0].isspace() else "_", text).strip(". ")
    stem, dot, extension = text.rpartition(".")
    if dot and 0 < len(extension) <= 10:
        text = f"{stem[: LONGEST_NAME - len(extension) - 1]}.{extension}"
    return text[:LONGEST_NAME] or "file"
