"""Recognises text in any encoding, and text that a browser would run as a page."""

import codecs
import re
import unicodedata
from typing import BinaryIO

HEAD = 8192
"""Bytes at the beginning of a file that determine its type."""
PIECE = 1 << 20

# What may come before the first element of a page, and how each of these ends.
_BEFORE_MARKUP = ((b"<!--", b"-->"), (b"<?xml", b"?>"))
_ELEMENT = re.compile(rb"<(?:!doctype\s++)?([a-z][\w:-]*)", re.IGNORECASE)
_PAGE_ELEMENTS = frozenset(
    b"html head body script iframe style title meta link table div h1 p a b br font img object embed"
    b" form input button textarea base template video audio math".split()
)
# Control characters that no text contains: all but tab, line ends, form feed and escape.
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f\x7f]")
# The longer ones first, because UTF-32's mark begins with UTF-16's.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def text_kind(file: BinaryIO) -> str:
    """`text/plain`, or what a browser would run: `text/html`, `text/xml`, `image/svg+xml`. "" if it is not text."""
    file.seek(0)
    head = file.read(HEAD)
    encoding = _wide_encoding(head)
    words = head.decode(encoding, "ignore").lstrip("\ufeff").encode() if encoding else head
    if markup := _markup(words):
        return markup
    # In all other encodings, control characters have the same bytes as in Latin-1.
    return "text/plain" if _is_text(file, encoding or "latin-1") else ""


def _markup(head: bytes) -> str:
    """The type of a page, or "". Scans once from left to right: a file could make a regular expression backtrack."""
    head = head.removeprefix(codecs.BOM_UTF8)
    is_xml = head.lstrip().startswith(b"<?xml")
    at = _skip_space(head, 0)
    while ending := next((end for begin, end in _BEFORE_MARKUP if head.startswith(begin, at)), None):
        index = head.find(ending, at)
        if index < 0:
            # It does not end in what was read. Only pages begin like this, whatever follows.
            return "text/xml" if is_xml else "text/html"
        at = _skip_space(head, index + len(ending))
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


def _wide_encoding(head: bytes) -> str:
    """UTF-16 or UTF-32, by the byte order mark; without one, UTF-16 by the positions of zeros. "" if neither."""
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding
    even, odd = head[::2].count(0), head[1::2].count(0)
    if len(head) < 4 or max(even, odd) * 20 < len(head) or min(even, odd) * 8 > max(even, odd):
        return ""
    encoding = "utf-16-le" if odd > even else "utf-16-be"
    known = (
        unicodedata.category(char) not in {"Cn", "Co", "Cs"} for char in head.decode(encoding, "replace")
    )
    return encoding if all(known) else ""


def _is_text(file: BinaryIO, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    file.seek(0)
    try:
        while piece := file.read(PIECE):
            if _CONTROLS.search(decoder.decode(piece)):
                return False
        return not decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
