"""Cut and joined, a message still says what it said."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.delivery.composing import FENCE, is_closed, length, split

LIMIT = 100
CODE = "\n".join(f"    line {number} of the program" for number in range(12))


def test_what_fits_stays_whole() -> None:
    text = f"Look:\n```python\n{CODE[:60]}\n```"
    assert split(text, limit=LIMIT) == [text]


def test_a_block_of_code_that_is_cut_ends_and_begins_again() -> None:
    pieces = split(f"Look at this:\n```python\n{CODE}\n```\nDone.", limit=LIMIT)
    assert len(pieces) > 3
    assert pieces[0].startswith("Look at this:\n```python\n    line 0")
    assert all(piece.count(FENCE) == 2 for piece in pieces)
    assert all(piece.startswith("```python\n") for piece in pieces[1:])
    assert pieces[-1].endswith("```\nDone.")
    shown = "\n".join(piece.replace("```python\n", "").replace("\n```", "") for piece in pieces)
    assert [line for line in shown.split("\n") if line] == ["Look at this:", *CODE.split("\n"), "Done."]


def test_a_block_that_just_begins_begins_in_the_next_piece() -> None:
    pieces = split("word " * 18 + "\n```\n" + CODE + "\n```", limit=LIMIT)
    assert pieces[0].strip() == ("word " * 18).strip()
    assert pieces[1].startswith("```\n    line 0")


def test_marks_that_are_never_closed_are_no_block() -> None:
    pieces = split("```\n" + "word " * 50, limit=LIMIT)
    assert "".join(pieces).count(FENCE) == 1


@given(st.text(alphabet="a `\n\U0001f600", max_size=600), st.integers(60, 120))
def test_no_piece_is_too_long_blank_or_has_space_around_it(text: str, limit: int) -> None:
    for piece in split(text, limit=limit):
        assert 0 < length(piece) <= limit
        assert piece == piece.strip()


@given(st.text(alphabet="ab `\n", max_size=600))
def test_nothing_but_space_and_the_marks_of_blocks_is_added_or_lost(text: str) -> None:
    said = "".join("".join(split(text, limit=LIMIT)).split()).replace("`", "")
    assert said == "".join(text.split()).replace("`", "")


@pytest.mark.parametrize(
    ("text", "closed"),
    [
        ("Hello, how are you? 2 < 3 & 5 > 4", True),
        ("**bold** and `code` and ||spoiler|| and snake_case_name", True),
        ("```\ncode\n```", True),
        ("> one line", True),
        ("```\ncode", False),
        ("`code", False),
        ("**bold", False),
        ("||spoiler", False),
        ("~~gone", False),
        ("_really", False),
        (">>> everything from here on", False),
        ("so:\n>>> everything from here on", False),
    ],
)
def test_what_reaches_into_what_follows_is_known(text: str, closed: bool) -> None:
    assert is_closed(text) is closed
