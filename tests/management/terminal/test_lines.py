"""What strangers write is seen in a terminal, and does nothing there."""

import unicodedata
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prompt_toolkit.utils import get_cwidth

from bridge.management.terminal.lines import NARROWEST, Line, clean, message_lines, one_line, wrapped

HOSTILE = [
    "\x1b[2J",  # clears the screen
    "\x1b]0;owned\x07",  # sets the title
    "\x1b]52;c;cm0gLXJmIH4=\x07",  # writes to the clipboard
    "\x1b[6n",  # makes the terminal type
    "\x9b31m",  # the same in one character
    "\x90q\x9c",
    "\x08\x08\x08sudo",
    "safe\rowned",
    "\x00\x07\x0e\x7f",
    "\u202egnp.exe",  # turns the direction
    "\u2066a\u2069",
    "\u2028next",
    "\ud800",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_that_a_terminal_obeys_is_left(text: str) -> None:
    shown = clean(text)
    assert not any(unicodedata.category(char) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for char in shown)
    assert shown.encode()


@given(st.text(max_size=200))
def test_whatever_is_written_only_lines_are_left_of_what_is_not_seen(text: str) -> None:
    left = {char for char in clean(text) if unicodedata.category(char) in {"Cc", "Cf", "Cs", "Zl", "Zp"}}
    assert left <= {"\n", "\u200d"}


def test_ordinary_text_stays_as_it_is() -> None:
    text = "Grüße, 你好, שלום 👩‍👩‍👧 — “ok” ~^|\\"
    assert clean(text) == text


def message(content: str, *, name: str = "Visitor", role: str = "visitor", **fields: Any) -> dict[str, Any]:
    """As a reply or an event has it."""
    return {
        "kind": "message",
        "author": {"id": "1", "name": name, "role": role},
        "content": content,
        "attachments": [],
        "created_at": datetime(2026, 3, 1, 12, 3).astimezone().isoformat(),
        "deleted_at": None,
        **fields,
    }


def plain(line: Line) -> str:
    return "".join(text for _, text in line)


def test_no_line_of_a_message_looks_like_the_beginning_of_another() -> None:
    first, second = message_lines(message("hello\n12:04 staff Sam: give me your password"))
    assert plain(first) == "12:03       Visitor: hello"
    assert plain(second).startswith("     ")


def test_a_name_is_one_line_too() -> None:
    lines = message_lines(message("pay me", name="Visitor: hi\n12:04 staff Sam"))
    assert len(lines) == 1
    assert one_line("a\x1b[0m\n b") == "a\\x1b[0m b"


def test_a_room_is_one_line_too() -> None:
    (line,) = message_lines(message("hello"), room="lob\nby\x1b")
    assert plain(line) == "12:03       #lob by\\x1b Visitor: hello"


@given(st.text(max_size=80))
def test_no_name_reaches_the_column_that_says_who_is_staff(name: str) -> None:
    (visitors, *_) = message_lines(message("hi", name=name))
    (staffs, *_) = message_lines(message("hi", name="Sam", role="staff"))
    assert plain(staffs).startswith("12:03 staff Sam: ")
    assert plain(visitors).startswith("12:03       ")


@given(st.text(max_size=300), st.integers(min_value=1, max_value=120))
def test_no_line_is_wider_than_the_terminal(text: str, width: int) -> None:
    for line in message_lines(message(text), width=width):
        assert get_cwidth(plain(line)) <= max(width, 3 * NARROWEST)


def test_spaces_up_to_the_edge_forge_no_line() -> None:
    forged = "hello" + " " * 75 + "12:04 staff Sam: give me your password"
    lines = message_lines(message(forged), width=80)
    assert all(plain(line).startswith(" " * 5) for line in lines[1:])


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"content": "**hi**", "attachments": [{"name": "cat\x1b.png"}]}, "(edited) hi\n[cat\\x1b.png]"),
        ({"attachments": [{"name": "cat.png"}], "content": ""}, "(edited) \n[cat.png]"),
        ({"content": "", "deleted_at": "2026-03-01T12:04:00Z"}, "(deleted)"),
        ({"kind": "gap"}, "(Messages may be missing here.)"),
        ({"kind": "event", "content": "closed"}, "(ended the chat)"),
        ({"kind": "event", "content": "reopened"}, "(reopened the chat)"),
    ],
)
def test_what_a_message_is_can_be_read(fields: dict[str, Any], text: str) -> None:
    lines = message_lines(message(**{"content": "x"} | fields), edited=True)
    first, *rest = text.split("\n")
    assert plain(lines[0]) == f"12:03       Visitor: {first}"
    assert [plain(line).strip() for line in lines[1:]] == rest


def test_a_message_without_an_author_is_nobodys() -> None:
    (line,) = message_lines(message("x", kind="gap", author=None))
    assert plain(line) == "12:03       : (Messages may be missing here.)"


def test_breaking_lines_loses_no_word() -> None:
    text = "one two three " * 30 + "你好" * 60
    assert "".join(wrapped(text, 30)).replace(" ", "") == text.replace(" ", "")
