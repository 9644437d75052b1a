"""The fenced blocks of a page, as they stand there."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FENCE = re.compile(
    r"^(?P<mark>```+)(?P<language>[^\s`]*)[^\n]*\n(?P<text>.*?)^(?P=mark)[ ]*$"
    r"|^<!-- python\n(?P<hidden>.*?)^-->$"
    r"|^<!-- not run: (?P<reason>[^\n]*?) -->$",
    re.MULTILINE | re.DOTALL,
)
LONGEST_REASON = 60


@dataclass(frozen=True)
class Snippet:
    page: Path
    line: int
    """The number of its first line in the page."""
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.name}:{self.line} ({self.language or 'no language'})"

    @property
    def file(self) -> str:
        """The file that it is, or is from: what a comment in its first line names. Else empty."""
        named = re.match(r"(?:#|//|<!--|\{#) (\S+\.\w+)\b", self.text)
        return named[1] if named else ""


def snippets(page: Path) -> Iterator[Snippet]:
    """What is in the page's fences, and in its comments that begin with `<!-- python`, which only tests see: they
    prepare what the next one needs, or look at what the last one did. `<!-- not run: reason -->` leaves one out.
    """
    text = _dedented(page.read_text(encoding="utf-8"))
    left_out = False
    for match in FENCE.finditer(text):
        if match["reason"] is not None:
            assert len(match["reason"]) <= LONGEST_REASON, (
                f"{page.name}: too long a reason: {match['reason']}"
            )
            left_out = True
            continue
        group = "text" if match["hidden"] is None else "hidden"
        line = text.count("\n", 0, match.start(group)) + 1
        if not left_out:
            language = match["language"] if group == "text" else "python"
            yield Snippet(page, line, language, match[group])
        left_out = False
    assert not left_out, f"{page.name} leaves out what is not there"


def _dedented(text: str) -> str:
    """Blocks within a list begin where the rest of a page does; each keeps its length in lines."""

    def shift(match: re.Match[str]) -> str:
        return re.sub(f"^{match[1]}", "", match[0], flags=re.MULTILINE)

    return re.sub(r"^( +)(```+).*?^\1\2[ ]*$", shift, text, flags=re.MULTILINE | re.DOTALL)
