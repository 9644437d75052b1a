"""Where what begins with a sign ends. 0, or None, where it does not: then it is text.

What was looked for up to the end in vain is `hopeless`, and is not looked for again behind that; where it might still
be found from another place, not after many tries.
"""

import re
from collections import Counter
from collections.abc import Callable

MOST_TRIES = 20

_LINK = re.compile(r"\[((?:\\.|[^\\\[\]]){1,300})\]\(\s{0,9}", re.DOTALL)
_TITLE = re.compile(r"(?:\s{1,9}(?:\"[^\"]{0,300}\"|'[^']{0,300}'))?\s{0,9}\)")
_BRACKETED = re.compile(r"<(https?://[^\s<>]{1,2000})>", re.IGNORECASE)
_WEB = re.compile(r"https?://", re.IGNORECASE)
_STARS_OR_ESCAPE = re.compile(r"[\\*]")
_LINES_OR_ESCAPE = re.compile(r"[\\_]")
_STAR = re.compile(r"[\\*\s]")


def run_end(text: str, at: int, sign: str) -> int:
    while text.startswith(sign, at):
        at += 1
    return at


def code_block(text: str, at: int, hopeless: Counter[str]) -> tuple[int, str] | None:
    """Where it ends, and what is in it."""
    if not text.startswith("```", at) or hopeless["```"]:
        return None
    end = text.find("```", at + 3)
    if end < 0:
        hopeless["```"] += 1
        return None
    inner = text[at + 3 : end]
    after = run_end(text, end, "`")
    return (after, inner + text[end + 3 : after]) if inner.strip() else None


def inline_code(text: str, at: int, hopeless: Counter[str]) -> tuple[int, str] | None:
    """Where it ends, and what is in it: up to as many signs as it begins with, one or two."""
    start = run_end(text, at, "`")
    marks = text[at:start]
    if not 0 < len(marks) < 3 or hopeless[marks]:
        return None
    end = text.find("`", start)
    while end >= 0:
        after = run_end(text, end, "`")
        if after - end == len(marks) and text[start:end].strip():
            return after, text[start:end]
        end = text.find("`", after)
    hopeless[marks] += 1
    return None


def link(text: str, at: int) -> tuple[int, str, str] | None:
    """[words](address "title"): where it ends, its words and the address."""
    if (head := _LINK.match(text, at)) is None:
        return None
    if bracketed := _BRACKETED.match(text, head.end()):
        target, end = bracketed[1], bracketed.end()
    else:
        end = _bare_end(text, head.end())
        target = text[head.end() : end]
    tail = _TITLE.match(text, end) if target else None
    return (tail.end(), head[1], target) if tail else None


def _bare_end(text: str, at: int) -> int:
    """The end of an address without signs around it; where it has brackets, they come in pairs."""
    if (scheme := _WEB.match(text, at)) is None:
        return at
    end = scheme.end()
    limit = min(len(text), end + 4000)
    while end < limit:
        char = text[end]
        if char == "(":
            close = end + 1
            while close < limit and text[close] not in "()<>" and not text[close].isspace():
                close += 1
            if not text.startswith(")", close):
                break
            end = close + 1
        elif char in ")<>" or char.isspace():
            break
        else:
            end += 1
    return end if end > scheme.end() else at


def between(text: str, at: int, sign: str, hopeless: Counter[str]) -> int:
    if not text.startswith(sign, at) or hopeless[sign]:
        return 0
    end = text.find(sign, at + len(sign) + 1)
    if end < 0:
        hopeless[sign] += 1
    return end + len(sign) if end >= 0 else 0


def struck(text: str, at: int, hopeless: Counter[str]) -> int:
    """Not before an underscore."""
    if not text.startswith("~~", at) or hopeless["~~"]:
        return 0
    end = text.find("~~", at + 3)
    while end >= 0 and text.startswith("_", end + 2):
        end = text.find("~~", end + 1)
    if end < 0:
        hopeless["~~"] += 1
    return end + 2 if end >= 0 else 0


def _doubled(sign: str, special: re.Pattern[str]) -> Callable[[str, int, Counter[str]], int]:
    """**…** and __…__: the end has no third sign behind it."""
    marks = sign * 2

    def span(text: str, at: int, hopeless: Counter[str]) -> int:
        if not text.startswith(marks, at) or hopeless[marks]:
            return 0
        end = at + 2
        while found := special.search(text, end):
            end = found.start()
            if found[0] == "\\":
                end += 2
                continue
            if end > at + 2 and text.startswith(marks, end) and not text.startswith(sign, end + 2):
                return end + 2
            end += 1
        hopeless[marks] += 1
        return 0

    return span


def _starred(text: str, at: int, hopeless: Counter[str]) -> int:
    """*…*, with nothing blank at its sides."""
    if not text.startswith("*", at) or hopeless["*"] > MOST_TRIES or text[at + 1 : at + 2].isspace():
        return 0
    end = at + 1
    while found := _STAR.search(text, end):
        end = found.start()
        if found[0] == "\\":
            end += 2
        elif found[0] == "*":
            if end > at + 1 and not text.startswith("*", end + 1):
                return end + 1
            if not text.startswith("*", end + 1):
                return 0
            end += 2
        else:
            while text[end : end + 1].isspace():
                end += 1
            if text.startswith("*", end) and not text.startswith("**", end):
                return 0
            end += 1 + (text[end : end + 1] in {"\\", "*"})
    hopeless["*"] += 1
    return 0


def _lined(text: str, at: int, hopeless: Counter[str]) -> int:
    """_…_, which ends no word that goes on."""
    if not text.startswith("_", at) or hopeless["_"] > MOST_TRIES:
        return 0
    end = at + 1
    while found := _LINES_OR_ESCAPE.search(text, end):
        end = found.start()
        if found[0] == "\\":
            end += 2
            continue
        after = text[end + 1 : end + 2]
        if end > at + 1 and not (after.isascii() and (after.isalnum() or after == "_")):
            return end + 1
        if after != "_":
            return 0
        end += 2
    hopeless["_"] += 1
    return 0


def _em(text: str, at: int, hopeless: Counter[str]) -> int:
    return _lined(text, at, hopeless) or _starred(text, at, hopeless)


Span = Callable[[str, int, Counter[str]], int]
EMPHASES: list[tuple[str, int, float, Span]] = [
    ("em", 1, 0.2, _em),
    ("strong", 2, 0.1, _doubled("*", _STARS_OR_ESCAPE)),
    ("underline", 2, 0.0, _doubled("_", _LINES_OR_ESCAPE)),
]
"""What they are called, how many signs are on each side, which of two as long is meant, and where they end."""
