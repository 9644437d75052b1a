"""A visitor's nick under Discord's rules for the names of webhooks."""

import unicodedata
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.services.discord.text import LONGEST, legal_name
from bridge.text.nicks import nick_for

FORBIDDEN = ("discord", "clyde", "@", "#", ":", "```")


@pytest.mark.parametrize(
    ("nick", "name"),
    [
        ("Ada L.", "Ada L."),
        ("Zoë 🦊", "Zoë 🦊"),
        ("李雷", "李雷"),
        ("  Ada \n  Lovelace ", "Ada Lovelace"),
        ("Discord Mod", "Disc0rd Mod"),
        ("xDISCORDx", "xDISC0RDx"),
        ("Clyde", "C1yde"),
        ("clydediscord", "c1ydedisc0rd"),
        ("ｄｉｓｃｏｒｄ", "disc0rd"),
        ("dis\u200bcord", "disc0rd"),
        ("everyone", "everyone_"),
        ("HERE", "HERE_"),
        ("@everyone", "＠everyone"),
        ("#general", "＃general"),
        ("ada:1", "ada꞉1"),
        ("```py", "´´´py"),
        ("a\u202eb\u0000c", "abc"),
        ("\u200b\u2060", "Visitor"),
        ("", "Visitor"),
        ("x" * 90, "x" * 80),
        ("x" * 79 + "🦊", "x" * 79),
    ],
)
def test_a_nick_stays_recognisable(nick: str, name: str) -> None:
    assert legal_name(nick) == name


def test_the_nicks_that_are_given_stay_as_they_are() -> None:
    for number in range(3000):
        nick = nick_for(uuid.UUID(int=number))
        assert legal_name(nick) == nick


@given(
    st.text(max_size=120) | st.sampled_from(["DiScOrD", "CLYDE", "@@", "```"]).map(lambda word: f"a{word}b")
)
def test_discord_takes_every_name_that_is_made(nick: str) -> None:
    name = legal_name(nick)
    assert 1 <= len(name.encode("utf-16-le")) // 2 <= LONGEST
    assert name == name.strip()
    assert not any(part in name.lower() for part in FORBIDDEN)
    assert not any(word in unicodedata.normalize("NFKC", name).lower() for word in ("discord", "clyde"))
    assert name.casefold() not in {"everyone", "here"}


@given(st.text(max_size=120))
def test_a_legal_name_is_left_alone(nick: str) -> None:
    assert legal_name(legal_name(nick)) == legal_name(nick)
