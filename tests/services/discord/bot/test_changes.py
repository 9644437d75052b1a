"""Deletions that staff make of what visitors wrote, replies both ways, and edits where a thread sleeps or is locked."""

from typing import Any

import pytest
from django.utils import timezone

from bridge.models import Delivery, Endpoint, Message, RemoteMessage
from bridge.sandbox import defaults, routes
from tests.services.discord.bot.stage import STRANGER, Stage, db, eventually

LONG = "\n".join(f"line {number} of a long letter to the team" for number in range(120))


async def said(stage: Stage, thread: str) -> list[dict[str, Any]]:
    """What stands in a thread, without the line for its card."""
    return [
        each
        for each in await stage.sandbox.messages(thread)
        if each["type"] in {0, 19} and not each["deleted"]
    ]


async def one(stage: Stage, thread: str, text: str) -> dict[str, Any]:
    (found,) = [each for each in await said(stage, thread) if text in each["content"]]
    return found


async def tombstones() -> int:
    return await db(Message.objects.filter(deleted_at__isnull=False, content="").count)


# ----------------------------------------------------- staff delete what a visitor wrote


async def test_what_staff_delete_of_a_visitor_goes_from_his_page_and_from_no_other(up: Stage) -> None:
    thread = await up.converse("rude")
    await up.converse("polite")
    await up.converse("rude", visitor=STRANGER)
    await up.sandbox.delete(thread, (await one(up, thread, "rude"))["id"])
    await up.page_shows("polite")
    assert await tombstones() == 1
    await up.delivered()
    await up.discord_shows(thread, "polite")
    await up.page_shows("rude", visitor=STRANGER)


async def test_all_that_went_as_one_goes_with_it(up: Stage) -> None:
    thread = await up.converse("first")
    await up.say("one", "two", "three")
    await up.delivered()
    await up.discord_shows(thread, "first", "one\ntwo\nthree")
    await up.sandbox.delete(thread, (await one(up, thread, "two"))["id"])
    await up.page_shows("first")
    assert await tombstones() == 3


@pytest.mark.parametrize("piece", [0, -1])
async def test_the_other_pieces_of_a_long_one_go_too(up: Stage, piece: int) -> None:
    thread = await up.converse(LONG)
    pieces = await said(up, thread)
    assert len(pieces) > 1
    await up.sandbox.delete(thread, pieces[piece]["id"])
    await up.discord_shows(thread)
    await up.delivered()
    await up.page_shows()
    await up.converse("Sorry")
    await up.discord_shows(thread, "Sorry")


async def test_what_staff_deleted_cannot_come_back_by_an_edit(up: Stage) -> None:
    """Discord says so before its event comes."""
    (message,) = await up.say("rude")
    await up.delivered()
    thread = await up.thread()
    await up.sandbox.fault("withhold", event="MESSAGE_DELETE", times=1)
    await up.sandbox.delete(thread, (await one(up, thread, "rude"))["id"])
    await up.edit(message, "ruder")
    await up.page_shows()
    await up.delivered()
    await up.discord_shows(thread)


async def test_what_was_deleted_while_the_bot_was_away_is_found_and_nothing_else(up: Stage) -> None:
    thread = await up.converse("rude")
    await up.converse("polite")
    await up.stop()
    await up.sandbox.delete(thread, (await one(up, thread, "rude"))["id"])
    await up.start()
    await up.page_shows("polite")
    await up.bot.cogs["RelayCog"].sweep()
    await eventually(lambda: not up.bot.relay._lanes)
    await up.page_shows("polite")
    assert await tombstones() == 1


async def test_a_deleted_thread_takes_nothing_from_the_page(up: Stage) -> None:
    thread = await up.converse("Before")
    await up.converse("and after")
    await up.sandbox.remove(thread)
    await up.say("Still here")
    await up.delivered()
    await up.stop()
    await up.start()
    await up.bot.cogs["RelayCog"].sweep()
    await eventually(lambda: not up.bot.relay._lanes)
    await up.page_shows("Before", "and after", "Still here")
    assert await tombstones() == 0


async def test_a_thread_that_the_bot_may_not_read_for_a_while_loses_nothing(up: Stage) -> None:
    """Discord then shows it as empty, and not as forbidden."""
    await up.converse("Hello")
    reading = up.asked("GET /channels/*/messages")

    def shows_nothing(request: routes.Request) -> routes.Answer | None:
        return (200, []) if request.method == "GET" and request.path.endswith("/messages") else None

    up.refusals.append(shows_nothing)
    await up.bot.cogs["RelayCog"].sweep()
    await eventually(lambda: up.asked("GET /channels/*/messages") > reading)
    await eventually(lambda: not up.bot.relay._lanes)
    await up.page_shows("Hello")


async def test_our_own_deletions_are_no_news(up: Stage) -> None:
    """What became shorter needs fewer pieces: those that go say nothing of the message."""
    (message,) = await up.say(LONG)
    await up.delivered()
    thread = await up.thread()
    await up.edit(message, "In short: no")
    await up.discord_shows(thread, "In short: no")
    await up.sandbox.post_as("ada", thread, "Thanks")
    await up.page_shows("In short: no", "Thanks")
    assert await db(RemoteMessage.objects.filter(unwanted=True, deleted_at__isnull=False).count) > 0
    assert await db(Delivery.objects.filter(operation="delete").count) == 0


async def test_a_visitors_own_deletion_is_carried_once(up: Stage) -> None:
    (message,) = await up.say("Oops")
    await up.delivered()
    await up.take_back(message)
    await up.delivered()
    await up.sandbox.post_as("ada", await up.thread(), "Answer")
    await up.page_shows("Answer")
    assert await db(Delivery.objects.filter(operation="delete").count) == 1
    assert up.asked("DELETE /channels/*/messages/*") == 1


async def test_a_card_or_a_gap_that_staff_delete_takes_nothing_with_it(up: Stage) -> None:
    thread = await up.converse("Hello")
    await up.sandbox.delete(defaults.SUPPORT_CHANNEL_ID, thread)
    await up.sandbox.post_as("ada", thread, "Answer")
    await up.page_shows("Hello", "Answer")


# ------------------------------------------------------------------------------ replies


async def test_a_visitors_reply_is_one_in_discord_and_goes_alone(up: Stage) -> None:
    thread = await up.converse("Hello")
    await up.sandbox.post_as("ada", thread, "Which one?")
    await up.page_shows("Hello", "Which one?")
    question = await one(up, thread, "Which one?")
    await up.stop()
    await up.say("Well,")
    await up.say("the blue one", reply_to="Which one?")
    await up.say("please")
    await up.start()
    await up.delivered()
    shown = [(each["content"], each["reply_to"]) for each in await said(up, thread)]
    assert shown[2:] == [("Well,", None), ("the blue one", question["id"]), ("please", None)]
    asked = [body for _, _, body in up.bodies if isinstance(body, dict) and "message_reference" in body]
    assert [body["message_reference"]["fail_if_not_exists"] for body in asked] == [False]
    assert [body["allowed_mentions"].get("replied_user") for body in asked] == [False]


async def test_only_the_first_piece_of_a_long_reply_is_one(up: Stage) -> None:
    thread = await up.converse("Hello")
    await up.say(LONG, reply_to="Hello")
    await up.delivered()
    first, *rest = (await said(up, thread))[1:]
    assert first["reply_to"] == (await one(up, thread, "Hello"))["id"]
    assert rest
    assert [each["reply_to"] for each in rest] == [None] * len(rest)


async def test_a_reply_to_what_was_deleted_in_discord_is_said_all_the_same(up: Stage) -> None:
    thread = await up.converse("Hello")
    await up.sandbox.post_as("ada", thread, "Which one?")
    await up.page_shows("Hello", "Which one?")
    await up.sandbox.fault("withhold", event="MESSAGE_DELETE", times=1)
    await up.sandbox.delete(thread, (await one(up, thread, "Which one?"))["id"])
    await up.say("The blue one", reply_to="Which one?")
    await up.delivered()
    await up.discord_shows(thread, "Hello", "The blue one")


async def test_a_reply_of_unknown_fate_is_repeated_as_a_reply(up: Stage) -> None:
    thread = await up.converse("Hello")
    await up.sandbox.fault("cut", route="POST /channels/*/messages", when="before", times=1)
    await up.say("Anybody?", reply_to="Hello")
    # Given up for now, and not only about to be sent.
    await eventually(lambda: db(Endpoint.objects.filter(failures__gt=0).exists))
    up.pass_time(32)
    await up.delivered()
    await up.discord_shows(thread, "Hello", "Anybody?")
    assert (await one(up, thread, "Anybody?"))["reply_to"] == (await one(up, thread, "Hello"))["id"]


async def test_replies_of_staff_quote_on_the_page(up: Stage) -> None:
    thread = await up.converse("first")
    await up.say("one", "two")
    await up.delivered()
    joined = await one(up, thread, "two")
    answer = await up.sandbox.post_as("ada", thread, "About that", reply_to=joined["id"])
    await up.page_shows("first", "one", "two", "About that")
    await up.sandbox.post_as("grace", thread, "I agree", reply_to=answer["id"])
    await up.page_shows("first", "one", "two", "About that", "I agree")
    replies = Message.objects.filter(reply_to__isnull=False).order_by("seq")
    quoted = await db(lambda: list(replies.values_list("content", "reply_to__content")))
    assert quoted == [("About that", "one"), ("I agree", "About that")]


@pytest.mark.parametrize("deleted", [["one"], ["one", "two"], ["two"], ["one", "two", "three"]])
async def test_a_reply_of_staff_to_joined_messages_quotes_one_that_is_still_there(
    up: Stage, deleted: list[str]
) -> None:
    thread = await up.converse("first")
    said = {message.content: message for message in await up.say("one", "two", "three")}
    await up.delivered()
    joined = await one(up, thread, "two")
    # Discord still shows them for as long as it cannot be told.
    up.refusals.append(lambda request: (503, {}) if request.method in {"PATCH", "DELETE"} else None)
    for text in deleted:
        await up.take_back(said[text])
    await up.sandbox.post_as("ada", thread, "About that", reply_to=joined["id"])
    answer = await eventually(lambda: db(Message.objects.filter(content="About that").first))
    left = [text for text in said if text not in deleted] or ["one"]
    assert await db(lambda: answer.reply_to.pk) == said[left[0]].pk


async def test_a_reply_to_what_is_not_known_here_comes_without_a_quote(up: Stage) -> None:
    thread = await up.converse("Hello")
    up.world.say(int(thread), defaults.BOT_ID, "By hand, in the bot's name")
    unknown = await one(up, thread, "By hand")
    await up.sandbox.post_as("ada", thread, "To nobody", reply_to=unknown["id"])
    await up.page_shows("Hello", "To nobody")
    assert await db(Message.objects.filter(reply_to__isnull=False).count) == 0


async def test_a_reply_that_was_written_while_the_bot_was_away_quotes_too(up: Stage) -> None:
    thread = await up.converse("Hello")
    await up.stop()
    await up.sandbox.post_as("ada", thread, "Yes?", reply_to=(await one(up, thread, "Hello"))["id"])
    await up.start()
    await up.page_shows("Hello", "Yes?")
    assert await db(Message.objects.filter(reply_to__content="Hello").count) == 1


# ------------------------------------------------------- where a thread sleeps or is locked


async def test_an_edit_in_a_locked_thread_waits_says_why_and_is_made_once_it_is_open(up: Stage) -> None:
    (message,) = await up.say("Helo")
    await up.delivered()
    thread = await up.thread()
    await up.sandbox.permit(defaults.SUPPORT_CHANNEL_ID, "manage_threads", False)
    await up.sandbox.lock(thread)
    await up.sandbox.archive(thread)
    await up.edit(message, "Hello")

    async def trouble() -> str:
        return await db(lambda: Endpoint.objects.values_list("trouble", flat=True).get())

    await eventually(trouble)
    assert "locked" in await trouble()
    await up.discord_shows(thread, "Helo")
    await up.sandbox.unlock(thread)
    # A minute later, or when somebody presses “Try now”.
    await db(lambda: Endpoint.objects.update(due=timezone.now()))
    up.bot.outbox.nudge()
    await up.discord_shows(thread, "Hello")
    await up.delivered()
    assert await trouble() == ""


async def test_who_may_manage_threads_edits_in_a_locked_one(up: Stage) -> None:
    (message,) = await up.say("Helo")
    await up.delivered()
    thread = await up.thread()
    await up.sandbox.lock(thread)
    await up.sandbox.archive(thread)
    await up.edit(message, "Hello")
    await up.discord_shows(thread, "Hello")


async def test_an_edit_that_discord_refuses_is_told_and_the_next_one_takes_that_back(up: Stage) -> None:
    (message,) = await up.say("polite")
    await up.delivered()
    thread = await up.converse("neighbour")

    def refuses(request: routes.Request) -> routes.Answer | None:
        rude = isinstance(request.json, dict) and "rude" in str(request.json.get("content"))
        return (400, {"code": 200000, "message": "blocked"}) if rude and request.method == "PATCH" else None

    async def states() -> list[tuple[str, str]]:
        messages = Message.objects.order_by("seq")
        return await db(lambda: list(messages.values_list("state", "failure")))

    up.refusals.append(refuses)
    await up.edit(message, "rude")
    await up.delivered()
    assert await states() == [("delivered", "blocked_by_automod"), ("delivered", "")]
    await up.discord_shows(thread, "polite", "neighbour")
    await up.edit(message, "polite again")
    await up.delivered()
    assert await states() == [("delivered", ""), ("delivered", "")]
    await up.discord_shows(thread, "polite again", "neighbour")
