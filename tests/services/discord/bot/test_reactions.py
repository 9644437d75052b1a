"""Reactions between the page and Discord: live, after the bot was away, and where Discord does not take one."""

import asyncio
from typing import Any
from urllib.parse import unquote

import pytest
from simcord.backend.models import Reaction as Stored

from bridge.chat.access import Viewer
from bridge.chat.actions.reacting import react
from bridge.chat.actions.retrying import retry_deliveries
from bridge.models import Connection, Delivery, Emoji, Endpoint, Message, Participant, Reaction, RemoteMessage
from bridge.sandbox import defaults, routes
from bridge.sandbox.world import refused
from bridge.services.discord.bot.lanes import Compare
from bridge.text import emojis
from tests.services.discord.bot.stage import STRANGER, VISITOR, Stage, db, eventually

PARTY, DANCE = (f"{name}:{pk}" for pk, (name, _) in defaults.EMOJI.items())
BOT = str(defaults.BOT_ID)
PUT = "PUT /channels/*/messages/*/reactions/*/@me"


async def set_(message: Message, emoji: str, *, added: bool = True) -> None:
    inbox = await Connection.objects.values_list("inbox", flat=True).aget(pk=message.connection_id)
    await db(react, Viewer(VISITOR, inbox, rooms=()), message.uid, emoji=emoji, added=added)


async def there(stage: Stage, thread: str, text: str) -> dict[str, list[str]]:
    """Who stands behind each emoji on the message that says this in Discord."""
    (found,) = [each for each in await stage.sandbox.messages(thread) if text in each["content"]]
    return {each["emoji"]: each["users"] for each in found["reactions"]}


async def remote_id(stage: Stage, thread: str, text: str) -> str:
    (found,) = [each for each in await stage.sandbox.messages(thread) if text in each["content"]]
    return str(found["id"])


async def here(text: str) -> dict[str, set[str]]:
    rows = Reaction.objects.filter(message__content=text).values_list("emoji", "participant__nick")
    shown: dict[str, set[str]] = {}
    for emoji, nick in await db(lambda: list(rows)):
        shown.setdefault(emoji, set()).add(nick)
    return shown


async def page_shows(text: str, expected: dict[str, set[str]]) -> None:
    async def same() -> bool:
        return await here(text) == expected

    try:
        await eventually(same)
    except AssertionError:
        assert await here(text) == expected


async def message_of(text: str) -> Message:
    return await db(lambda: Message.objects.get(content=text))


async def outcomes() -> list[tuple[str, str]]:
    found = Delivery.objects.filter(operation="react").order_by("pk").values_list("outcome", "reason")
    return await db(lambda: list(found))


# ------------------------------------------------------------------------------------------------- from the page


async def test_a_visitors_reaction_is_the_bots_in_discord_and_goes_when_he_takes_it_back(up: Stage) -> None:
    thread = await up.converse("Hello")
    await up.sandbox.post_as("ada", thread, "Answer")
    await up.page_shows("Hello", "Answer")
    for text in ("Hello", "Answer"):
        await set_(await message_of(text), "👍")
    await up.delivered()
    for text in ("Hello", "Answer"):
        assert await there(up, thread, text) == {"👍": [BOT]}
        await set_(await message_of(text), "👍", added=False)
    await up.delivered()
    for text in ("Hello", "Answer"):
        assert await there(up, thread, text) == {}
    assert await outcomes() == [("delivered", "")] * 4
    # The bot's own came back on the gateway: nobody took it for staff's.
    assert await db(Reaction.objects.count) == 0


async def test_many_changes_that_wait_are_settled_with_few_requests(stage: Stage) -> None:
    await stage.say("Hello")
    message = await message_of("Hello")
    for _ in range(10):
        await set_(message, "👍")
        await set_(message, "👍", added=False)
    await set_(message, "🎉")
    await stage.start()
    await stage.delivered()
    assert await there(stage, await stage.thread(), "Hello") == {"🎉": [BOT]}
    assert stage.asked(PUT) == 1
    assert await outcomes() == [("superseded", "")] * 20 + [("delivered", "")]


async def test_on_messages_that_went_as_one_a_reaction_stays_while_one_of_them_has_it(stage: Stage) -> None:
    first, second = await stage.say("One", "Two")
    await stage.start()
    await stage.delivered()
    thread = await stage.thread()
    for message in (first, second):
        await set_(message, "👍")
    await set_(first, "👍", added=False)
    await stage.delivered()
    assert await there(stage, thread, "One\nTwo") == {"👍": [BOT]}
    await set_(first, "🎉")
    await stage.delivered()
    # Taken back by itself, it takes its reactions with it.
    await stage.take_back(first)
    await stage.delivered()
    assert await there(stage, thread, "Two") == {"👍": [BOT]}


async def test_a_servers_own_emoji_goes_both_ways(up: Stage) -> None:
    thread = await up.converse("Hello")
    await up.sandbox.react_as("ada", thread, await remote_id(up, thread, "Hello"), DANCE)
    await page_shows("Hello", {f"a:{DANCE}": {"Ada"}})
    await set_(await message_of("Hello"), DANCE)
    await up.delivered()
    assert await there(up, thread, "Hello") == {DANCE: [str(defaults.ADA_ID), BOT]}
    seen = await db(lambda: list(Emoji.objects.values_list("remote_id", "name", "animated")))
    assert seen == [(int(DANCE.partition(":")[2]), "dance", True)]
    await up.sandbox.unreact_as("ada", thread, await remote_id(up, thread, "Hello"), DANCE)
    await page_shows("Hello", {f"a:{DANCE}": {"Visitor"}})


@pytest.mark.parametrize(
    ("emoji", "code", "reason"),
    [("🫩", 10014, "unknown_emoji"), ("😀", 30010, "too_many_reactions"), ("😀", 90001, "reaction_blocked")],
)
async def test_what_discord_does_not_take_fails_by_itself(
    up: Stage, emoji: str, code: int, reason: str
) -> None:
    thread = await up.converse("Hello")

    def refuses(request: routes.Request) -> routes.Answer | None:
        if request.method == "PUT" and emoji in unquote(request.path):
            raise refused(400, code, "No")
        return None

    up.refusals.append(refuses)
    message = await message_of("Hello")
    await set_(message, emoji)
    await set_(message, "👍")
    await up.say("Next")
    await up.delivered()
    await up.discord_shows(thread, "Hello", "Next")
    assert await there(up, thread, "Hello") == {"👍": [BOT]}
    assert await outcomes() == [("failed", reason), ("delivered", "")]
    # It is not asked for with each change, but when staff say so.
    up.refusals.clear()
    await set_(message, "👍", added=False)
    await up.delivered()
    assert await there(up, thread, "Hello") == {}
    await db(lambda: retry_deliveries(Delivery.objects.filter(outcome="failed").select_related("message")))
    up.pass_time(35)
    await up.delivered()
    assert await there(up, thread, "Hello") == {emoji: [BOT]}
    assert "failed" not in {outcome for outcome, _ in await outcomes()}
    assert (await db(lambda: Message.objects.get(pk=message.pk))).state == "delivered"


async def test_without_the_right_to_react_messages_still_go_and_staff_are_told(up: Stage) -> None:
    thread = await up.converse("Hello")
    await up.sandbox.permit(defaults.SUPPORT_CHANNEL_ID, "add_reactions", False)
    await set_(await message_of("Hello"), "👍")
    await set_(await message_of("Hello"), "🎉")
    await up.say("Next")
    await up.delivered()
    await up.discord_shows(thread, "Hello", "Next")
    assert {outcome for outcome, _ in await outcomes()} == {"failed"}
    assert {reason for _, reason in await outcomes()} == {"not_permitted"}
    assert (await message_of("Hello")).state == "delivered"
    # Text that is changed goes on, too.
    await up.edit(await message_of("Hello"), "Hello again")
    await up.delivered()
    await up.discord_shows(thread, "Hello again", "Next")


async def test_in_an_archived_thread_a_reaction_wakes_it(up: Stage) -> None:
    thread = await up.converse("Hello")
    await up.sandbox.archive(thread)
    await set_(await message_of("Hello"), "👍")
    await up.delivered()
    assert await there(up, thread, "Hello") == {"👍": [BOT]}


async def test_on_what_staff_deleted_a_reaction_is_not_needed_any_more(up: Stage) -> None:
    thread = await up.converse("Hello")
    message = await message_of("Hello")
    await up.sandbox.fault("withhold", event="MESSAGE_DELETE")
    await up.sandbox.delete(thread, await remote_id(up, thread, "Hello"))
    await set_(message, "👍")
    await up.delivered()
    assert await outcomes() == [("superseded", "")]


async def test_on_what_was_said_in_a_thread_that_is_gone_it_stays_here(up: Stage) -> None:
    thread = await up.converse("Hello")
    await up.sandbox.post_as("ada", thread, "Answer")
    await up.page_shows("Hello", "Answer")
    await up.sandbox.remove(thread)
    await up.say("Again")
    await up.delivered()
    assert await up.thread() != thread
    await set_(await message_of("Answer"), "👍")
    await up.delivered()
    assert await outcomes() == [("superseded", "")]
    await up.page_shows("Hello", "Answer", "Again")
    assert await here("Answer") == {"👍": {"Visitor"}}


async def test_a_lost_answer_changes_nothing(up: Stage) -> None:
    thread = await up.converse("Hello")
    await up.sandbox.fault("error", route=PUT, status=503, when="after", times=1)
    await set_(await message_of("Hello"), "👍")
    await up.sandbox.wait_for_requests(1, route=PUT)
    up.pass_time(3)
    await up.delivered()
    assert await there(up, thread, "Hello") == {"👍": [BOT]}
    assert await outcomes() == [("delivered", "")]


async def test_the_bots_mark_is_nobodys_reaction_and_stays(up: Stage) -> None:
    await up.change_inbox(mark_relayed=True)
    thread = await up.converse("Hello")
    await up.sandbox.post_as("ada", thread, "Answer")
    await up.page_shows("Hello", "Answer")

    async def marked() -> bool:
        return await there(up, thread, "Answer") == {"✅": [BOT]}

    await eventually(marked)
    assert await here("Answer") == {}
    answer = await message_of("Answer")
    await set_(answer, "✅")
    await set_(answer, "🎉")
    await up.delivered()
    await set_(answer, "✅", added=False)
    await set_(answer, "🎉", added=False)
    await up.delivered()
    assert await there(up, thread, "Answer") == {"✅": [BOT]}
    assert "✅" in emojis.MARKS


async def test_the_eye_on_what_he_has_read_stays_too(up: Stage) -> None:
    await up.change_inbox(show_read="reaction")
    thread = await up.converse("Hello")
    said = await up.sandbox.post_as("ada", thread, "Answer")
    await up.page_shows("Hello", "Answer")
    await db(lambda: Endpoint.objects.filter(remote_id=thread).update(read_mark=said["id"]))
    for text in ("Hello", "Answer"):
        await set_(await message_of(text), emojis.EYE)
    await up.delivered()
    for text in ("Hello", "Answer"):
        await set_(await message_of(text), emojis.EYE, added=False)
    await up.delivered()
    assert await there(up, thread, "Hello") == {}
    assert await there(up, thread, "Answer") == {emojis.EYE: [BOT]}


# --------------------------------------------------------------------------------------------------- from Discord


async def test_staffs_reactions_reach_the_page_and_go_again(up: Stage) -> None:
    thread = await up.converse("Hello")
    await up.converse_with(STRANGER, "Mine")
    hello = await remote_id(up, thread, "Hello")
    await up.sandbox.react_as("ada", thread, hello, "👍")
    await up.sandbox.react_as("grace", thread, hello, "👍")
    await up.sandbox.react_as("grace", thread, hello, "❤")
    await page_shows("Hello", {"👍": {"Ada", "Grace"}, "❤️": {"Grace"}})
    await up.sandbox.unreact_as("ada", thread, hello, "👍")
    await page_shows("Hello", {"👍": {"Grace"}, "❤️": {"Grace"}})
    roles = await db(
        lambda: set(Participant.objects.filter(service="discord").values_list("role", flat=True))
    )
    assert roles == {"staff"}
    assert await here("Mine") == {}


async def test_other_bots_count_only_where_the_inbox_wants_them(up: Stage) -> None:
    thread = await up.converse("Hello")
    hello = await remote_id(up, thread, "Hello")
    await up.sandbox.react_as("butler", thread, hello, "👍")
    await up.sandbox.react_as("ada", thread, hello, "🎉")
    await page_shows("Hello", {"🎉": {"Ada"}})
    await up.change_inbox(relay_bots=True)
    await up.sandbox.react_as("butler", thread, hello, "👀")
    await page_shows("Hello", {"🎉": {"Ada"}, "👀": {"Butler"}})


async def test_a_moderators_clearing_takes_staffs_reactions_only(up: Stage) -> None:
    thread = await up.converse("Hello")
    hello = await remote_id(up, thread, "Hello")
    for emoji in ("👍", "🎉"):
        await up.sandbox.react_as("ada", thread, hello, emoji)
    await page_shows("Hello", {"👍": {"Ada"}, "🎉": {"Ada"}})
    await set_(await message_of("Hello"), "👍")
    await up.delivered()
    await up.sandbox.clear_reactions(thread, hello, "🎉")
    await page_shows("Hello", {"👍": {"Ada", "Visitor"}})
    await up.sandbox.clear_reactions(thread, hello)
    await page_shows("Hello", {"👍": {"Visitor"}})


async def test_on_messages_that_went_as_one_staffs_reaction_counts_on_the_last(stage: Stage) -> None:
    await stage.say("One", "Two")
    await stage.start()
    await stage.delivered()
    thread = await stage.thread()
    joined = await remote_id(stage, thread, "One\nTwo")
    await stage.sandbox.react_as("ada", thread, joined, "👍")
    await page_shows("Two", {"👍": {"Ada"}})
    await stage.sandbox.unreact_as("ada", thread, joined, "👍")
    await page_shows("Two", {})
    assert await here("One") == {}


async def test_on_each_piece_of_a_long_message_it_counts_on_the_whole(up: Stage) -> None:
    text = " ".join(f"word{number}" for number in range(500))
    thread = await up.converse(text)
    pieces = [each["id"] for each in await up.sandbox.messages(thread) if "word" in each["content"]]
    assert len(pieces) == 2
    await up.sandbox.react_as("ada", thread, pieces[1], "👍")
    await up.sandbox.react_as("grace", thread, pieces[0], "🎉")
    await page_shows(text, {"👍": {"Ada"}, "🎉": {"Grace"}})
    up.bot.relay.see(int(thread), Compare())
    await eventually(lambda: not up.bot.relay._lanes, "all was compared")
    await page_shows(text, {"👍": {"Ada"}, "🎉": {"Grace"}})


async def test_what_was_set_and_taken_back_while_the_bot_was_away_is_found(up: Stage) -> None:
    thread = await up.converse("Hello")
    hello = await remote_id(up, thread, "Hello")
    await up.sandbox.react_as("ada", thread, hello, "👍")
    await page_shows("Hello", {"👍": {"Ada"}})
    await set_(await message_of("Hello"), "👍")
    await up.delivered()
    await up.stop()
    await up.sandbox.unreact_as("ada", thread, hello, "👍")
    await up.sandbox.react_as("grace", thread, hello, PARTY)
    said = await up.sandbox.post_as("ada", thread, "Meanwhile")
    await up.sandbox.react_as("grace", thread, said["id"], "🎉")
    await set_(await message_of("Hello"), "👀")
    await up.start()
    await page_shows("Hello", {"👍": {"Visitor"}, PARTY: {"Grace"}, "👀": {"Visitor"}})
    await page_shows("Meanwhile", {"🎉": {"Grace"}})
    await up.delivered()
    assert await there(up, thread, "Hello") == {
        "👍": [BOT],
        PARTY: [str(defaults.GRACE_ID)],
        "👀": [BOT],
    }


async def test_two_who_changed_places_while_the_bot_was_away_are_found(up: Stage) -> None:
    thread = await up.converse("Hello")
    hello = await remote_id(up, thread, "Hello")
    await up.sandbox.react_as("ada", thread, hello, "👍")
    await page_shows("Hello", {"👍": {"Ada"}})
    await up.stop()
    await up.sandbox.unreact_as("ada", thread, hello, "👍")
    await up.sandbox.react_as("grace", thread, hello, "👍")
    await up.start()
    await page_shows("Hello", {"👍": {"Grace"}})


async def test_where_nothing_changed_nobody_is_asked_who_reacted(up: Stage) -> None:
    thread = await up.converse("Hello")
    await up.sandbox.react_as("ada", thread, await remote_id(up, thread, "Hello"), "👍")
    await page_shows("Hello", {"👍": {"Ada"}})
    await set_(await message_of("Hello"), "👍")
    await up.delivered()
    before = up.asked("GET /channels/*/messages/*/reactions/*")
    up.bot.relay.see(int(thread), Compare())
    await eventually(lambda: not up.bot.relay._lanes, "all was compared")
    assert up.asked("GET /channels/*/messages/*/reactions/*") == before
    assert await here("Hello") == {"👍": {"Ada", "Visitor"}}


async def test_an_event_that_never_came_is_found_by_comparing(up: Stage) -> None:
    thread = await up.converse("Hello")
    hello = await remote_id(up, thread, "Hello")
    up.world.get_message(int(thread), int(hello)).reactions.append(
        reaction("👍", [defaults.ADA_ID, defaults.BUTLER_ID])
    )
    up.bot.relay.see(int(thread), Compare())
    await page_shows("Hello", {"👍": {"Ada"}})


def reaction(emoji: str, users: list[int]) -> Any:
    return Stored(emoji=emoji, user_ids=users)


async def test_a_reaction_that_comes_before_its_message_is_known_is_found_soon(
    up: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bridge.services.discord.bot.relay.LOOK_AFTER", 0.2)
    thread = await up.converse("Hello")
    hello = await remote_id(up, thread, "Hello")
    endpoint: Endpoint = await up.endpoint()
    known = RemoteMessage.objects.filter(endpoint=endpoint, remote_id=hello)
    (pk,) = await db(lambda: list(known.values_list("pk", flat=True)))
    await db(lambda: known.update(remote_id=None))
    await up.sandbox.react_as("ada", thread, hello, "👍")
    await asyncio.sleep(0.25)
    await db(lambda: RemoteMessage.objects.filter(pk=pk).update(remote_id=hello))
    await page_shows("Hello", {"👍": {"Ada"}})
