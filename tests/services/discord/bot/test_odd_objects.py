"""What one of Discord's objects does to the library, or to us, costs that object alone."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Iterator
from typing import Any

import discord
import pytest

from bridge.models import Delivery, Message
from bridge.sandbox import defaults, wire
from bridge.services.discord import reading
from bridge.services.discord.bot import odd, setup, translate
from bridge.services.discord.bot.client import BridgeBot
from bridge.services.discord.bot.lanes import Compare, Posted
from bridge.services.discord.bot.setup import Place
from tests.services.discord.bot.odd import DEEPEST, MISSING, ODD, example, variations, whole
from tests.services.discord.bot.stage import STRANGER, Stage, db, eventually

SECRET = "my password is swordfish"
SUPPORT = defaults.SUPPORT_CHANNEL_ID
NO_USER = {"interaction_metadata": {"id": "1", "type": 2, "authorizing_integration_owners": {}}}
"""Discord's description allows it; discord.py does not expect it."""


async def said(stage: Stage) -> list[str]:
    """What the visitor reads, a gap as such."""
    shown = Message.objects.filter(connection__visitor__isnull=False).order_by("connection_id", "seq")
    return await db(lambda: ["(gap)" if each.kind == "gap" else each.content for each in shown])


async def reads(stage: Stage, *texts: str) -> None:
    async def same() -> bool:
        return await said(stage) == list(texts)

    await eventually(same, f"{texts}")


@pytest.mark.parametrize("way", ["live", "after a restart", "compared"])
async def test_an_object_that_cannot_be_read_is_a_gap_on_both_sides_and_the_next_one_arrives(
    up: Stage, way: str, caplog: pytest.LogCaptureFixture
) -> None:
    thread = await up.converse("Hello")
    await up.sandbox.make_odd(match={"content": SECRET}, put=NO_USER)
    if way == "after a restart":
        await up.stop()
    elif way == "compared":
        await up.sandbox.fault("withhold", event="MESSAGE_CREATE", times=1)
    await up.sandbox.post_as("ada", thread, SECRET)
    if way == "compared":
        up.bot.relay.see(int(thread), Compare())
        await reads(up, "Hello", "(gap)")
    await up.sandbox.post_as("ada", thread, "Later")
    if way == "after a restart":
        await up.start()
    await reads(up, "Hello", "(gap)", "Later")
    await up.delivered()
    assert "⚠ 1 message may be missing here." in await up.texts(thread)
    # Its shape is in the log, and nothing of what it says.
    assert "interaction_metadata: {" in caplog.text
    assert "swordfish" not in caplog.text
    # The watermark is beyond it: neither a new session nor a restart finds it again, and it is one gap.
    up.bot.relay.read_again(int(thread))
    await up.stop()
    await up.start()
    up.bot.relay.see(int(thread), Compare())
    await eventually(lambda: not up.bot.relay._lanes)
    assert await said(up) == ["Hello", "(gap)", "Later"]
    assert up.server.sandbox.gateway.identifies == (3 if way == "after a restart" else 2)


async def test_what_would_not_have_been_relayed_leaves_no_gap(up: Stage) -> None:
    thread = await up.converse("Hello")
    await up.sandbox.make_odd(match={"content": "Beep"}, put=NO_USER)
    await up.sandbox.post_as("butler", thread, "Beep")
    await up.sandbox.post_as("ada", thread, "Later")
    await reads(up, "Hello", "Later")
    await up.change_inbox(relay_bots=True)
    await up.sandbox.post_as("butler", thread, "Beep")
    await reads(up, "Hello", "Later", "(gap)")


async def test_our_own_message_that_cannot_be_read_is_neither_sent_again_nor_a_gap(up: Stage) -> None:
    thread = await up.converse("Hello")
    await up.sandbox.make_odd(match={"content": "Odd"}, put=NO_USER)
    await up.say("Odd")
    await up.delivered()
    await up.say("Next")
    await up.delivered()
    await up.discord_shows(thread, "Hello", "Odd", "Next")
    assert await said(up) == ["Hello", "Odd", "Next"]


async def test_a_card_and_a_thread_that_cannot_be_read_are_opened_once(up: Stage) -> None:
    await up.sandbox.make_odd(match={"parent_id": str(SUPPORT)}, drop=["thread_metadata"])
    await up.sandbox.make_odd(match={"channel_id": str(SUPPORT)}, put=NO_USER)
    await up.say("Hello")

    async def there() -> bool:
        return len(await up.sandbox.threads()) == 1 and await db(
            lambda: not Delivery.objects.filter(settled_at__isnull=True).exists()
        )

    for _ in range(6):
        up.pass_time(121)
        await asyncio.sleep(0.2)
    await eventually(there)
    assert len(await up.sandbox.messages(SUPPORT)) == 1
    await up.discord_shows(await up.thread(), "Hello")


async def test_an_edit_that_cannot_be_read_is_a_gap_once(up: Stage) -> None:
    thread = await up.converse("Hello")
    answer = await up.sandbox.post_as("ada", thread, "First")
    await up.page_shows("Hello", "First")
    await up.sandbox.make_odd(match={"content": "Second"}, put=NO_USER)
    await up.sandbox.edit(thread, answer["id"], "Second")
    await reads(up, "Hello", "First", "(gap)")
    up.bot.relay.see(int(thread), Compare())
    await eventually(lambda: not up.bot.relay._lanes)
    assert await said(up) == ["Hello", "First", "(gap)"]


async def test_what_our_own_code_cannot_take_is_a_gap_as_well(
    up: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    thread = await up.converse("Hello")
    readable = translate.readable

    def fails(message: discord.Message) -> str:
        if message.content == SECRET:
            raise ValueError(message.content)
        return readable(message)

    monkeypatch.setattr(translate, "readable", fails)
    await up.sandbox.post_as("ada", thread, SECRET)
    await up.sandbox.post_as("ada", thread, "Later")
    await reads(up, "Hello", "(gap)", "Later")
    assert "swordfish" not in caplog.text
    assert "ValueError in fails" in caplog.text


# ------------------------------------------------ each field of each object


@pytest.fixture
def bot(clock: Any) -> Iterator[BridgeBot]:
    """Not connected: it reads what it is given."""
    loop = asyncio.new_event_loop()

    async def make() -> BridgeBot:
        return BridgeBot(clock)

    yield loop.run_until_complete(make())
    loop.close()


async def real_message(stage: Stage) -> dict[str, Any]:
    thread = await stage.converse("Hello")
    message = stage.world.say(int(thread), defaults.ADA_ID, "Real")
    await stage.page_shows("Hello", "Real")
    return wire.message(stage.world, message)


async def test_every_field_of_a_message_missing_null_and_unknown(
    up: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over the gateway: all are read by one session, and each of them reaches its lane, readable or not."""
    real = await real_message(up)
    plain = {name: real[name] for name in real if name != "referenced_message"}
    full = whole("MessageResponse", plain | {"type": 0, "guild_id": str(defaults.GUILD_ID), "member": {}})
    channel = up.bot.get_partial_messageable(1)
    for name in list(full):
        # What discord.py takes of it: else each of them would be unreadable for the same reason.
        if name not in plain and isinstance(
            odd.read_message(up.bot, channel, plain | {name: full[name]}), odd.Unreadable
        ):
            full.pop(name)
    seen: list[Any] = []
    parse, see = up.bot._connection.parsers["MESSAGE_CREATE"], up.bot.relay.see
    monkeypatch.setattr(up.bot.relay, "see", lambda thread, event: seen.append(event.message))
    few = [MISSING, None, "?", {"?": "?"}]
    for number, (what, payload) in enumerate(variations(full, DEEPEST - 1, among=few)):
        if payload.get("id") == real["id"]:
            payload["id"] = str(int(real["id"]) + 1 + number)
        before = len(seen)
        parse(payload)
        # discord.py hands on what it can read in a task.
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        lost = len(seen) == before
        assert not lost or what.startswith(("id=", "channel_id=", "guild_id=")), what
    assert len(seen) > 200
    unread = [each for each in seen if isinstance(each, odd.Unreadable)]
    assert 20 < len(unread) < len(seen)
    monkeypatch.setattr(up.bot.relay, "see", see)
    thread = (await up.endpoint()).remote_id
    for message in unread[:: len(unread) // 5]:
        see(int(thread or 0), Posted(message))
    await up.sandbox.post_as("ada", thread or 0, "After all that")
    await eventually(lambda: Message.objects.filter(content="After all that").aexists())
    assert 5 <= await db(Message.objects.filter(kind="gap").count) <= 6
    assert up.server.sandbox.gateway.identifies == 1


def test_every_message_of_an_answer_is_read_or_named(
    bot: BridgeBot, caplog: pytest.LogCaptureFixture
) -> None:
    channel = bot.get_partial_messageable(1)
    full = example(odd_schema("MessageResponse"))
    full |= {"id": "1180000000000000999", "content": SECRET}
    caplog.set_level(logging.WARNING)
    count = 0
    for what, payload in variations(full):
        found = odd.read_message(bot, channel, payload)
        if found is None:
            assert what.startswith("id="), what
        elif isinstance(found, discord.Message):
            # What it says is asked for by the rules, and may fail there: that is a gap, too.
            assert found.id
        else:
            assert found.id == reading.id_of(payload)
        count += 1
    assert count > 1_000
    assert "swordfish" not in caplog.text


def odd_schema(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


class Answers:
    """Discord's HTTP API that gives one answer."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def __getattr__(self, name: str) -> Any:
        async def answer(*_: Any, **__: Any) -> Any:
            return self.answer

        return answer


class Asking:
    def __init__(self, answer: Any) -> None:
        self.http = Answers(answer)


async def listed(payloads: list[Any]) -> list[reading.Listed]:
    return await reading.active_threads(Asking({"threads": payloads}), 1)  # type: ignore[arg-type]


async def test_a_list_of_threads_costs_only_the_one_that_cannot_be_read() -> None:
    full = example(odd_schema("ThreadResponse"))
    good = full | {"id": "5"}
    odd_ones = [payload for _, payload in variations(full)]
    found = [thread.pk for thread in await listed([*odd_ones, None, "?", 7, [], good])]
    assert found[-1] == 5
    assert len(found) > len(odd_ones) - 14


@pytest.mark.parametrize("answer", [None, "?", 7, {}, {"threads": None}, {"threads": {}}])
async def test_an_answer_that_is_no_list_is_tried_again(answer: Any) -> None:
    with pytest.raises(reading.OddAnswer):
        await reading.active_threads(Asking(answer), 1)  # type: ignore[arg-type]
    with pytest.raises(reading.OddAnswer):
        await anext(aiter(messages(answer if isinstance(answer, dict) else {})))


def messages(answer: Any) -> AsyncIterator[object]:
    return reading.messages_after(Asking(answer), 1, 0)  # type: ignore[arg-type]


def test_every_field_of_a_channel_a_server_and_a_member_leaves_a_verdict() -> None:
    channel = example(odd_schema("GuildChannelResponse"))
    guild = example(odd_schema("GuildWithCountsResponse"))
    me = example(odd_schema("GuildMemberResponse"))
    places = [Place(each, guild, me, 1) for _, each in variations(channel)]
    places += [Place(channel, each, me, 1) for _, each in variations(guild)]
    places += [Place(channel, guild, each, 1) for _, each in variations(me)]
    for place in places:
        assert isinstance(setup.lacks(place, room=False), str)
        assert isinstance(place.everyone_sees(), bool)
        assert isinstance(place.wants_tag, bool)
    assert len(places) > 1_000


def test_somebody_behind_a_reaction_who_cannot_be_read_is_left_out(bot: BridgeBot) -> None:
    for _, payload in variations(example(odd_schema("UserResponse"))):
        user = odd.read_user(bot, payload)
        assert user is None or isinstance(user, discord.User)


EVENTS = ("CHANNEL_UPDATE", "THREAD_UPDATE", "MESSAGE_UPDATE", "MESSAGE_DELETE", "MESSAGE_REACTION_ADD")
EVENTS += (
    "MESSAGE_REACTION_REMOVE",
    "TYPING_START",
    "INTERACTION_CREATE",
    "GUILD_ROLE_UPDATE",
    "THREAD_CREATE",
)
EVENTS += ("MESSAGE_REACTION_REMOVE_ALL", "MESSAGE_REACTION_REMOVE_EMOJI", "MESSAGE_DELETE_BULK", "READY")
EVENTS += ("GUILD_MEMBER_UPDATE", "GUILD_DELETE", "CHANNEL_DELETE", "THREAD_DELETE", "THREAD_LIST_SYNC")
EVENTS += ("GUILD_CREATE",)


async def test_no_event_ends_the_session_whatever_is_in_it(
    up: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    thread = await up.converse("Hello")
    answer = await up.sandbox.post_as("ada", thread, "Answer")
    await up.page_shows("Hello", "Answer")
    world, guild = up.world, str(defaults.GUILD_ID)
    place = {"channel_id": thread, "message_id": answer["id"], "guild_id": guild}
    message = wire.message(world, world.get_message(int(thread), int(answer["id"]))) | {"guild_id": guild}
    server = wire.guild_create(world, world.guild)
    member = server["members"][0]
    reaction = place | {
        "user_id": str(defaults.ADA_ID),
        "emoji": {"id": None, "name": "👍"},
        "member": member,
    }
    channel = wire.channel(world, world.channels[SUPPORT]) | {"guild_id": guild}
    its_thread = wire.thread(world, world.channels[int(thread)]) | {"guild_id": guild}
    real: dict[str, dict[str, Any]] = {
        "CHANNEL_UPDATE": channel,
        "CHANNEL_DELETE": channel | {"id": "1180000000000000555"},
        "THREAD_CREATE": its_thread,
        "THREAD_UPDATE": its_thread,
        "THREAD_DELETE": its_thread | {"id": "1180000000000000556"},
        "THREAD_LIST_SYNC": {"guild_id": guild, "threads": [its_thread], "members": []},
        "MESSAGE_UPDATE": message,
        "MESSAGE_DELETE": {"id": "1180000000000000557", "channel_id": thread, "guild_id": guild},
        "MESSAGE_DELETE_BULK": {"ids": ["1180000000000000557"], "channel_id": thread, "guild_id": guild},
        "MESSAGE_REACTION_ADD": reaction | {"type": 0, "burst": False},
        "MESSAGE_REACTION_REMOVE": reaction | {"type": 0, "burst": False},
        "MESSAGE_REACTION_REMOVE_ALL": place,
        "MESSAGE_REACTION_REMOVE_EMOJI": place | {"emoji": {"id": None, "name": "👍"}},
        "TYPING_START": place | {"user_id": str(defaults.ADA_ID), "timestamp": 1, "member": member},
        "INTERACTION_CREATE": {
            "id": "1180000000000000558",
            "application_id": str(defaults.APPLICATION_ID),
            "type": 2,
            "token": "token",
            "version": 1,
            "guild_id": guild,
            "channel": its_thread,
            "member": member | {"permissions": "0"},
            "entitlements": [],
            "data": {"id": "1180000000000000559", "name": "?", "type": 3, "target_id": answer["id"]},
        },
        "GUILD_ROLE_UPDATE": {"guild_id": guild, "role": server["roles"][0]},
        "GUILD_MEMBER_UPDATE": member | {"guild_id": guild},
        "GUILD_DELETE": {"id": "1180000000000000560"},
        "READY": {
            "v": 10,
            "user": wire.own_user(world.bot_user),
            "guilds": [{"id": guild, "unavailable": True}],
            "session_id": "x",
            "application": {"id": str(defaults.APPLICATION_ID), "flags": 1 << 19},
        },
        "GUILD_CREATE": server
        | {"members": [member], "emojis": server["emojis"][:1], "roles": server["roles"][:1]},
    }
    assert set(real) == set(EVENTS)
    task, relay = up._task, up.bot.relay
    see, look_soon, missed = relay.see, relay.look_soon, [0]
    # What comes of it is asked elsewhere: here there is too much of it.
    monkeypatch.setattr(relay, "see", lambda thread, event: None)
    monkeypatch.setattr(relay, "look_soon", lambda thread: missed.__setitem__(0, missed[0] + 1))
    cog: Any = up.bot.cogs["RelayCog"]
    begin = cog._begin_catching_up
    monkeypatch.setattr(cog, "_begin_catching_up", lambda: None)
    monkeypatch.setattr(up.bot.typists, "staff", lambda thread, user: None)
    for event, payload in real.items():
        parse = up.bot._connection.parsers[event]
        shallow = event in {"GUILD_CREATE", "READY"}
        odd_values = ODD if not shallow else ODD[:4]
        for changed in (each for _, each in variations(payload, DEEPEST - 1, among=odd_values)):
            parse(json.loads(json.dumps(changed)))
            await asyncio.sleep(0)
    for odd_payload in (None, 7, "?", []):
        for event in real:
            up.bot._connection.parsers[event](odd_payload)
    assert missed[0] > 20
    await asyncio.sleep(0)
    monkeypatch.setattr(relay, "see", see)
    monkeypatch.setattr(relay, "look_soon", look_soon)
    monkeypatch.setattr(cog, "_begin_catching_up", begin)
    up.bot._connection.parsers["READY"](real["READY"])
    up.bot._connection.parsers["GUILD_CREATE"](server)
    assert task is not None
    assert not task.done()
    await up.until_caught_up()
    await up.sandbox.post_as("ada", thread, "After all that")
    await eventually(lambda: Message.objects.filter(content="After all that").aexists(), seconds=200)
    assert up.server.sandbox.gateway.identifies == 1


async def test_a_server_with_parts_that_cannot_be_read_keeps_the_others(up: Stage) -> None:
    world, state = up.world, up.bot._connection
    server = wire.guild_create(world, world.guild)
    bad: dict[str, Any] = {"id": None}
    for part in ("channels", "roles", "emojis", "members", "threads", "stickers"):
        server[part] = [bad, *server[part], {}, None]
    server |= {"system_channel_id": "?", "member_count": "many", "voice_states": None}
    state.parsers["GUILD_CREATE"](server)
    guild = up.bot.get_guild(defaults.GUILD_ID)
    assert guild is not None
    assert {channel.id for channel in guild.channels} == set(world.guild.channel_ids)
    assert {role.id for role in guild.roles} == set(world.guild.roles)
    await up.converse("Hello", visitor=STRANGER)


async def test_a_huge_message_is_cut_and_takes_nothing_with_it(up: Stage) -> None:
    thread = await up.converse("Hello")
    user = {"id": "1", "username": "x", "discriminator": "0", "avatar": None}
    embed = {"type": "rich", "description": "word " * 1_000}
    huge = {"mentions": [user] * 5_000, "embeds": [embed] * 500, "mention_roles": ["1"] * 5_000}
    await up.change_inbox(relay_bots=True)
    await up.sandbox.make_odd(match={"content": "Huge"}, put=huge)
    await up.sandbox.post_as("butler", thread, "Huge")
    await up.sandbox.post_as("ada", thread, "Later")
    await eventually(lambda: Message.objects.filter(content="Later").aexists())
    longest = await db(lambda: max(len(each.content) for each in Message.objects.all()))
    assert longest <= translate.LONGEST
