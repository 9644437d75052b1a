"""Markdown off the page: read once, and shown as text and as HTML."""

import json
import re
import time
from datetime import datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.text.markdown import Node, as_html, as_text, escaped, outside_code, parse
from bridge.text.markdown.parsing import LONGEST

CORPUS: list[str] = json.loads((Path(__file__).parent / "markdown.json").read_text())
PIECES = [
    "*", "**", "_", "__", "~~", "||", "`", "``", "```", "\n", "> ", ">>> ", "- ", "1. ", "  - ", "# ", "-# ", "[",
    "]", "(", ")", "](https://a.b)", "[x](<https://a.b/c>)", "https://ex.org/a_b", "<https://a.b>", "<t:1:R>", " ",
    "<t:99>", "\\", "<:wave:118000000000000041>", "a", "b c", "日", "<", ">", "&", '"', "'", "<script>", "\t", "\x00",
    "javascript:", "😀",
]  # fmt: skip
TEXTS = st.one_of(
    st.lists(st.sampled_from(PIECES), max_size=30).map("".join), st.sampled_from(CORPUS), st.text(max_size=60)
)
LOOKS = re.compile(r"[\s*_~|`>#\-•.0-9\\:<()\[\]▒]")


class Reading(HTMLParser):
    """What a browser would make of it; no more than what we mean to write."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.words: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        allowed = "strong em u s small div h3 h4 h5 blockquote pre code ul ol li a br"
        assert tag in allowed.split(), tag
        assert {name for name, _ in attrs} <= {"style", "href", "rel", "start"}
        self.links += [value or "" for name, value in attrs if name == "href"]
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def read(html: str) -> Reading:
    reading = Reading()
    reading.feed(html)
    reading.close()
    assert not reading.open
    return reading


@settings(max_examples=300)
@given(text=TEXTS, masked=st.booleans())
def test_html_is_whole_and_holds_nothing_that_was_not_meant(text: str, masked: bool) -> None:
    reading = read(as_html(parse(text, masked=masked)))
    assert all(link.lower().startswith(("http://", "https://")) for link in reading.links)


@settings(max_examples=300)
@given(text=TEXTS, masked=st.booleans())
def test_both_forms_say_the_same(text: str, masked: bool) -> None:
    """But for where a link leads: all of it in the text, its host beside the words in HTML."""
    nodes = parse(text, masked=masked)
    plain = as_text(_unlinked(nodes))
    html = "".join(read(as_html(_unlinked(nodes))).words)
    assert LOOKS.sub("", plain) == LOOKS.sub("", html.replace("\xa0", " "))


def _unlinked(nodes: list[Node]) -> list[Node]:
    changed: list[Node] = []
    for node in nodes:
        content = _unlinked(list(node.content))
        items = [_unlinked(list(item)) for item in node.items]
        target = "" if node.type == "link" else node.target
        changed.append(Node(**{**vars(node), "content": content, "items": items, "target": target}))
    return changed


@given(st.text(st.characters(categories=("L", "N")), max_size=40))
def test_what_has_no_marks_is_as_it_was(text: str) -> None:
    assert as_text(parse(text)) == text
    assert "".join(read(as_html(parse(text))).words) == text


@given(st.text(alphabet="ab *_~|>[]()<#:\\@/.", max_size=80))
def test_an_escaped_name_reads_as_the_name(name: str) -> None:
    assert as_text(parse(escaped(name), masked=True), hide=False) == " ".join(name.split())


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("[tracking](https://example.com/a)", "tracking <https://example.com/a>"),
        ("see https://example.com/a.", "see https://example.com/a."),
        ("**a** _b_ __c__ ~~d~~", "a b c d"),
        ("<:wave:118000000000000041> <t:0> <t:0:t>", ":wave: 1 January 1970, 00:00 UTC 00:00 UTC"),
        ("<t:1700000000:F>", "Tuesday, 14 November 2023, 22:13 UTC"),
        ("<t:9999999999999>", "<t:9999999999999>"),
        ("It was ||the butler||", "It was ▒▒▒"),
        ("# Title\nwords\n-# small", "Title\nwords\nsmall"),
        ("- a\n  - b\n1. c\n2. d", "• a\n  • b\n1. c\n2. d"),
        ("> a\n> b\nc", "> a\n> b\nc"),
        ("```py\nx = 1\n  y\n```", "x = 1\n  y"),
        (r"\*as it is\*", "*as it is*"),
        ("1 < 2 > 0 <b> <:no> <@> <t:x>", "1 < 2 > 0 <b> <:no> <@> <t:x>"),
    ],
)
def test_where_only_text_can_be_shown_it_is_readable(written: str, text: str) -> None:
    assert as_text(parse(written, masked=True)) == text


def test_a_spoiler_can_be_left_uncovered_but_not_in_html() -> None:
    nodes = parse("||the **butler**||")
    assert as_text(nodes, hide=False) == "||the butler||"
    assert "butler" not in as_html(nodes)


def test_a_visitor_hides_no_address() -> None:
    assert as_text(parse("[win](https://evil.example)")) == "[win](https://evil.example)"
    assert read(as_html(parse("[win](https://evil.example)"))).links == ["https://evil.example"]


def test_html_says_where_a_link_leads() -> None:
    html = as_html(parse("[bank.example](https://evil.example/x)", masked=True))
    assert "".join(read(html).words) == "bank.example (evil.example)"


@given(st.integers(-(10**18), 10**18), st.sampled_from(["", ":t", ":T", ":d", ":D", ":f", ":F", ":R"]))
def test_a_moment_says_its_zone_or_is_shown_as_written(seconds: int, form: str) -> None:
    text = as_text(parse(f"<t:{seconds}{form}>"))
    try:
        datetime.fromtimestamp(seconds)
    except (OverflowError, ValueError, OSError):
        assert str(seconds) in text or "UTC" in text
    else:
        assert text.endswith(" UTC") or form in {":d", ":D"}


@pytest.mark.parametrize("text", ["a" * (LONGEST + 1) + " https://example.com **b**"])
def test_what_is_too_long_is_shown_as_written(text: str) -> None:
    assert as_text(parse(text)) == text
    assert read(as_html(parse(text))).links == ["https://example.com"]


@pytest.mark.parametrize(
    "part",
    ["*", "**a", "||", "**_~~||", "[", "[a](https://a", "`a", "```a\n", "\n", "> > ", "- a\n", "# a\n", "<t:1", "\\",
     "https://a(", "* ", "a", "*a**", "_a__b", "[a](https://a.b(", "``a`", "  - a\n", "~~_", "*a **b ", "> - # **a\n"],
)  # fmt: skip
def test_text_made_to_cost_time_costs_no_more_than_its_length(part: str) -> None:
    def cost(length: int) -> float:
        text = part * (length // len(part))
        spent = []
        for _ in range(3):
            began = time.thread_time()
            nodes = parse(text, masked=True)
            as_text(nodes)
            as_html(nodes)
            outside_code(text, str)
            spent.append(time.thread_time() - began)
        return min(spent)

    # In proportion it is 4, and 16 where it grows with the square.
    assert cost(LONGEST - 50) < 11 * max(cost((LONGEST - 50) // 4), 1e-3)


@pytest.mark.parametrize(
    ("text", "shouted"),
    [
        ("a `b` c", "A `b` C"), ("a ```b``` c", "A ```b``` C"), ("``a`b``c", "``a`b``C"), ("``a`", "``A`"),
        ("`a``b`", "`a``b`"), ("\\`a`", "\\`A`"), ("```a", "```A"), ("` `a", "` `A"),
    ],
)  # fmt: skip
def test_code_is_left_alone(text: str, shouted: str) -> None:
    assert outside_code(text, str.upper) == shouted


@given(st.lists(st.sampled_from(["`", "``", "```", "a", "\n", "\\", "x"]), max_size=14).map("".join))
def test_what_is_left_alone_is_what_is_shown_as_code(text: str) -> None:
    changed: list[str] = []
    outside_code(text, lambda part: changed.append(part) or part)  # type: ignore[func-returns-value]
    code = [node for node in parse(text) if node.type in {"codeBlock", "inlineCode"}]
    assert len(code) == len(changed) - 1


@pytest.mark.parametrize("piece", ["```a ``b `c ", "`a``", "``a`", "```a", "`", "``` `` "])
def test_code_that_never_ends_is_looked_at_once(piece: str) -> None:
    text = piece * 100_000
    assert outside_code(text, str.upper).lower() == text
