"""What somebody wrote in an answer, without the mail that he answers. Pure, and linear in what is written.

The libraries for this are made of regular expressions: one took 73 seconds for 20,000 empty lines. And here the mail
that is answered is always ours, which says itself where it begins.
"""

import re
from html import unescape

from bridge.mail.letters import LINE

MARK = LINE.strip("— ")
SIGNATURE = {"--", "-- "}
MOST_ABOVE = 4
"""Lines that mail programs put above what they quote: "On …, … wrote:", perhaps broken."""

_RULE = re.compile(r"[-_]{5,}[^-_]{0,60}[-_]{5,}|_{10,}|-{10,}")
_HEADER = re.compile(r"\*?[A-Z][\w-]{1,14}\*?: ?\S")
_BREAK = re.compile(r"<(?:br|/p|/div|/tr|/li|/h[1-6])\b[^<>]{0,200}>", re.IGNORECASE)
_UNSEEN = re.compile(r"<(style|script|head|title|blockquote)\b", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]{0,5000}>")


def answer_in(text: str) -> str:
    """The answer itself; empty where there is nothing but what was quoted."""
    lines: list[str] = []
    quoted = False
    for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        quoted = MARK in line
        if quoted or line in SIGNATURE:
            break
        lines.append(line.rstrip())
    return "\n".join(_without_attribution(lines, quoted=quoted)).strip()


def _without_attribution(lines: list[str], *, quoted: bool) -> list[str]:
    """Without quoted lines at the end, and what a mail program says above the mail that it quotes.

    `quoted`: there was more of it behind these lines.
    """
    kept = _without_blank(lines)
    while kept and kept[-1].startswith(">"):
        kept = _without_blank(kept[:-1])
        quoted = True
    headers = 0
    while kept and headers < len(kept) and _HEADER.match(kept[-1 - headers]):
        headers += 1
    if headers > 2:
        kept = _without_blank(kept[:-headers])
    elif quoted:
        kept = _without_blank(kept[: len(kept) - _attribution(kept)])
    while kept and _RULE.fullmatch(kept[-1].strip()):
        kept = _without_blank(kept[:-1])
    return kept


def _attribution(lines: list[str]) -> int:
    """How many lines at the end say who wrote what follows: up to a blank one, ending with a colon, with a date or
    an address in them."""
    if not lines or not lines[-1].rstrip("*_ ").endswith((":", "：")):
        return 0
    count = 0
    for line in reversed(lines[-MOST_ABOVE:]):
        if not line.strip():
            break
        count += 1
    said = " ".join(lines[-count:])
    return count if "@" in said or sum(char.isdigit() for char in said) > 3 else 0


def _without_blank(lines: list[str]) -> list[str]:
    end = len(lines)
    while end and not lines[end - 1].strip():
        end -= 1
    return lines[:end]


def text_of_html(html: str) -> str:
    """The words of a mail that has no plain text; nothing of what it quotes."""
    found = _UNSEEN.search(html)
    while found:
        end = html.lower().find(f"</{found[1].lower()}", found.end())
        if found[1].lower() == "blockquote" or end < 0:
            html = html[: found.start()]
            break
        html = html[: found.start()] + html[end:]
        found = _UNSEEN.search(html, found.start())
    lines = (" ".join(line.split()) for line in _BREAK.sub("\x00", html).split("\x00"))
    return unescape(_TAG.sub("", "\n".join(lines))).strip()
