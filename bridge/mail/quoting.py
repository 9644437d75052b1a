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

# With bounds: without them a long line of dashes that does not end as a rule does costs the square of its length.
_RULE = re.compile(r"[-_]{5,80}[^-_]{0,60}[-_]{5,80}|_{10,200}|-{10,200}")
_HEADER = re.compile(r"\*?[A-Z][\w-]{1,14}\*?: ?\S")
_BREAK = re.compile(r"<(?:br|/p|/div|/tr|/li|/h[1-6])\b[^<>]{0,200}>", re.IGNORECASE)
_UNSEEN = re.compile(r"<(style|script|head|title|blockquote)\b", re.IGNORECASE)
_ENDS = {name: re.compile(rf"</{name}\b", re.IGNORECASE) for name in ("style", "script", "head", "title")}
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
    # Places in the list, and not shorter copies of it: there may be a million lines.
    end = _before_blank(lines, len(lines))
    while end and lines[end - 1].startswith(">"):
        end = _before_blank(lines, end - 1)
        quoted = True
    headers = 0
    while headers < end and _HEADER.match(lines[end - 1 - headers]):
        headers += 1
    if headers > 2:
        end = _before_blank(lines, end - headers)
    elif quoted:
        end = _before_blank(lines, end - _attribution(lines[max(0, end - MOST_ABOVE) : end]))
    while end and _RULE.fullmatch(lines[end - 1].strip()):
        end = _before_blank(lines, end - 1)
    return lines[:end]


def _attribution(lines: list[str]) -> int:
    """How many lines at the end say who wrote what follows: up to a blank one, ending with a colon, with a date or
    an address in them."""
    if not lines or not lines[-1].rstrip("*_ ").endswith((":", "：")):
        return 0
    count = 0
    for line in reversed(lines):
        if not line.strip():
            break
        count += 1
    said = " ".join(lines[-count:])
    return count if "@" in said or sum(char.isdigit() for char in said) > 3 else 0


def _before_blank(lines: list[str], end: int) -> int:
    """Where the blank lines begin that end there."""
    while end and not lines[end - 1].strip():
        end -= 1
    return end


def text_of_html(html: str) -> str:
    """The words of a mail that has no plain text; nothing of what it quotes."""
    lines = (" ".join(line.split()) for line in _BREAK.sub("\x00", _seen(html)).split("\x00"))
    return unescape(_TAG.sub("", "\n".join(lines))).strip()


def _seen(html: str) -> str:
    """Without styles and scripts, and up to the first thing that is quoted or has no end."""
    kept: list[str] = []
    at = 0
    while found := _UNSEEN.search(html, at):
        kept.append(html[at : found.start()])
        ends = _ENDS.get(found[1].lower())
        closing = ends.search(html, found.end()) if ends else None
        if closing is None:
            return "".join(kept)
        at = closing.start()
    return "".join([*kept, html[at:]])
