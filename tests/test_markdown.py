"""What of a text is code, however it is written."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.markdown import outside_code

SIMPLE = re.compile(r"(```[^`].*?```|``[^`].*?``(?!`)|`[^`]+`(?!`))", re.DOTALL)
"""The rule, as one would write it: too slow for what strangers send."""


def shouted(text: str) -> str:
    return outside_code(text, str.upper)


@given(st.lists(st.sampled_from(["`", "``", "```", "a", "\n"]), max_size=14).map("".join))
def test_code_is_what_the_simple_rule_says(text: str) -> None:
    parts = SIMPLE.split(text)
    assert shouted(text) == "".join(part if at % 2 else part.upper() for at, part in enumerate(parts))


@pytest.mark.parametrize("piece", ["```a ``b `c ", "`a``", "``a`", "```a", "`", "``` `` "])
def test_code_that_never_ends_is_looked_at_once(piece: str) -> None:
    text = piece * 100_000
    assert shouted(text).lower() == text
