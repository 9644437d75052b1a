"""Staff mute, block and let in again from a message's menu in Discord; who is no staff, and who is no visitor."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.utils import timezone

from bridge.chat.actions import moderating
from bridge.models import Block, Message, Participant
from bridge.sandbox import defaults
from bridge.sandbox.client import SandboxRefused
from bridge.services.discord.bot.moderation import COMMANDS, NOT_A_VISITORS, NOT_NOW
from tests.services.discord.bot.stage import STRANGER, VISITOR, Stage, db, eventually
from tests.services.discord.bot.test_rooms import FOX, LOBBY, OWL, Room

MUTE, UNMUTE, BLOCK, UNBLOCK, END = COMMANDS


@pytest.fixture
async def room(stage: Stage) -> Room:
    made = await Room(stage).make()
    await stage.start()
    return made


async def commands_are_there(stage: Stage, channel: str) -> None:
    async def shown() -> bool:
        return await stage.sandbox.commands("ada", channel) == sorted(COMMANDS)

    await eventually(shown)


async def muted(visitor: Any) -> bool:
    return await db(Participant.objects.filter(visitor=visitor, muted_until__gt=timezone.now()).exists)


async def test_the_commands_are_there_for_staff_and_for_nobody_else(room: Room, stage: Stage) -> None:
    await commands_are_there(stage, LOBBY)
    assert await stage.sandbox.commands("robin", LOBBY) == []
    await stage.sandbox.drop_gateway(resumable=False)
    await stage.until_caught_up()
    assert stage.asked("PUT /applications/*/guilds/*/commands") == 1


async def test_in_a_room_a_visitor_is_muted_and_let_speak_again(room: Room, stage: Stage) -> None:
    await commands_are_there(stage, LOBBY)
    await room.say("Buy this!")
    await room.say("Hello", visitor=OWL)
    await stage.delivered()
    spam, _ = await stage.sandbox.messages(LOBBY)
    answer = await stage.sandbox.invoke_as("ada", LOBBY, spam["id"], MUTE)
    assert answer["ephemeral"]
    assert answer["content"].startswith("**Quick Fox** cannot write here until <t:")
    until = await db(lambda: Participant.objects.get(visitor=FOX).muted_until)
    assert timedelta(minutes=9) < until - timezone.now() <= timedelta(minutes=10)
    assert not await muted(OWL)
    answer = await stage.sandbox.invoke_as("grace", LOBBY, spam["id"], UNMUTE)
    assert answer["content"] == "**Quick Fox** can write here again."
    assert not await muted(FOX)
    # What was said to the moderators alone is nobody's news.
    assert [text for _, text in await room.page()] == ["Buy this!", "Hello"]


async def test_a_visitor_is_blocked_and_let_in_again(room: Room, stage: Stage) -> None:
    await commands_are_there(stage, LOBBY)
    await room.say("Buy this!")
    await stage.delivered()
    (spam,) = await stage.sandbox.messages(LOBBY)
    answer = await stage.sandbox.invoke_as("ada", LOBBY, spam["id"], BLOCK)
    assert (
        answer["content"] == "**Quick Fox** is blocked and was notified. Use “Unblock visitor” to undo this."
    )
    found = await db(lambda: [(each.visitor, each.reason) for each in Block.objects.all()])
    assert found == [(FOX, "By Ada in Discord")]
    await stage.sandbox.invoke_as("ada", LOBBY, spam["id"], BLOCK)
    answer = await stage.sandbox.invoke_as("ada", LOBBY, spam["id"], UNBLOCK)
    assert answer["content"] == "**Quick Fox** is no longer blocked."
    answer = await stage.sandbox.invoke_as("ada", LOBBY, spam["id"], UNBLOCK)
    assert answer["content"] == "**Quick Fox** was not blocked."
    assert not await db(Block.objects.exists)


async def test_in_a_thread_it_works_on_what_the_visitor_said_and_on_his_card(up: Stage) -> None:
    thread = await up.converse("Hello")
    await up.converse("Me too", visitor=STRANGER)
    await commands_are_there(up, thread)
    said = (await up.sandbox.messages(thread))[-1]
    await up.sandbox.invoke_as("ada", thread, said["id"], MUTE)
    assert await muted(VISITOR)
    assert not await muted(STRANGER)
    answer = await up.sandbox.invoke_as("ada", str(defaults.SUPPORT_CHANNEL_ID), thread, BLOCK)
    assert answer["content"].startswith("**Visitor** is blocked")
    assert await db(lambda: list(Block.objects.values_list("visitor", flat=True))) == [VISITOR]


async def test_in_a_forum_the_card_is_his_too(stage: Stage) -> None:
    await stage.change_inbox(discord_channel_id=str(defaults.FORUM_CHANNEL_ID))
    await stage.start()
    thread = await stage.converse("Hello")
    await commands_are_there(stage, thread)
    await stage.sandbox.invoke_as("ada", thread, thread, BLOCK)
    assert await db(lambda: list(Block.objects.values_list("visitor", flat=True))) == [VISITOR]


async def test_what_no_visitor_wrote_blocks_nobody(room: Room, stage: Stage) -> None:
    await commands_are_there(stage, LOBBY)
    said = await stage.sandbox.post_as("robin", LOBBY, "I am no visitor")
    await room.page_shows(("Robin", "I am no visitor"))
    for command in COMMANDS:
        answer = await stage.sandbox.invoke_as("ada", LOBBY, said["id"], command)
        assert answer["content"] == NOT_A_VISITORS
    assert not await db(Block.objects.exists)


async def test_who_may_not_manage_messages_is_refused_whatever_discord_shows_him(
    room: Room, stage: Stage
) -> None:
    await commands_are_there(stage, LOBBY)
    await room.say("Hello")
    await stage.delivered()
    (said,) = await stage.sandbox.messages(LOBBY)
    with pytest.raises(SandboxRefused):
        await stage.sandbox.invoke_as("robin", LOBBY, said["id"], BLOCK)
    # The server's owner has shown it to everybody.
    command = stage.world.find_command(BLOCK, defaults.GUILD_ID, 3)
    command["default_member_permissions"] = None
    answer = await stage.sandbox.invoke_as("robin", LOBBY, said["id"], BLOCK)
    assert answer == {
        "content": "You need the permission “Manage Messages” here.",
        "ephemeral": True,
    }
    assert not await db(Block.objects.exists)


async def test_where_the_database_is_away_the_moderator_is_told(
    room: Room, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await commands_are_there(stage, LOBBY)
    await room.say("Hello")
    await stage.delivered()
    (said,) = await stage.sandbox.messages(LOBBY)

    def away(*_: object, **__: object) -> None:
        raise OperationalError("the database is away")

    monkeypatch.setattr(moderating, "block", away)
    answer = await stage.sandbox.invoke_as("ada", LOBBY, said["id"], BLOCK)
    assert answer["content"] == NOT_NOW


async def test_a_visitors_message_that_staff_delete_goes_from_the_page(room: Room, stage: Stage) -> None:
    await room.say("Buy this!")
    await room.say("Hello", visitor=OWL)
    await stage.delivered()
    spam, _ = await stage.sandbox.messages(LOBBY)
    await stage.sandbox.delete(LOBBY, spam["id"])
    await room.page_shows(("Discord Owl", "Hello"))
    gone = await db(lambda: Message.objects.get(deleted_at__isnull=False))
    assert gone.content == ""


async def test_one_that_was_deleted_while_the_bot_was_away_goes_too(room: Room, stage: Stage) -> None:
    await room.say("Buy this!")
    await room.say("Hello", visitor=OWL)
    await stage.delivered()
    spam, _ = await stage.sandbox.messages(LOBBY)
    await stage.stop()
    await stage.sandbox.delete(LOBBY, spam["id"])
    await stage.start()
    await room.page_shows(("Discord Owl", "Hello"))
