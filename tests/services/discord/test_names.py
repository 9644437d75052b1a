"""Names that Discord takes: what is seen of them stays as it is written."""

import unicodedata

import pytest

from bridge.services.discord.text import legal_name
from tests.text.test_characters import EVERY, UNSEEN


@pytest.mark.parametrize("name", EVERY)
def test_a_name_is_kept_as_it_is_written(name: str) -> None:
    assert legal_name(name) == unicodedata.normalize("NFC", name)


@pytest.mark.parametrize("char", UNSEEN)
def test_what_means_nothing_is_left_out(char: str) -> None:
    assert {legal_name(name) for name in (f"Ada{char}", f"{char}Ada", f"A{char}da")} == {"Ada"}
