"""What the visitor writes, changes and takes back reaches Discord."""

from typing import Any

import pytest

from bridge.models import Message
from bridge.sandbox import defaults, routes
from bridge.sandbox.client import POSTS
from tests.services.discord.bot.stage import STRANGER, Stage, db, eventually

SUPPORT = defaults.SUPPORT_CHANNEL_ID
FORUM = str(defaults.FORUM_CHANNEL_ID)
HOSTILE = "@everyone <@1180000000000000021> [win](https://evil.example) **x** <#1> # y `z`"


async def cards(stage: Stage) -> list[dict[str, Any]]:
    return [each for each in await stage.sandbox.messages(SUPPORT) if each["type"] == 0]


def fields(card: dict[str, Any]) -> dict[str, str]:
    return {field["name"]: field["value"] for field in card["embeds"][0]["fields"]}


# -------------------------------------------------------------------- opening


async def test_the_first_message_opens_a_thread_with_a_card(up: Stage) -> None:
    thread = await up.converse(
        "Hello",
        nick="Ada L.",
        page_url="https://shop.example.com/kettle",
        page_title="Kettle",
        referrer="https://search.example.com/?q=kettle",
        locale="de-CH",
        user_agent="Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0",
    )
    await up.discord_shows(thread, "Hello")
    (card,) = await cards(up)
    endpoint = await up.endpoint()
    (channel,) = await up.sandbox.threads()
    assert card["id"] == thread == channel["id"]
    assert channel["name"] == f"Ada L. · {endpoint.connection.code}"
    assert card["content"] == f"New conversation with **Ada L.** · {endpoint.connection.code}"
    assert fields(card) == {
        "Page": "Kettle `https://shop.example.com/kettle`",
        "Referrer": "`https://search.example.com/?q=kettle`",
        "Language": "de-CH",
        "Browser": "Firefox on Linux",
        "History": f"[Open in the admin](https://chat.example.com/admin/bridge/connection/"
        f"{endpoint.connection_id}/change/)",
    }


async def test_a_second_visitor_has_a_thread_of_his_own(up: Stage) -> None:
    first = await up.converse("Mine")
    second = await up.converse("Theirs", visitor=STRANGER)
    assert first != second
    assert (await up.texts(first), await up.texts(second)) == (["Mine"], ["Theirs"])


@pytest.mark.parametrize("tag_required", [False, True])
async def test_in_a_forum_the_first_message_makes_a_post(up: Stage, tag_required: bool) -> None:
    await up.change_inbox(discord_channel_id=FORUM)
    if tag_required:
        up.bot.get_channel(int(FORUM))._flags |= 1 << 4
    thread = await up.converse("Hello")
    (post,) = await up.sandbox.threads()
    assert (post["id"], post["parent_id"]) == (thread, FORUM)
    card, hello = await up.sandbox.messages(thread)
    assert card["content"].startswith("New conversation with **Visitor**")
    assert hello["content"] == "Hello"
    (body,) = [body for method, path, body in up.bodies if path == f"/channels/{FORUM}/threads"]
    assert body.get("applied_tags", []) == ([str(defaults.FORUM_TAG_ID)] if tag_required else [])


async def test_a_hostile_nick_and_page_are_shown_harmless(up: Stage) -> None:
    await up.converse(
        "Hello",
        nick=HOSTILE[:32],
        page_title=HOSTILE,
        page_url="javascript:alert(1)",
        referrer="https://a`b c",
    )
    (card,) = await cards(up)
    shown = fields(card)
    # A backslash before a mark shows the mark as it is.
    assert shown["Page"] == (
        "@everyone \\<@1180000000000000021\\> \\[win\\]\\(https\\://evil.example\\) "
        "\\*\\*x\\*\\* \\<\\#1\\> \\# y \\`z\\`"
    )
    assert shown["Referrer"] == "`https://abc`"
    assert not card.get("mention_everyone")


async def test_nothing_that_the_bot_sends_can_ping(up: Stage) -> None:
    message, _ = await up.say(HOSTILE, "@here")
    await up.delivered()
    await up.edit(message, "@everyone again")
    await up.delivered()
    await up.change_inbox(discord_channel_id=FORUM)
    await up.converse(HOSTILE, visitor=STRANGER)
    sent = [body.get("message", body) for _, _, body in up.bodies if isinstance(body, dict)]
    said = [body for body in sent if "content" in body]
    assert len(said) == 5  # two cards, what was joined, its edit, the second visitor's
    for body in said:
        assert body["allowed_mentions"]["parse"] == []
        assert not body["allowed_mentions"].get("users")
        assert not body["allowed_mentions"].get("replied_user")


async def test_a_deleted_thread_gets_a_successor_that_names_the_old_one(up: Stage) -> None:
    old = await up.converse("Before")
    await up.sandbox.remove(old)
    await up.say("After")
    await up.delivered()
    new = await up.thread()
    assert new != old
    assert await up.texts(new) == ["After"]
    assert fields((await cards(up))[-1])["Replaces"] == f"<#{old}>, which was deleted"
    await up.sandbox.post_as("ada", new, "Answer")
    await up.page_shows("Before", "After", "Answer")


async def test_an_archived_thread_is_reopened_by_the_next_message(up: Stage) -> None:
    thread = await up.converse("Before")
    await up.sandbox.archive(thread)
    await up.converse("After")
    await up.discord_shows(thread, "Before", "After")
    assert [each["archived"] for each in await up.sandbox.threads()] == [False]


# ------------------------------------------------------------------- messages


async def test_a_long_message_is_split_in_utf16_units_and_keeps_its_order(up: Stage) -> None:
    first = "a" * 1999
    text = first + "😀" + "b" * 3000
    thread = await up.converse(text)
    pieces = await up.texts(thread)
    assert pieces == [first, "😀" + "b" * 1998, "b" * 1002]
    assert "".join(pieces) == text


async def test_waiting_messages_go_as_one_and_keep_their_order(up: Stage) -> None:
    thread = await up.converse(*[f"line {number}" for number in range(30)])
    said = await up.texts(thread)
    assert "\n".join(said).split("\n") == [f"line {number}" for number in range(30)]
    assert len(said) == 1
    states = await db(lambda: set(Message.objects.values_list("state", flat=True)))
    assert states == {"delivered"}


async def test_an_edit_of_a_joined_part_changes_the_whole_that_holds_it(up: Stage) -> None:
    _, second, _ = await up.say("one", "two", "three")
    await up.delivered()
    thread = await up.thread()
    await up.edit(second, "zwei")
    await up.discord_shows(thread, "one\nzwei\nthree")
    await up.take_back(second)
    await up.discord_shows(thread, "one\nthree")


async def test_an_edit_of_a_split_message_is_of_the_whole(up: Stage) -> None:
    (message,) = await up.say("a" * 2000 + " " + "b" * 500)
    await up.delivered()
    thread = await up.thread()
    await up.edit(message, "c" * 2000 + " " + "d" * 10)
    await up.discord_shows(thread, "c" * 2000, "d" * 10)
    await up.edit(message, "short")
    await up.discord_shows(thread, "short")


async def test_an_edit_that_grows_goes_on_in_a_reply(up: Stage) -> None:
    message, _ = await up.say("short", "neighbour")
    await up.delivered()
    thread = await up.converse("after")
    await up.edit(message, "x" * 2500)
    await up.delivered()
    shown = [each for each in await up.sandbox.messages(thread) if each["type"] in {0, 19}]
    assert [len(each["content"]) for each in shown] == [2000, 5, 510]
    assert shown[2]["reply_to"] == shown[0]["id"]


async def test_a_deleted_message_is_deleted_in_discord(up: Stage) -> None:
    (first,) = await up.say("first")
    await up.delivered()
    (second,) = await up.say("second")
    await up.delivered()
    thread = await up.thread()
    await up.take_back(first)
    await up.discord_shows(thread, "second")
    await up.take_back(second)
    await up.discord_shows(thread)


async def test_what_is_deleted_before_it_is_sent_is_never_sent(stage: Stage) -> None:
    secret, _ = await stage.say("my password", "hello")
    await stage.take_back(secret)
    await stage.start()
    await stage.delivered()
    assert not [body for _, _, body in stage.bodies if "password" in str(body)]
    await stage.discord_shows(await stage.thread(), "hello")


async def test_an_edit_in_an_archived_thread_wakes_it(up: Stage) -> None:
    (message,) = await up.say("Helo")
    await up.delivered()
    thread = await up.thread()
    await up.sandbox.archive(thread)
    await up.edit(message, "Hello")
    await up.discord_shows(thread, "Hello")
    await up.sandbox.archive(thread)
    await up.take_back(message)
    await up.discord_shows(thread)


# ------------------------------------------------------------------- refusals


def refusing(text: str, *, code: int, status: int = 400) -> Any:
    def refuses(request: routes.Request) -> routes.Answer | None:
        said = request.json.get("content") if isinstance(request.json, dict) else None
        if request.method in {"POST", "PATCH"} and text in (said or ""):
            return status, {"code": code, "message": "refused by a rule"}
        return None

    return refuses


@pytest.mark.parametrize(
    ("code", "reason"), [(200000, "blocked_by_automod"), (50035, "refused"), (240000, "blocked_link")]
)
async def test_a_refused_content_fails_alone_even_within_a_batch(up: Stage, code: int, reason: str) -> None:
    up.refusals.append(refusing("poison", code=code))
    thread = await up.converse("one", "poison", "two")
    assert await up.texts(thread) == ["one", "two"]
    states = await db(lambda: list(Message.objects.order_by("seq").values_list("state", "failure")))
    assert states == [("delivered", ""), ("failed", reason), ("delivered", "")]


async def test_a_refused_edit_leaves_the_line_flowing(up: Stage) -> None:
    (message,) = await up.say("fine")
    await up.delivered()
    thread = await up.thread()
    up.refusals.append(refusing("poison", code=200000))
    await up.edit(message, "poison")
    await up.converse("next")
    assert await up.texts(thread) == ["fine", "next"]


async def test_a_locked_thread_holds_its_line_and_says_what_to_do(up: Stage) -> None:
    thread = await up.converse("Before")
    await up.sandbox.permit(SUPPORT, "manage_threads", False)
    await up.sandbox.lock(thread)
    await up.say("Held")

    async def trouble() -> str:
        return (await up.endpoint()).trouble

    assert "unlock it" in await eventually(trouble)
    await up.sandbox.archive(thread)
    up.pass_time(61)
    await up.converse_with(STRANGER, "Others go on")
    assert await up.texts(thread) == ["Before"]
    await up.sandbox.unlock(thread)
    up.pass_time(61)
    await up.discord_shows(thread, "Before", "Held")
    await up.delivered()
    assert await trouble() == ""
    assert await up.page() == ["Before", "Held"]


@pytest.mark.parametrize("permission", ["send_messages_in_threads", "view_channel"])
async def test_a_missing_right_holds_the_line_until_it_is_back(up: Stage, permission: str) -> None:
    thread = await up.converse("Before")
    await up.sandbox.permit(SUPPORT, permission, False)
    await up.say("Held")

    async def trouble() -> str:
        return (await up.endpoint()).trouble

    assert "permissions" in await eventually(trouble)
    posts = up.asked(POSTS)
    up.bot.outbox.nudge()
    await up.sandbox.permit(SUPPORT, permission, True)
    assert up.asked(POSTS) == posts
    up.pass_time(61)
    await up.discord_shows(thread, "Before", "Held")


async def test_a_removed_channel_holds_the_line_until_another_is_set(up: Stage) -> None:
    await up.sandbox.remove(SUPPORT)
    await up.say("Held")

    async def trouble() -> str:
        return (await up.endpoint()).trouble

    assert "set another one in the admin" in await eventually(trouble)
    await up.change_inbox(discord_channel_id=FORUM)
    up.pass_time(61)
    await up.delivered()
    assert await up.texts(await up.thread()) == [
        (await up.sandbox.messages(await up.thread()))[0]["content"],
        "Held",
    ]
