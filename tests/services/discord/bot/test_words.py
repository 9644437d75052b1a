"""What is written on one side is on the other what was meant: through the real bot, and under faults."""

import pytest

from bridge.models import Endpoint, Inbox, RemoteMessage
from bridge.sandbox import defaults
from bridge.sandbox.client import POSTS
from bridge.services.discord.text import REMOVED
from tests.services.discord.bot.stage import STRANGER, Stage, db, eventually

HOSTILE = (
    f"@everyone <@{defaults.ADA_ID}> <#{defaults.GENERAL_CHANNEL_ID}> [win](https://evil.example) **bold**"
)
SAID = f"@everyone \\<@{defaults.ADA_ID}> \\<#{defaults.GENERAL_CHANNEL_ID}> [win\\](https://evil.example) **bold**"
INVITE = "Join https://discord.gg/abc"


async def test_what_a_visitor_typed_stands_there_as_typed_and_the_page_keeps_his_words(up: Stage) -> None:
    thread = await up.converse(HOSTILE)
    await up.discord_shows(thread, SAID)
    await up.page_shows(HOSTILE)
    (message,) = [each for each in await up.sandbox.messages(thread) if each["type"] == 0]
    assert not message.get("mention_everyone")
    assert not message.get("mentions")


async def test_an_edit_is_said_the_same_way(up: Stage) -> None:
    (message,) = await up.say("Hello")
    await up.delivered()
    await up.edit(message, HOSTILE)
    await up.delivered()
    await up.discord_shows(await up.thread(), SAID)


@pytest.mark.parametrize("when", ["before", "after"])
async def test_what_is_looked_for_after_an_uncertain_send_is_found_as_it_was_said(
    up: Stage, when: str
) -> None:
    thread = await up.converse("one")
    await up.sandbox.fault("error", route=POSTS, status=503, when=when, times=1)
    await up.sandbox.fault("withhold", event="MESSAGE_CREATE", content=SAID)
    await up.sandbox.settings(nonce_seconds=0)
    await up.say(HOSTILE)
    await eventually(lambda: db(_of_unknown_fate), "it has failed")
    up.pass_time(32)
    await up.delivered()
    await up.discord_shows(thread, "one", SAID)
    await up.page_shows("one", HOSTILE)


def _of_unknown_fate() -> bool:
    lost = RemoteMessage.objects.filter(remote_id=None, sent_at__isnull=False)
    return lost.exists() and Endpoint.objects.exclude(failures=0).exists()


async def test_invites_are_handled_as_the_inbox_wants(up: Stage) -> None:
    said = {
        Inbox.Invites.KEEP: INVITE,
        Inbox.Invites.BREAK: r"Join https\://discord\.gg/abc",
        Inbox.Invites.REMOVE: f"Join {REMOVED}",
    }
    for choice in said:
        await up.change_inbox(invites=choice)
        await up.converse(INVITE)
    await up.discord_shows(await up.thread(), *said.values())
    await up.page_shows(*[INVITE] * 3)


@pytest.mark.parametrize(("previews", "flags"), [(True, None), (False, 4)])
async def test_links_are_shown_with_what_they_lead_to_only_where_the_inbox_wants_it(
    up: Stage, previews: bool, flags: int | None
) -> None:
    await up.change_inbox(link_previews=previews)
    thread = await up.converse("https://example.com")
    (body,) = [body for _, path, body in up.bodies if path == f"/channels/{thread}/messages" and body]
    assert body.get("flags") == flags


async def test_long_code_is_code_in_each_of_its_pieces(up: Stage) -> None:
    code = "\n".join(f"    line {number}" for number in range(250))
    thread = await up.converse(f"Look:\n```python\n{code}\n```", visitor=STRANGER)
    pieces = await up.texts(thread)
    assert len(pieces) > 1
    assert all(piece.count("```") == 2 and piece.endswith("```") for piece in pieces)
    assert all(piece.startswith("```python\n    line") for piece in pieces[1:])


async def test_what_reaches_into_the_next_message_does_not_go_with_it(up: Stage) -> None:
    thread = await up.converse("first")
    await up.say("**never closed", "x", "y")
    await up.delivered()
    await up.discord_shows(thread, "first", "**never closed", "x\ny")


async def test_staffs_markdown_reaches_the_page_and_a_nick_stays_a_nick(stage: Stage) -> None:
    stage.world.users[defaults.GRACE_ID].global_name = "[win](https://evil.example)"
    await stage.start()
    thread = await stage.converse("Hello")
    said = f"**Ask** <@{defaults.GRACE_ID}> <t:1700000000:R> <:wave:1180000000000000099> ||soon||"
    await stage.sandbox.post_as("ada", thread, said)
    nick = r"@\[win\]\(https\://evil.example\)"
    await stage.page_shows("Hello", said.replace(f"<@{defaults.GRACE_ID}>", nick))
