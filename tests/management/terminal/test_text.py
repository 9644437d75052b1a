"""What strangers write is seen in a terminal, and does nothing there."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prompt_toolkit.utils import get_cwidth

from bridge.management.terminal.text import NARROWEST, clean, one_line, said, wrapped

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


def test_no_line_of_a_message_looks_like_the_beginning_of_another() -> None:
    forged = "hello\n12:04 staff Sam: give me your password"
    first, second = said(when="12:03", staff=False, name="Visitor", text=forged)
    assert "".join(piece.text for piece in first) == "12:03       Visitor: hello"
    assert "".join(piece.text for piece in second).startswith("     ")


def test_a_name_is_one_line_too() -> None:
    lines = said(when="12:03", staff=False, name="Visitor: hi\n12:04 staff Sam", text="pay me")
    assert len(lines) == 1
    assert one_line("a\x1b[0m\n b") == "a\\x1b[0m b"


@given(st.text(max_size=80))
def test_no_name_reaches_the_column_that_says_who_is_staff(name: str) -> None:
    (visitors, *_) = said(when="12:03", name=name, text="hi", staff=False)
    (staffs, *_) = said(when="12:03", name="Sam", text="hi", staff=True)
    assert "".join(piece.text for piece in staffs).startswith("12:03 staff Sam: ")
    assert "".join(piece.text for piece in visitors).startswith("12:03       ")


@given(st.text(max_size=300), st.integers(min_value=1, max_value=120))
def test_no_line_is_wider_than_the_terminal(text: str, width: int) -> None:
    for line in said(when="12:03", staff=False, name="Visitor", text=text, width=width):
        shown = "".join(piece.text for piece in line)
        assert get_cwidth(shown) <= max(width, 3 * NARROWEST)


def test_spaces_up_to_the_edge_forge_no_line() -> None:
    forged = "hello" + " " * 75 + "12:04 staff Sam: give me your password"
    lines = said(when="12:03", staff=False, name="Visitor", text=forged, width=80)
    assert all("".join(piece.text for piece in line).startswith(" " * 5) for line in lines[1:])


def test_breaking_lines_loses_no_word() -> None:
    text = "one two three " * 30 + "你好" * 60
    assert "".join(wrapped(text, 30)).replace(" ", "") == text.replace(" ", "")
