"""Reactions of visitors: who may set which, and what everybody is told."""

import uuid
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import connection
from django.test.utils import CaptureQueriesContext

from bridge.chat import history
from bridge.chat.actions import reacting
from bridge.chat.actions.receiving import RemoteAuthor
from bridge.chat.speaking import Target
from bridge.infra.limits import THROTTLES
from bridge.models import (
    Connection,
    Delivery,
    Endpoint,
    Message,
    Participant,
    Reaction,
    RemoteMessage,
    RemotePart,
)
from bridge.text import emojis
from tests.web.browser import Browser
from tests.web.conftest import Open

ADA = RemoteAuthor("1001", "Ada")
GRACE = RemoteAuthor("1002", "Grace")
PARTY = "party:1180000000000000077"


def db(function: Any) -> Any:
    return sync_to_async(function)


@db
def in_discord(message_uid: str, *, remote_id: str = "9001") -> int:
    """Its endpoint, once the message is there."""
    message = Message.objects.get(uid=message_uid)
    endpoint, _ = Endpoint.objects.get_or_create(connection=message.connection, service="discord")
    Endpoint.objects.filter(pk=endpoint.pk).update(remote_id="9000")
    remote = RemoteMessage.objects.create(endpoint=endpoint, remote_id=remote_id, ours=True)
    RemotePart.objects.create(remote=remote, message=message, position=0)
    return endpoint.pk


@db
def staff_react(endpoint: int, emoji: str, *, author: RemoteAuthor = ADA, added: bool = True) -> bool | None:
    return reacting.receive_reaction(endpoint, "9001", author=author, emoji=emoji, added=added)


async def test_a_reaction_is_counted_told_to_everybody_and_carried_on(
    visitor: Browser, browser: Open
) -> None:
    message = await visitor.write("Hello")
    other = browser(token=visitor.token)
    await other.start()
    reply = await visitor.ok("reaction.add", message=message["uid"], emoji="👍")
    assert reply["message"]["reactions"] == [{"emoji": "👍", "count": 1, "own": True}]
    for tab in (visitor, other):
        event = await tab.event("reaction.changed")
        assert event["payload"]["messages"][0]["reactions"] == [{"emoji": "👍", "count": 1}]
        assert event["payload"]["participant"] == message["author"]["id"]
        assert (event["payload"]["emoji"], event["payload"]["added"]) == ("👍", True)
        assert event["revision"] == event["since"] + 1 == reply["message"]["revision"]
    waiting = await db(
        lambda: list(Delivery.objects.filter(operation="react").values_list("revision", flat=True))
    )()
    assert waiting == [reply["message"]["revision"]]


async def test_setting_it_twice_and_taking_back_what_is_not_there_is_nothing(visitor: Browser) -> None:
    message = await visitor.write("Hello")
    await visitor.ok("reaction.remove", message=message["uid"], emoji="👍")
    await visitor.ok("reaction.add", message=message["uid"], emoji="👍")
    again = await visitor.ok("reaction.add", message=message["uid"], emoji="👍")
    assert again["message"]["reactions"] == [{"emoji": "👍", "count": 1, "own": True}]
    gone = await visitor.ok("reaction.remove", message=message["uid"], emoji="👍")
    assert gone["message"]["reactions"] == []
    assert gone["message"]["revision"] == again["message"]["revision"] + 1


async def test_one_emoji_has_one_spelling(visitor: Browser) -> None:
    message = await visitor.write("Hello")
    await visitor.ok("reaction.add", message=message["uid"], emoji="❤")
    reply = await visitor.ok("reaction.add", message=message["uid"], emoji="❤️")
    assert reply["message"]["reactions"] == [{"emoji": "❤️", "count": 1, "own": True}]


@pytest.mark.parametrize(
    "emoji",
    [
        "",
        "a",
        ":)",
        "👍👍",
        "1",
        "#",
        "\u200d",
        "👍" * 40,
        "<:party:1180000000000000077>",
        "party:1",
        "x y:1180000000000000077",
    ],
)
async def test_what_is_no_emoji_is_refused(visitor: Browser, emoji: str) -> None:
    message = await visitor.write("Hello")
    assert await visitor.refused("reaction.add", message=message["uid"], emoji=emoji) == "invalid_payload"


@pytest.mark.parametrize("emoji", ["1️⃣", "🇩🇪", "🇦", "👩🏽‍💻", "🏴󠁧󠁢󠁥󠁮󠁧󠁿"])
async def test_emoji_of_several_characters_are_taken(visitor: Browser, emoji: str) -> None:
    message = await visitor.write("Hello")
    reply = await visitor.ok("reaction.add", message=message["uid"], emoji=emoji)
    assert [each["emoji"] for each in reply["message"]["reactions"]] == [emoji]


async def test_a_stranger_can_react_to_nothing_of_it(visitor: Browser, stranger: Browser) -> None:
    message = await visitor.write("Hello")
    await stranger.write("Mine")
    for command in ("reaction.add", "reaction.remove"):
        assert await stranger.refused(command, message=message["uid"], emoji="👍") == "not_found"
        assert await stranger.refused(command, message=str(uuid.uuid4()), emoji="👍") == "not_found"
    assert await db(Reaction.objects.count)() == 0
    await visitor.ok("reaction.add", message=message["uid"], emoji="👍")
    await stranger.ok("ping")
    assert "reaction.changed" not in {each["event"] for each in stranger.events}


async def test_nobody_reacts_to_what_was_deleted(visitor: Browser) -> None:
    message = await visitor.write("Hello")
    from bridge.chat.actions.changing import delete_message

    pk = await db(lambda: Message.objects.get(uid=message["uid"]).pk)()
    await db(delete_message)(pk)
    assert await visitor.refused("reaction.add", message=message["uid"], emoji="👍") == "not_found"


async def test_twenty_different_emoji_are_the_most(visitor: Browser, settings_without_limits: None) -> None:
    message = await visitor.write("Hello")
    faces = [chr(0x1F600 + number) for number in range(emojis.MOST_ON_A_MESSAGE + 1)]
    for face in faces[:-1]:
        await visitor.ok("reaction.add", message=message["uid"], emoji=face)
    assert await visitor.refused("reaction.add", message=message["uid"], emoji=faces[-1]) == "conflict"
    await visitor.ok("reaction.remove", message=message["uid"], emoji=faces[0])
    await visitor.ok("reaction.add", message=message["uid"], emoji=faces[-1])


async def test_too_many_changes_are_throttled(no_refill: None, visitor: Browser) -> None:
    message = await visitor.write("Hello")
    allowed = THROTTLES["reaction"].visitor.amount
    refusals = []
    for number in range(allowed + 5):
        command = "reaction.remove" if number % 2 else "reaction.add"
        reply = await visitor.ask(command, message=message["uid"], emoji="👍")
        refusals += [] if reply["ok"] else [reply["error"]["code"]]
    assert refusals == ["throttled"] * 5


async def test_staffs_reactions_are_shown_and_joined_by_the_visitor(visitor: Browser) -> None:
    message = await visitor.write("Hello")
    endpoint = await in_discord(message["uid"])
    assert await visitor.refused("reaction.add", message=message["uid"], emoji=PARTY) == "not_found"
    assert await staff_react(endpoint, PARTY)
    assert not await staff_react(endpoint, PARTY)
    event = await visitor.event("reaction.changed")
    assert event["payload"]["messages"][0]["reactions"] == [{"emoji": PARTY, "count": 1}]
    # Its name was changed meanwhile: it is the same emoji.
    joined = await visitor.ok("reaction.add", message=message["uid"], emoji="a:fete:1180000000000000077")
    assert joined["message"]["reactions"] == [{"emoji": PARTY, "count": 2, "own": True}]
    assert await staff_react(endpoint, "fete:1180000000000000077", added=False)
    page = await visitor.ok("history.page", connection=message["connection"])
    assert page["messages"][0]["reactions"] == [{"emoji": PARTY, "count": 1, "own": True}]


async def test_what_staff_set_is_not_sent_back_to_them(visitor: Browser) -> None:
    message = await visitor.write("Hello")
    endpoint = await in_discord(message["uid"])
    await staff_react(endpoint, "👍")
    assert not await db(Delivery.objects.filter(operation="react", endpoint=endpoint).exists)()


async def test_staffs_clearing_leaves_what_the_visitor_set(visitor: Browser) -> None:
    message = await visitor.write("Hello")
    endpoint = await in_discord(message["uid"])
    await staff_react(endpoint, "👍")
    await staff_react(endpoint, "👍", author=GRACE)
    await staff_react(endpoint, "🎉")
    await visitor.ok("reaction.add", message=message["uid"], emoji="👍")
    assert await db(reacting.receive_clearing)(endpoint, "9001", emoji=None)
    assert not await db(reacting.receive_clearing)(endpoint, "9001", emoji=None)
    event = await visitor.event("reaction.changed", lambda frame: frame["payload"]["participant"] is None)
    assert event["payload"]["messages"][0]["reactions"] == [{"emoji": "👍", "count": 1}]
    assert (event["payload"]["emoji"], event["payload"]["added"]) == (None, False)


async def test_a_missed_change_is_brought_by_sync_with_ones_own_marked(visitor: Browser) -> None:
    message = await visitor.write("Hello")
    endpoint = await in_discord(message["uid"])
    await visitor.ok("reaction.add", message=message["uid"], emoji="👍")
    since = await db(lambda: Connection.objects.get(uid=message["connection"]).revision)()
    await staff_react(endpoint, "🎉")
    synced = await visitor.ok("connection.sync", connection=message["connection"], since=since)
    assert synced["messages"][0]["reactions"] == [
        {"emoji": "👍", "count": 1, "own": True},
        {"emoji": "🎉", "count": 1, "own": False},
    ]


async def test_nobody_reacts_in_a_conversation_that_has_ended_but_one_may_take_back(visitor: Browser) -> None:
    message = await visitor.write("Hello")
    await visitor.ok("reaction.add", message=message["uid"], emoji="👍")
    await visitor.ok("connection.close", connection=message["connection"])
    assert await visitor.refused("reaction.add", message=message["uid"], emoji="🎉") == "closed"
    assert (await visitor.ok("reaction.remove", message=message["uid"], emoji="👍"))["message"][
        "reactions"
    ] == []


async def test_a_thousand_reactions_are_counted_by_the_database(visitor: Browser, stranger: Browser) -> None:
    message = await visitor.write("Hello")
    stored = await Message.objects.aget(uid=message["uid"])
    room = [
        Participant(connection_id=stored.connection_id, role="visitor", visitor=uuid.uuid4())
        for _ in range(300)
    ]
    await Participant.objects.abulk_create(room)
    emoji = ["🎉", "👍"]
    await Reaction.objects.abulk_create(
        [Reaction(message=stored, participant=each, emoji=emoji[at % 3 == 0]) for at, each in enumerate(room)]
    )
    await visitor.ok("reaction.add", message=message["uid"], emoji="🎉")

    def shown() -> tuple[list[Any], int, int]:
        reader = Target.of(stored.connection, stored.author)
        with CaptureQueriesContext(connection) as queries:
            page = history.page(reader, before=None)
        (rows,) = [each["sql"] for each in queries if "bridge_reaction" in each["sql"]]
        return page["messages"][0]["reactions"], rows.count("COUNT("), len(queries)

    reactions, counted, queries = await db(shown)()
    # The first to be used comes first.
    assert reactions == [
        {"emoji": "👍", "count": 100, "own": False},
        {"emoji": "🎉", "count": 201, "own": True},
    ]
    assert (counted, queries) == (2, 3)
    assert await stranger.refused("reaction.add", message=message["uid"], emoji="🎉") == "not_found"
