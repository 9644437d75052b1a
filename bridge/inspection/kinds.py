"""Determines a file's type from its content; its name only has to agree with it."""

import mimetypes
from codecs import BOM_UTF8
from collections.abc import Sequence
from fnmatch import fnmatch
from typing import BinaryIO

import filetype

from bridge.errors import BridgeError, Code
from bridge.inspection.containers import container_kind
from bridge.inspection.text import HEAD, text_kind

UNKNOWN = "application/octet-stream"
TEXT = "text/plain"
PDF = "application/pdf"

_NAMES = {"image/apng": "image/png", "audio/x-wav": "audio/wav", "audio/x-flac": "audio/flac"}
# Types that the library does not know.
_SIGNATURES = (
    (b"\xff\x0a", "image/jxl"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "image/jxl"),
    (b"#!AMR-WB\n", "audio/amr-wb"),
    (b"caff\0\1", "audio/x-caf"),
)
# Types that can contain scripts. An inbox must name them explicitly.
_ACTIVE = frozenset({"image/svg+xml", "text/html", "text/xml"})
# Types that the name of a plain text must not claim: pictures, films, pages.
_NOT_TEXT = ("image/*", "audio/*", "video/*", "font/*", "text/html", "application/xhtml+xml")
_PACKED = (PDF, "application/zip", "application/vnd.*", "application/msword", "application/gzip")
# Without the system's own tables, so that all machines accept the same files.
_claims = mimetypes.MimeTypes()
_claims.add_type("application/xhtml+xml", ".xhtml")


def kind_of(file: BinaryIO) -> str:
    """The media type of the file's content; `application/octet-stream` if it is unknown."""
    text = text_kind(file)
    if text not in {TEXT, ""}:
        return text
    file.seek(0)
    head = file.read(HEAD)
    if _is_pdf(file, head, is_text=bool(text)):
        return PDF
    if text:
        return text
    signed = next((kind for signature, kind in _SIGNATURES if head.startswith(signature)), "")
    return signed or container_kind(file, head) or _guessed(head)


def _is_pdf(file: BinaryIO, head: bytes, *, is_text: bool) -> bool:
    """Whether there is a PDF header in the first kilobyte, as in Acrobat: printers and servers add lines before it.

    Content of another known type is not a PDF with such lines. A text that only mentions a header does not end like a
    PDF.
    """
    at = head.find(b"%PDF-", 0, 1024)
    if at <= 0:
        return at == 0
    if not is_text:
        return _guessed(head) == UNKNOWN
    file.seek(-min(1024, file.seek(0, 2)), 2)
    begins_there = head[:at] == BOM_UTF8 or head[at - 1 : at].isspace()
    return begins_there and b"%%EOF" in file.read()


def _guessed(head: bytes) -> str:
    guess = filetype.guess(head)
    return _NAMES.get(guess.mime, guess.mime) if guess else UNKNOWN


def check_allowed(kind: str, *, name: str, allowed: Sequence[str]) -> None:
    """Raises BridgeError (`invalid_payload`) if this type is not allowed, or if the name claims another one."""
    claimed = _claims.guess_type(name)[0] or ""
    if not _agree(kind, claimed):
        raise refusal("mismatch", "Its content does not match its name.")
    # "image/*" means pictures; types that can contain scripts must be named explicitly.
    if not any(kind == pattern if kind in _ACTIVE else fnmatch(kind, pattern) for pattern in allowed):
        raise refusal("type", "Files of this type are not allowed here.")


def _agree(kind: str, claimed: str) -> bool:
    """Whether content of this type may have a name that claims another one."""
    if not claimed or kind == claimed:
        return True
    if kind in _ACTIVE:
        return claimed in _ACTIVE or claimed == "application/xhtml+xml"
    if kind == TEXT:
        return not any(fnmatch(claimed, pattern) for pattern in (*_NOT_TEXT, *_PACKED))
    media = kind.partition("/")[0]
    if media in {"audio", "video"}:
        # They share containers: a voice message may be called .mp4.
        return claimed.startswith(("audio/", "video/")) or claimed == "application/ogg"
    if media == "image":
        return claimed.startswith("image/")
    # Many documents are zip files, and other types vary, too. Only a name that claims a harmless type is refused.
    return not claimed.startswith(("image/", "audio/", "video/", "text/"))


def refusal(reason: str, message: str) -> BridgeError:
    return BridgeError(Code.INVALID_PAYLOAD, message, reason=reason)
