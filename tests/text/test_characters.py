"""Names of all scripts are kept as they are written; what cannot be seen and means nothing goes, wherever it stands."""

import time
import unicodedata

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from bridge.files import safe_name
from bridge.protocol.values import Nick, as_name, as_nick
from bridge.text.characters import (
    clean,
    clean_line,
    hides_something,
    is_blank,
    shortened,
    utf16,
    without_unseen,
)
from bridge.text.lookalikes import key_of
from bridge.text.nicks import MAX_NICK
from tests.text.ignorable import ignorable
from tests.text.names import NAMES

EVERY = [
    pytest.param(name, id=f"{kind} {place}")
    for kind, names in NAMES.items()
    for place, name in enumerate(names.split("|"))
]
SCRIPTS = (
    "Latin Greek Cyrillic Armenian Hebrew Arabic Syriac Thaana Devanagari Bengali Gurmukhi Gujarati Oriya Tamil Telugu"
    " Kannada Malayalam Sinhala Thai Lao Tibetan Myanmar Georgian Hangul Ethiopic Cherokee Canadian_Aboriginal Khmer"
    " Mongolian Hiragana Katakana Han Yi Nko Tifinagh Vai Javanese Balinese Sundanese Ol_Chiki Meetei_Mayek Coptic"
).split()
nick = TypeAdapter(Nick)


def test_the_corpus_is_as_wide_as_it_says() -> None:
    names = [name for each in NAMES.values() for name in each.split("|")]
    scripts = [each for each in SCRIPTS if any(regex.search(rf"\p{{Script={each}}}", name) for name in names)]
    assert len(set(names)) == len(names) >= 150
    assert len(NAMES) >= 40
    assert scripts == SCRIPTS


UNSEEN = [
    "\u200b",
    "\u2060",
    "\u00ad",
    "\u034f",
    "\ufeff",
    "\u3164",
    "\u115f",
    "\uffa0",
    "\u180e",
    "\U000e0041",
    "\u2066",
    "\u202e",
    "\u2800",
    "\u17b4",
    "\U0001d173",
    "\U000e0fff",
]


@pytest.mark.parametrize("name", EVERY)
def test_a_name_is_kept_as_it_is_written(name: str) -> None:
    written = unicodedata.normalize("NFC", name)
    assert nick.validate_python(name) == written
    assert as_nick(name) == as_name(name) == clean_line(name) == written
    assert safe_name(f"{name}.pdf") == f"{written}.pdf"
    assert not hides_something(name)
    assert not is_blank(name)


@pytest.mark.parametrize("name", EVERY)
def test_a_name_has_a_key_that_its_joiners_do_not_change(name: str) -> None:
    assert key_of(name)
    assert key_of(name) == key_of(without_unseen(name)) == key_of(clean(name))


@pytest.mark.parametrize("name", EVERY)
def test_a_long_name_is_cut_between_characters(name: str) -> None:
    long = as_nick(" ".join([name] * 20)) or ""
    assert 0 < len(long) <= MAX_NICK
    characters = regex.findall(r"\X", unicodedata.normalize("NFC", " ".join([name] * 20)))
    assert long == "".join(characters[: len(regex.findall(r"\X", long))])


@pytest.mark.parametrize("char", UNSEEN)
def test_what_means_nothing_is_refused_in_a_nick_and_left_out_elsewhere(char: str) -> None:
    for name in (f"Ada{char}", f"{char}Ada", f"A{char}da"):
        with pytest.raises(ValueError, match=r"invisible|not allowed"):
            nick.validate_python(name)
        assert as_nick(name) == "Ada"
        assert safe_name(f"{name}.png") == "Ada.png"


def test_no_ignorable_character_is_seen_by_a_comparison_or_makes_a_name() -> None:
    assert len(ignorable()) > 4000
    assert [
        char for char in ignorable() if key_of(f"A{char}da") != key_of("Ada") or as_nick(char * 3) is not None
    ] == []
    # Beside a letter that it means nothing to none is shown either.
    shown = [char for char in ignorable() if clean(f"A{char}da") != "Ada"]
    assert shown == []


@pytest.mark.parametrize(
    "text",
    [
        "A\u200dda",
        "Ad\ufe0fa",
        "\u200cAda",
        "Ada\u200d",
        "🏴\U000e0061\U000e0062Ada",
        "👩\u200dAda",
        "1\ufe0fAda",
    ],
)
def test_a_joiner_without_anything_to_join_joins_nothing(text: str) -> None:
    assert not regex.search(r"\p{Default_Ignorable_Code_Point}", clean(text))


def test_marks_are_not_heaped_over_other_lines() -> None:
    assert len(clean("Z" + "\u0336\u0315" * 50)) <= 7
    assert clean("ཧཱུྃ") == unicodedata.normalize("NFC", "ཧཱུྃ")


@given(st.text(max_size=60))
def test_cleaning_twice_is_cleaning_once_and_leaves_one_line(text: str) -> None:
    once = clean_line(text, longest=40)
    assert clean_line(once, longest=40) == once
    assert len(once) <= 40
    assert not any(unicodedata.category(char) in {"Cc", "Cs", "Zl", "Zp"} for char in once)


@given(st.text(max_size=30), st.integers(0, 20))
def test_what_is_cut_fits_and_begins_the_same(text: str, longest: int) -> None:
    for size in (len, utf16):
        cut = shortened(text, longest, size=size)
        assert size(cut) <= longest
        assert text.startswith(cut)


def test_an_extension_survives_a_long_name() -> None:
    assert safe_name("👩\u200d👩\u200d👧\u200d👦" * 60 + ".jpeg").endswith("👦.jpeg")
    assert len(safe_name("क्षि" * 100 + ".pdf")) <= 120
    assert safe_name("\u3164.\u3164") == "file"


@pytest.mark.parametrize(
    "text",
    [
        "\u200d" * 3000,
        "م\u064b" * 1500,
        "👩\u200d" * 1500,
        "a\u0301" * 1500,
        "\U0001f3f4" + "\U000e0061" * 3000,
        "\u094d\u200c" * 1500,
    ],
)
def test_no_name_makes_cleaning_slow(text: str) -> None:
    def cost(text: str) -> float:
        spent = []
        for _ in range(5):
            began = time.thread_time()
            clean(text), hides_something(text), without_unseen(text), shortened(text, 10**6)
            spent.append(time.thread_time() - began)
        return min(spent)

    # A hundred times the cost where it grows with the square.
    assert cost(text) < 50 * max(cost(text[: len(text) // 10]), 1e-4)
