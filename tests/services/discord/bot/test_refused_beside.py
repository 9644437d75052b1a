"""What Discord refuses beside a text is changed or left out, and the text arrives; only it can make a message fail."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from bridge.models import Delivery, Endpoint, Message, RemoteMessage
from bridge.sandbox import defaults, routes
from tests.services.discord.bot.stage import Stage, db, eventually
from tests.services.discord.bot.test_files import in_discord, png, send
from tests.services.discord.bot.test_rooms import LOBBY, Room

CALLED = "Quick Fox (visitor)"

SUPPORT = defaults.SUPPORT_CHANNEL_ID
FORUM = defaults.FORUM_CHANNEL_ID

Body = dict[str, Any]


def form_error(field: str) -> routes.Answer:
    """As Discord names the field of an invalid form."""
    error: Any = {"_errors": [{"code": "USERNAME_INVALID_CONTAINS", "message": f"{field} is refused"}]}
    for part in reversed(field.split(".")):
        error = {part: error}
    return 400, {"code": 50035, "message": "Invalid Form Body", "errors": error}


def refusing(matches: Callable[[routes.Request, Body], bool], answer: routes.Answer) -> Any:
    def refuses(request: routes.Request) -> routes.Answer | None:
        body = request.json if isinstance(request.json, dict) else {}
        return answer if request.method == "POST" and matches(request, body) else None

    return refuses


@pytest.mark.parametrize(
    "answer",
    [
        form_error("message_reference"),
        form_error("message_reference.message_id"),
        (400, {"code": 160002, "message": "Cannot reply without permission to read message history"}),
        (404, {"code": 10008, "message": "Unknown Message"}),
        (400, {"code": 50035, "message": "Invalid Form Body"}),
    ],
    ids=["reference", "its message", "history", "gone", "unnamed"],
)
async def test_a_reply_that_discord_does_not_take_goes_as_a_message(up: Stage, answer: routes.Answer) -> None:
    thread = await up.converse("Question")
    up.refusals.append(refusing(lambda request, body: "message_reference" in body, answer))
    await up.say("Answer", reply_to="Question")
    await up.delivered()
    assert await up.texts(thread) == ["Question", "Answer"]
    assert await states() == ["delivered", "delivered"]


@pytest.mark.parametrize("field", ["username", "avatar_url", "nobody.knows"])
async def test_a_name_or_picture_that_discord_does_not_take_gives_way(stage: Stage, field: str) -> None:
    room = await Room(stage).make()
    await stage.start()
    refused = field if field in {"username", "avatar_url"} else "avatar_url"
    plain = {"username": CALLED}.get(refused)
    stage.refusals.append(
        refusing(lambda request, body: refused in body and plain in {None, body[refused]}, form_error(field))
    )
    await room.say("Hello", "and again")
    await stage.delivered()
    said = [each for each in await stage.sandbox.messages(LOBBY) if each["content"]]
    assert "\n".join(each["content"] for each in said) == "Hello\nand again"
    names = {each["author"]["name"] for each in said}
    assert len(names) == 1
    assert (names == {CALLED}) == (refused == "avatar_url")
    assert set(await states()) == {"delivered"}


async def test_who_speaks_under_a_spare_name_is_found_by_it_and_nothing_doubles(stage: Stage) -> None:
    room = await Room(stage).make()
    await stage.start()
    stage.refusals.append(
        refusing(lambda request, body: body.get("username") == CALLED, form_error("username"))
    )
    await room.say("Hello")
    await stage.delivered()

    def forget() -> None:
        """As a crash leaves it, between the request and its answer."""
        RemoteMessage.objects.filter(speaker=CALLED).update(remote_id=None, sender="")
        Delivery.objects.update(settled_at=None)
        Endpoint.objects.update(due=stage.clock.now())

    await db(forget)
    stage.pass_time(60)
    await stage.delivered()
    assert [each["content"] for each in await stage.sandbox.messages(LOBBY)] == ["Hello"]


@pytest.mark.parametrize(
    "answer",
    [
        form_error("attachments.0.filename"),
        form_error("files"),
        (403, {"code": 50013, "message": "Missing Permissions"}),
    ],
    ids=["file name", "files", "Attach Files"],
)
async def test_a_file_that_discord_does_not_take_goes_as_a_link(up: Stage, answer: routes.Answer) -> None:
    await up.converse("Hello")
    up.refusals.append(lambda request: answer if request.files else None)
    await send(up, "My cat", ("cat.png", png()))
    await up.delivered()
    ((_, none), (text, names)) = await in_discord(up, await up.thread())
    assert none == names == []
    assert text.startswith("My cat\n📎 cat.png")
    assert set(await states()) == {"delivered"}


@pytest.mark.parametrize("channel", [SUPPORT, FORUM])
@pytest.mark.parametrize("code", [50035, 200000, 200001])
async def test_a_nick_or_page_that_discord_does_not_take_opens_a_thread_without_them(
    up: Stage, channel: int, code: int
) -> None:
    await up.change_inbox(discord_channel_id=channel)
    answer = (400, {"code": code, "message": "refused by a rule"})
    up.refusals.append(refusing(lambda request, body: "Poison" in json.dumps(body), answer))
    thread = await up.converse("Hello", nick="Poison", page_title="Poison ivy")
    assert (await up.texts(thread))[-1] == "Hello"
    assert set(await states()) == {"delivered"}
    assert not (await up.endpoint()).trouble


@pytest.mark.parametrize(
    "answer", [form_error("content"), (400, {"code": 200000, "message": "blocked"})], ids=["form", "AutoMod"]
)
async def test_a_text_that_is_refused_fails_and_nothing_is_tried_in_its_place(
    up: Stage, answer: routes.Answer
) -> None:
    thread = await up.converse("Question")
    asked = up.asked("POST /channels/*/messages")
    up.refusals.append(refusing(lambda request, body: body.get("content") == "poison", answer))
    await up.say("poison", reply_to="Question")
    await eventually(lambda: db(lambda: Message.objects.filter(state="failed").exists()))
    assert up.asked("POST /channels/*/messages") == asked + 1
    assert await up.texts(thread) == ["Question"]


async def states() -> list[str]:
    return await db(lambda: list(Message.objects.order_by("seq").values_list("state", flat=True)))
