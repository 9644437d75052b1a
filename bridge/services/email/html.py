"""Converts the HTML of a mail to plain text, in which quoted lines begin with “>”.

lxml parses it without building a tree. Measured on malicious documents (100,000 open elements, closed in the wrong
order): selectolax, and html.parser in some versions of Python, take minutes. The time that lxml takes grows with the
number of open elements, which is limited here. If a document is nested more deeply than any mail program does, its
structure is ignored.
"""

import re

from lxml import etree

DEEPEST = 300
"""Open elements. In a long thread, the mails of real mail programs have about a hundred."""
MOST_QUOTES = 20
"""The most “>” before a line: 300 before each line would make the text many times longer than its document."""
PIECE = 16 * 1024
"""Characters that are parsed at once. lxml raises TooDeep only after a whole piece."""
_BLOCKS = frozenset(
    "address article aside blockquote body center dd div dl dt fieldset figure footer form h1 h2 h3 h4 h5 h6 header "
    "hr li main nav ol p pre section table tr ul".split()
)
_UNSEEN = frozenset({"style", "script", "title", "template"})
# HTML's white space, which a no-break space is not part of.
_SPACES = re.compile(r"[ \t\r\n]+")
_TAG = re.compile(r"<[^<>]{0,5000}>")
_ADDRESS = ("http://", "https://")


class TooDeep(Exception):
    """More elements are open than in any mail of a real mail program."""


def text_of_html(html: str) -> str:
    """The whole text. If the text of a link is not its address, the address follows it."""
    html = html.replace("\x00", "").encode(errors="replace").decode()
    reader = _Reader()
    parser = etree.HTMLParser(target=reader, huge_tree=True, no_network=True)
    try:
        for at in range(0, len(html), PIECE):
            parser.feed(html[at : at + PIECE])
        parser.close()
    except (TooDeep, etree.LxmlError):
        return _flat(html)
    text = reader.text()
    # A comment or style that is never closed would hide everything after it.
    return text if text or not html.strip() else _flat(html)


class _Reader:
    """The parser target: lxml calls these methods while it parses."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._line: list[str] = []
        self._depth = self._quotes = self._unseen = self._verbatim = 0
        self._links: list[tuple[str, int]] = []

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > DEEPEST:
            raise TooDeep
        if tag in _BLOCKS or tag == "br":
            self._end_line(blank=tag == "br")
        self._unseen += tag in _UNSEEN
        self._quotes += tag == "blockquote"
        self._verbatim += tag == "pre"
        if tag == "li":
            self._line.append("- ")
        elif tag in {"td", "th"} and self._line:
            self._line.append(" ")
        elif tag == "a":
            self._links.append((attributes.get("href", "").strip(), len(self._line)))

    def end(self, tag: str) -> None:
        self._depth -= 1
        if tag == "a" and self._links:
            self._end_link(*self._links.pop())
        if tag in _BLOCKS:
            self._end_line()
        self._unseen -= tag in _UNSEEN
        self._quotes -= tag == "blockquote"
        self._verbatim -= tag == "pre"

    def data(self, text: str) -> None:
        if self._unseen:
            return
        if not self._verbatim:
            self._line.append(text)
            return
        first, *others = text.split("\n")
        self._line.append(first)
        for line in others:
            self._end_line(blank=True)
            self._line.append(line)

    def close(self) -> None:
        self._end_line()

    def text(self) -> str:
        return "\n".join(self._lines).strip()

    def _end_link(self, address: str, since: int) -> None:
        words = " ".join("".join(self._line[since:]).split())
        if address.lower().startswith(_ADDRESS) and words and words.rstrip("/") != address.rstrip("/"):
            self._line.append(f" ({address})")

    def _end_line(self, *, blank: bool = False) -> None:
        """`blank`: an empty line is added, too."""
        text = "".join(self._line)
        self._line = []
        self._links = [(address, 0) for address, _ in self._links]
        words = text.rstrip() if self._verbatim else _SPACES.sub(" ", text).strip(" ")
        if words or (blank and self._lines):
            self._lines.append(
                f"{'>' * min(MOST_QUOTES, self._quotes)} {words}".rstrip() if self._quotes else words
            )


def _flat(html: str) -> str:
    """Replaces each tag with the end of a line."""
    lines = (" ".join(line.split()) for line in _TAG.sub("\n", html).split("\n"))
    return "\n".join(line for line in lines if line)
