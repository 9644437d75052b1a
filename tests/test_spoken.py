"""What a visitor wrote, as Discord is given it."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.models import Inbox
from bridge.services.discord_text import GAP, REMOVED, spoken

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
        "mail ada@example.com, 2 < 3, a[1](x), [1] (see below), I <3 you",
        "```js\nhandlers[key](value)\n```",
    ],
)
def test_what_is_harmless_stays_as_it_is(text: str) -> None:
    assert spoken(text, KEEP) == spoken(text, BREAK) == text


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("@everyone", "@|everyone"),
        ("@Here and @EVERYONE", "@|Here and @|EVERYONE"),
        ("<@1180000000000000021>", "<|@1180000000000000021>"),
        ("<@!1> <@&2> <#3> </close:4> <id:customize>", "<|@!1> <|@&2> <|#3> <|/close:4> <|id:customize>"),
        ("<@everyone>", "<|@|everyone>"),
        ("[win](https://evil.example)", "[win]|(https://evil.example)"),
        ("[win](<https://evil.example>)", "[win]|(<https://evil.example>)"),
        ("[win]( https://evil.example 'title')", "[win]|( https://evil.example 'title')"),
        ("[a](discord://x) [b](HTTP://x)", "[a]|(discord://x) [b]|(HTTP://x)"),
        ("[win](\ufeffhttps://evil.example)", "[win]|(\ufeffhttps://evil.example)"),
        ("[win](\u034f<\u3164https://evil.example>)", "[win]|(\u034f<\u3164https://evil.example>)"),
        ("[win](!https://evil.example)", "[win]|(!https://evil.example)"),
        ("`[win](https://evil.example)`", "`[win]|(https://evil.example)`"),
    ],
)
def test_what_would_ping_or_hide_an_address_is_shown_as_typed(typed: str, said: str) -> None:
    assert spoken(typed, KEEP) == said.replace("|", GAP)
    assert spoken(typed, KEEP).replace(GAP, "") == typed


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
    assert spoken(text, KEEP) == text
    assert spoken(text, REMOVE) == f"Join {REMOVED}, please"
    broken = spoken(text, BREAK)
    assert broken.replace(GAP, "") == text
    for alive in ("discord.gg", "discord.com", "discordapp.com", "://"):
        assert alive not in broken.lower()


@pytest.mark.parametrize(
    "before", ["日", "é", "…", "(", "\u0e01", "🦊", '"', "*", ".", "日https://", "é https://"]
)
def test_an_invite_is_one_whatever_stands_before_it(before: str) -> None:
    assert REMOVED in spoken(f"{before}discord.gg/abc", REMOVE)
    assert "discord.gg" not in spoken(f"{before}discord.gg/abc", BREAK)


def test_a_masked_invite_is_removed_without_its_text_becoming_a_link() -> None:
    assert spoken("[here](https://discord.gg/abc)", REMOVE) == f"[here]({REMOVED})"


@pytest.mark.parametrize("text", ["discord.com/guilds", "mydiscord.gg/abc", "discord.gg", "discord gg/abc"])
def test_what_is_no_invite_stays(text: str) -> None:
    assert spoken(text, REMOVE) == text


@given(st.text(alphabet="@<>#/[]()ehrvyon:.tps `\\", max_size=200))
def test_nothing_pings_whatever_it_is_wrapped_in(text: str) -> None:
    said = spoken(text, BREAK)
    assert said.replace(GAP, "") == text.replace(GAP, "")
    for alive in ("@everyone", "@here", "<@", "<#", "</", "](http", "](<http"):
        assert alive not in said


@pytest.mark.parametrize(
    "part", ["[", "](", "<@", "http://", "discord.", "https:///", "a.", "a", "discord.com/invite"]
)
def test_hostile_text_costs_no_more_than_in_proportion(part: str) -> None:
    def cost(count: int) -> float:
        text = part * count
        spent = []
        for _ in range(5):
            began = time.thread_time()
            spoken(text, REMOVE)
            spent.append(time.thread_time() - began)
        return min(spent)

    cost(100)
    assert cost(8000) < 40 * max(cost(800), 1e-5)
