"""What a visitor wrote, as Discord is given it."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.models import Inbox
from bridge.services.discord.text import REMOVED, format_text, plain
from bridge.text.markdown import outside_code

KEEP = Inbox(invites=Inbox.Invites.KEEP)
BREAK = Inbox(invites=Inbox.Invites.BREAK)
REMOVE = Inbox(invites=Inbox.Invites.REMOVE)


@pytest.mark.parametrize(
    "text",
    [
        "Hello",
        "**bold** _it_ __under__ ~~no~~ ||spoiler|| `code` # no heading",
        "# A heading\n-# small\n> quoted\n- one\n- two",
        "https://example.com/a_b_(c)?d=1&e=2#f and <https://example.com>",
        "<t:1700000000:R> <:wave:118000000000000041>",
        "mail ada@example.com, 2 < 3, a[1] (x), [1] (see below), I <3 you",
        "```js\nhandlers[key](value)\n```",
    ],
)
def test_what_is_harmless_stays_as_it_is(text: str) -> None:
    assert format_text(text, KEEP) == format_text(text, BREAK) == text


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("<@1180000000000000021>", r"\<@1180000000000000021>"),
        ("<@!1> <@&2> <#3> </close:4> <id:customize>", r"\<@!1> \<@&2> \<#3> \</close:4> \<id:customize>"),
        ("<@everyone>", r"\<@everyone>"),
        ("[win](https://evil.example)", r"[win\](https://evil.example)"),
        ("[win](<https://evil.example>)", r"[win\](<https://evil.example>)"),
        ("[win]( https://evil.example 'title')", r"[win\]( https://evil.example 'title')"),
        ("[x](\ufeffhttps://evil.example)", "[x\\](\ufeffhttps://evil.example)"),
        ("[win](\u034f<\u3164https://evil.example>)", "[win\\](\u034f<\u3164https://evil.example>)"),
        ("[win](!https://evil.example)", r"[win\](!https://evil.example)"),
        ("[a](discord://x) [b](HTTP://x)", r"[a\](discord://x) [b\](HTTP://x)"),
        # What has a backslash already, and what only seems to have one.
        (r"[win\](https://evil.example)", r"[win\](https://evil.example)"),
        (r"[win\\](https://evil.example)", r"[win\\\](https://evil.example)"),
        (r"\<@1> \\<@1>", r"\<@1> \\\<@1>"),
        # What looks like code, and is none since its sign has a backslash.
        (r"\`[win](https://evil.example)`", r"\`[win\](https://evil.example)`"),
        (r"\```[win](https://evil.example)```", r"\```[win\](https://evil.example)```"),
    ],
)
def test_what_would_call_somebody_or_hide_an_address_is_shown_as_typed(typed: str, said: str) -> None:
    assert format_text(typed, KEEP) == said


@pytest.mark.parametrize(
    "text",
    [
        "@everyone and @Here",
        "bob@here.example, ada@everyone.example",
        "`[win](https://evil.example)` ``<@1>`` ```\n<#1> discord.gg/abc a[1](x)\n```",
    ],
)
def test_where_discord_would_do_nothing_nothing_is_done(text: str) -> None:
    assert format_text(text, BREAK) == text


@pytest.mark.parametrize(
    "address",
    ["ada@example.com", "bob@here.example", "a_b+c.d@x-y.example", "O'Neil@example.com", "ж@почта.рф"],
)
def test_an_address_on_the_card_is_copied_as_it_was_given(address: str) -> None:
    assert re.sub(r"\\(?=[^0-9A-Za-z\s])", "", plain(address)) == address


@pytest.mark.parametrize(
    "invite",
    [
        "discord.gg/abc",
        "https://discord.gg/abc",
        "HTTPS://DISCORD.GG/abc-d",
        "https://www.discord.gg//abc",
        "https://discord.com/invite/abc",
        "discordapp.com/invite/abc",
        "https://ptb.discord.com/invite/abc",
    ],
)
def test_an_invite_is_kept_broken_or_removed(invite: str) -> None:
    text = f"Join {invite}, please"
    assert format_text(text, KEEP) == text
    assert format_text(text, REMOVE) == f"Join {REMOVED}, please"
    broken = format_text(text, BREAK)
    assert broken.replace("\\", "") == text
    for alive in ("discord.gg", "discord.com", "discordapp.com", "s://"):
        assert alive not in broken.lower()


@pytest.mark.parametrize(
    "before", ["日", "é", "…", "(", "\u0e01", "🦊", '"', "*", ".", "日https://", "é https://"]
)
def test_an_invite_is_one_whatever_stands_before_it(before: str) -> None:
    assert REMOVED in format_text(f"{before}discord.gg/abc", REMOVE)
    assert "discord.gg" not in format_text(f"{before}discord.gg/abc", BREAK)


def test_a_masked_invite_is_removed_without_its_text_becoming_a_link() -> None:
    assert format_text("[here](https://discord.gg/abc)", REMOVE) == f"[here\\]({REMOVED})"


@pytest.mark.parametrize("text", ["discord.com/guilds", "mydiscord.gg/abc", "discord.gg", "discord gg/abc"])
def test_what_is_no_invite_stays(text: str) -> None:
    assert format_text(text, REMOVE) == text


@given(st.text(alphabet="@<>#/[]()ehrvyon:.tps `\\\n", max_size=200))
def test_only_backslashes_are_added_and_only_where_they_do_not_show(text: str) -> None:
    said = format_text(text, BREAK)
    added = 0
    for at, char in enumerate(said):
        if char != text[at - added : at - added + 1]:
            assert char == "\\"
            assert not said[at + 1].isalnum()
            assert not said[at + 1].isspace()
            added += 1
    assert len(said) == len(text) + added
    bare: list[str] = []
    outside_code(said, lambda part: bare.append(re.sub(r"\\[^0-9A-Za-z\s]", "·", part)) or part)  # type: ignore[func-returns-value]
    for alive in ("<@", "<#", "</", "](", "discord.gg/"):
        assert alive not in "`".join(bare)


@pytest.mark.parametrize(
    "part", ["[", "](", "<@", "http://", "discord.", "https:///", "a.", "a", "discord.com/invite"]
)
def test_hostile_text_costs_no_more_than_in_proportion(part: str) -> None:
    def cost(count: int) -> float:
        text = part * count
        spent = []
        for _ in range(5):
            began = time.thread_time()
            format_text(text, REMOVE)
            spent.append(time.thread_time() - began)
        return min(spent)

    cost(100)
    assert cost(8000) < 40 * max(cost(800), 1e-5)
