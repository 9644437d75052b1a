"""Where an inbox names the roles of its staff, nobody else speaks for them: in no way, and no visitor reads it."""

from typing import Any

import pytest

from bridge.chat import publishing
from bridge.models import Block, Message, Participant
from bridge.presence import team
from bridge.sandbox import defaults
from bridge.services.discord.bot.lanes import Compare
from bridge.services.discord.bot.moderation import COMMANDS, NOT_STAFF
from tests.services.discord.bot.stage import Stage, db, eventually
from tests.services.discord.bot.test_reactions import here
from tests.services.discord.bot.test_rooms import FOX, LOBBY, Room

STAFF = defaults.STAFF_ROLE_ID
MUTE, BLOCK = "Mute for 10 minutes", "Block visitor"


@pytest.fixture
async def stage(stage: Stage) -> Stage:
    await stage.change_inbox(staff_roles=str(STAFF))
    return stage


async def marked(stage: Stage, thread: str, text: str) -> bool:
    """Whether the author was told that nobody reads it."""
    (found,) = [each for each in await stage.sandbox.messages(thread) if each["content"] == text]
    return any(each["emoji"] == "🚫" for each in found["reactions"])


async def is_marked(stage: Stage, thread: str, text: str) -> None:
    async def there() -> bool:
        return await marked(stage, thread, text)

    await eventually(there, text)


@pytest.mark.parametrize("way", ["live", "after a restart"])
async def test_only_staff_are_relayed_and_the_others_are_told(up: Stage, way: str) -> None:
    thread = await up.converse("Hello")
    if way == "after a restart":
        await up.stop()
    await up.sandbox.post_as("robin", thread, "I know better")
    await up.sandbox.post_as("ada", thread, "Good day")
    await up.sandbox.post_as("robin", thread, "Do not believe her")
    await up.sandbox.post_as("grace", thread, "At your service")
    if way == "after a restart":
        await up.start()
    await up.page_shows("Hello", "Good day", "At your service")
    await is_marked(up, thread, "I know better")
    await is_marked(up, thread, "Do not believe her")
    assert not await marked(up, thread, "Good day")
    assert not await db(Participant.objects.filter(nick="Robin").exists)
    # Read again it is the same, and the watermark is beyond it.
    up.bot.relay.read_again(int(thread))
    await eventually(lambda: not up.bot.relay._lanes)
    await up.page_shows("Hello", "Good day", "At your service")
    assert (await up.endpoint()).watermark == int((await up.sandbox.messages(thread))[-1]["id"])


async def test_without_roles_whoever_can_write_there_is_staff(up: Stage) -> None:
    await up.change_inbox(staff_roles="")
    thread = await up.converse("Hello")
    await up.sandbox.post_as("robin", thread, "I am here")
    await up.page_shows("Hello", "I am here")


async def test_a_role_that_is_given_or_taken_counts_from_the_next_message_on(up: Stage) -> None:
    thread = await up.converse("Hello")
    await up.sandbox.give_role("robin", STAFF)
    await up.sandbox.post_as("robin", thread, "Now I may")
    await up.page_shows("Hello", "Now I may")
    await up.sandbox.give_role("robin", STAFF, False)
    await up.sandbox.post_as("robin", thread, "And now not")
    await is_marked(up, thread, "And now not")
    await up.page_shows("Hello", "Now I may")


async def test_who_has_left_the_server_is_no_staff_when_it_is_read_later(up: Stage) -> None:
    thread = await up.converse("Hello")
    await up.stop()
    await up.sandbox.post_as("grace", thread, "Good-bye")
    await up.sandbox.post_as("ada", thread, "Hello")
    del up.world.guild.members[defaults.GRACE_ID]
    await up.start()
    await up.page_shows("Hello", "Hello")
    await is_marked(up, thread, "Good-bye")


@pytest.mark.parametrize("way", ["live", "compared"])
async def test_what_was_staffs_is_not_edited_by_who_is_none_any_more(up: Stage, way: str) -> None:
    thread = await up.converse("Hello")
    said = await up.sandbox.post_as("grace", thread, "The price is 10")
    kept = await up.sandbox.post_as("ada", thread, "Yes")
    await up.page_shows("Hello", "The price is 10", "Yes")
    await up.sandbox.give_role("grace", STAFF, False)
    if way == "compared":
        await up.sandbox.fault("withhold", event="MESSAGE_UPDATE")
    await up.sandbox.edit(thread, said["id"], "The price is 1")
    await up.sandbox.edit(thread, kept["id"], "Yes, indeed")
    if way == "compared":
        up.bot.relay.see(int(thread), Compare())
    await up.page_shows("Hello", "The price is 10", "Yes, indeed")


@pytest.mark.parametrize("way", ["live", "compared"])
async def test_reactions_of_others_are_not_shown(up: Stage, way: str) -> None:
    thread = await up.converse("Hello")
    (hello,) = [each for each in await up.sandbox.messages(thread) if each["content"] == "Hello"]
    if way == "compared":
        await up.sandbox.fault("withhold", event="MESSAGE_REACTION_ADD")
    await up.sandbox.react_as("robin", thread, hello["id"], "👎")
    await up.sandbox.react_as("robin", thread, hello["id"], "👍")
    await up.sandbox.react_as("ada", thread, hello["id"], "👍")
    if way == "compared":
        up.bot.relay.see(int(thread), Compare(new_session=True))

    async def shown() -> bool:
        return await here("Hello") == {"👍": {"Ada"}}

    await eventually(shown)


async def test_typing_of_others_is_not_shown_and_says_nothing_of_the_team(
    up: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    thread = await up.converse("Hello")
    told: list[object] = []
    seen: list[int] = []

    async def staff_seen(inbox: int) -> None:
        seen.append(inbox)

    monkeypatch.setattr(publishing, "tell", lambda uid, event, payload: told.append(payload))
    monkeypatch.setattr(team, "staff_seen", staff_seen)
    await up.sandbox.type_as("robin", thread)
    await up.sandbox.post_as("robin", thread, "Not yours")
    await is_marked(up, thread, "Not yours")
    assert not told
    assert not seen
    await up.sandbox.type_as("ada", thread)
    await eventually(lambda: seen)
    assert len(told) == 1
    assert "Ada" in str(told[0])


async def test_commands_need_one_of_the_roles_whatever_else_somebody_may_do(up: Stage) -> None:
    thread = await up.converse("Hello")
    (hello,) = [each for each in await up.sandbox.messages(thread) if each["content"] == "Hello"]
    await up.sandbox.permit(defaults.SUPPORT_CHANNEL_ID, "manage_messages", True, who="robin")

    async def offered() -> bool:
        return MUTE in await up.sandbox.commands("robin", thread)

    await eventually(offered)
    for command in COMMANDS:
        answer = await up.sandbox.invoke_as("robin", thread, hello["id"], command)
        assert answer["content"] == NOT_STAFF
    assert not await db(Block.objects.exists)
    assert not await db(Participant.objects.filter(muted_until__isnull=False).exists)
    answer = await up.sandbox.invoke_as("ada", thread, hello["id"], BLOCK)
    assert "is blocked" in answer["content"]


async def test_bots_are_a_setting_of_their_own(up: Stage) -> None:
    thread = await up.converse("Hello")
    await up.sandbox.post_as("butler", thread, "Beep")
    await up.sandbox.post_as("ada", thread, "Not you")
    await up.page_shows("Hello", "Not you")
    await up.change_inbox(relay_bots=True)
    await up.sandbox.post_as("butler", thread, "Boop")
    await up.page_shows("Hello", "Not you", "Boop")
    assert not await marked(up, thread, "Beep")


async def test_what_cannot_be_read_of_others_leaves_no_gap(up: Stage) -> None:
    thread = await up.converse("Hello")
    odd: dict[str, Any] = {
        "interaction_metadata": {"id": "1", "type": 2, "authorizing_integration_owners": {}}
    }
    await up.sandbox.make_odd(match={"content": "Odd"}, put=odd)
    await up.sandbox.post_as("robin", thread, "Odd")
    await up.sandbox.post_as("ada", thread, "Later")
    await up.page_shows("Hello", "Later")
    await up.sandbox.post_as("grace", thread, "Odd")
    gaps = Message.objects.filter(kind=Message.Kind.GAP)
    await eventually(lambda: db(lambda: gaps.count() == 1))


async def test_in_a_room_the_roles_say_who_is_staff_and_the_others_are_guests(stage: Stage) -> None:
    room = await Room(stage).make()
    await stage.start()
    await stage.sandbox.permit(LOBBY, "manage_messages", True, who="robin")
    await room.say("Hello")
    await stage.sandbox.post_as("robin", LOBBY, "I may delete things")
    await stage.sandbox.post_as("ada", LOBBY, "I am staff")
    await room.page_shows(("Quick Fox", "Hello"), ("Robin", "I may delete things"), ("Ada", "I am staff"))
    roles = await db(lambda: dict(Participant.objects.values_list("nick", "role")))
    assert (roles["Robin"], roles["Ada"], roles["Quick Fox"]) == ("visitor", "staff", "visitor")
    assert FOX
