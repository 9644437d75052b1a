"""A room in Discord: everybody speaks for himself, both ways, and what goes wrong on the way."""

import asyncio
import time
import uuid
from types import SimpleNamespace
from typing import Any

import pytest

from bridge.chat import actions
from bridge.chat.actions import Post, Target
from bridge.chat.speaking import Busy
from bridge.models import Connection, Delivery, Endpoint, Inbox, Message, Participant, RemoteMessage
from bridge.sandbox import defaults, limits
from bridge.services.discord import webhooks
from bridge.services.discord.webhooks import MOST, NAME
from bridge.text.lookalikes import key_of
from tests.services.discord.bot.stage import Stage, db, eventually

LOBBY = str(defaults.LOBBY_CHANNEL_ID)
WEBHOOK = "POST /webhooks/*/*"
FOX, OWL = uuid.UUID(int=21), uuid.UUID(int=22)


class Room:
    """A room with two visitors, on a stage."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.targets: dict[uuid.UUID, Target] = {}

    async def make(self) -> "Room":
        await db(self._make)
        return self

    def _make(self) -> None:
        inbox = Inbox.objects.get(name="default")
        room = Connection.objects.create(
            inbox=inbox, kind=Connection.Kind.ROOM, slug="lobby", name="Lobby", topic="Talk"
        )
        Endpoint.objects.create(connection=room, service="discord", remote_id=LOBBY)
        for visitor, nick in ((FOX, "Quick Fox"), (OWL, "Discord Owl")):
            speaker = Participant.objects.create(
                connection=room, role=Participant.Role.VISITOR, visitor=visitor, nick=nick
            )
            self.targets[visitor] = Target.of(room, speaker)

    async def say(
        self, *texts: str, visitor: uuid.UUID = FOX, reply_to: uuid.UUID | None = None
    ) -> list[Message]:
        posts = [Post(target=self.targets[visitor], content=text, reply_to=reply_to) for text in texts]
        results = await db(actions.post_messages, posts)
        # On PostgreSQL nothing waits for a row that the bot holds: the web's writer tries again, and so does this.
        while any(isinstance(each, Busy) for each in results):
            await asyncio.sleep(0.01)
            results = await db(actions.post_messages, posts)
        found = Message.objects.in_bulk
        stored = await db(found, [result.id for result in results])
        return [stored[result.id] for result in results]

    async def rename(self, visitor: uuid.UUID, nick: str) -> None:
        await db(Participant.objects.filter(visitor=visitor).update, nick=nick)

    async def said(self) -> list[tuple[str, str]]:
        """Who said what in the channel."""
        return [
            (each["author"]["name"], each["content"]) for each in await self.stage.sandbox.messages(LOBBY)
        ]

    async def shows(self, *said: tuple[str, str]) -> None:
        async def same() -> bool:
            return await self.said() == list(said)

        try:
            await eventually(same)
        except AssertionError:
            assert await self.said() == list(said)

    async def page(self) -> list[tuple[str, str]]:
        """Who said what on the page."""
        shown = Message.objects.filter(connection__slug="lobby", deleted_at__isnull=True).order_by("seq")
        return await db(lambda: list(shown.values_list("author__nick", "content")))

    async def page_shows(self, *said: tuple[str, str]) -> None:
        async def same() -> bool:
            return await self.page() == list(said)

        try:
            await eventually(same)
        except AssertionError:
            assert await self.page() == list(said)

    async def endpoint(self) -> Endpoint:
        return await db(lambda: Endpoint.objects.select_related("connection").get(remote_id=LOBBY))


@pytest.fixture
async def room(stage: Stage) -> Room:
    """Made before the bot starts, in a channel with a history."""
    await stage.sandbox.post_as("ada", LOBBY, "Long before there was a room")
    stage.world.delete_message(int(LOBBY), int((await stage.sandbox.messages(LOBBY))[0]["id"]))
    made = await Room(stage).make()
    await stage.start()
    return made


# ----------------------------------------------------------------- to Discord


async def test_each_visitor_speaks_under_his_own_name_with_his_own_picture(room: Room, stage: Stage) -> None:
    await room.say("Hello")
    await room.say("Hello, fox", visitor=OWL)
    await room.shows(("Quick Fox (visitor)", "Hello"), ("Disc0rd Owl (visitor)", "Hello, fox"))
    fox, owl = await stage.sandbox.messages(LOBBY)
    participants = await db(lambda: {each.visitor: each.uid for each in Participant.objects.all()})
    assert fox["author"]["avatar"].startswith(f"https://chat.example.com/avatars/{participants[FOX]}.png?v=")
    assert owl["author"]["avatar"].startswith(f"https://chat.example.com/avatars/{participants[OWL]}.png?v=")
    await stage.delivered()
    states = await db(lambda: set(Message.objects.values_list("state", flat=True)))
    assert states == {"delivered"}
    assert len(stage.world.webhooks) == 1
    # No thread was opened for a room, and nothing was posted in the bot's own name.
    assert await stage.sandbox.threads() == []
    assert stage.asked("POST /channels/*/messages") == 0


async def test_nothing_that_is_said_in_a_room_can_ping(room: Room, stage: Stage) -> None:
    await room.say("@everyone <@1180000000000000021>")
    await stage.delivered()
    (body,) = [
        body for method, path, body in stage.bodies if method == "POST" and path.startswith("/webhooks/")
    ]
    assert body["allowed_mentions"] == {"parse": []}


async def test_a_burst_of_one_visitor_goes_as_one_and_of_two_as_two(room: Room, stage: Stage) -> None:
    await stage.stop()
    await room.say("one", "two")
    await room.say("three", visitor=OWL)
    await room.say("four")
    await stage.start()
    await room.shows(
        ("Quick Fox (visitor)", "one\ntwo"),
        ("Disc0rd Owl (visitor)", "three"),
        ("Quick Fox (visitor)", "four"),
    )


async def test_edits_and_deletions_go_through_the_webhook_that_said_it(room: Room, stage: Stage) -> None:
    first, second = (await room.say("Helo"))[0], (await room.say("A mistake", visitor=OWL))[0]
    await stage.delivered()
    await stage.edit(first, "Hello")
    await stage.take_back(second)
    await room.shows(("Quick Fox (visitor)", "Hello"))
    await stage.delivered()
    assert stage.asked("PATCH /webhooks/*/*/messages/*") == 1
    assert stage.asked("DELETE /webhooks/*/*/messages/*") == 1


async def test_after_a_restart_the_webhook_is_found_again_and_old_messages_are_edited(
    room: Room, stage: Stage
) -> None:
    (message,) = await room.say("Helo")
    await stage.delivered()
    await stage.stop()
    await stage.start()
    await stage.edit(message, "Hello")
    await room.say("Again")
    await room.shows(("Quick Fox (visitor)", "Hello"), ("Quick Fox (visitor)", "Again"))
    assert stage.asked("POST /channels/*/webhooks") == 1


async def test_a_deleted_webhook_is_made_anew_and_what_it_said_can_be_taken_back_but_not_edited(
    room: Room, stage: Stage
) -> None:
    first, second = (await room.say("First"))[0], (await room.say("Second", visitor=OWL))[0]
    await stage.delivered()
    (webhook,) = stage.world.webhooks
    stage.world.delete_webhook(webhook)
    await room.say("Third")
    await room.shows(
        ("Quick Fox (visitor)", "First"),
        ("Disc0rd Owl (visitor)", "Second"),
        ("Quick Fox (visitor)", "Third"),
    )
    await stage.edit(first, "Changed")
    await stage.delivered()
    edit = await db(Delivery.objects.get, message=first, operation="edit")
    assert (edit.outcome, edit.reason) == ("failed", "webhook_deleted")
    await stage.sandbox.permit(LOBBY, "manage_messages", True)
    stage.world.guild.roles[defaults.BOT_ROLE_ID].permissions |= 1 << 13
    await stage.take_back(second)
    await room.shows(("Quick Fox (visitor)", "First"), ("Quick Fox (visitor)", "Third"))


async def test_webhooks_of_others_are_left_alone(room: Room, stage: Stage) -> None:
    stage.world.create_webhook(int(LOBBY), NAME, defaults.ADA_ID)
    await room.say("Hello")
    await stage.delivered()
    (sender,) = await db(lambda: list(RemoteMessage.objects.values_list("sender", flat=True)))
    assert stage.world.webhooks[int(sender)].creator_id == defaults.BOT_ID


@pytest.mark.parametrize(
    "foreign",
    [
        {"application_id": "1180000000000000998"},
        {"application_id": None},
        {"application_id": str(defaults.APPLICATION_ID), "name": "Another"},
        {"application_id": str(defaults.APPLICATION_ID), "token": None},
        {"application_id": "?"},
    ],
    ids=["another application's", "a person's", "with another name", "without a token", "an odd one"],
)
async def test_somebody_elses_webhook_called_like_ours_is_never_used(
    room: Room, stage: Stage, foreign: dict[str, Any]
) -> None:
    pk = "1180000000000000999"
    webhook = {"id": pk, "type": 1, "channel_id": LOBBY, "name": NAME, "token": "x" * 68, "avatar": None}
    stage.refusals.append(
        lambda request: (
            (200, [{**webhook, **foreign}])
            if (request.method, request.path) == ("GET", f"/channels/{LOBBY}/webhooks")
            else None
        )
    )
    (message,) = await room.say("Hello")
    await stage.delivered()
    await stage.edit(message, "Hello there")
    await stage.delivered()
    used = {path.split("/")[2] for _, path, _ in stage.bodies if path.startswith("/webhooks/")}
    assert used
    assert pk not in used


async def test_a_reply_quotes_what_it_answers_and_leads_there(room: Room, stage: Stage) -> None:
    asked = await stage.sandbox.post_as(
        "ada", LOBBY, "Who likes **tea**, @everyone?\nOr coffee? " + "word " * 30
    )
    await eventually(room.page)
    question = await db(Message.objects.get)
    (reply,) = await room.say("I do", reply_to=question.uid)
    (other,) = await room.say("And so do I", visitor=OWL, reply_to=reply.uid)
    await stage.delivered()
    _, first, second = [each["content"] for each in await stage.sandbox.messages(LOBBY)]
    quote, answer = first.split("\n")
    assert answer == "I do"
    assert quote.startswith("> **Ada**: Who likes \\*\\*tea\\*\\*, @everyone? Or coffee?")
    assert quote.endswith(f"… · [↗](https://discord.com/channels/{defaults.GUILD_ID}/{LOBBY}/{asked['id']})")
    assert second.startswith("> **Quick Fox**: I do · [↗](")
    # The quote stays what it was, whatever becomes of what it quotes.
    await stage.edit(reply, "I do not")
    await stage.edit(other, "But I do")
    await stage.delivered()
    _, first, second = [each["content"] for each in await stage.sandbox.messages(LOBBY)]
    assert first == f"{quote}\nI do not"
    assert second.startswith("> **Quick Fox**: I do · [↗](")
    assert second.endswith("\nBut I do")
    await stage.take_back(other)
    await stage.delivered()
    assert len(await stage.sandbox.messages(LOBBY)) == 2


async def test_a_long_reply_in_pieces_has_its_quote_once(room: Room, stage: Stage) -> None:
    (asked,) = await room.say("Tell us more")
    (long,) = await room.say("words " * 500, visitor=OWL, reply_to=asked.uid)
    await stage.delivered()
    _, *pieces = [each["content"] for each in await stage.sandbox.messages(LOBBY)]
    assert len(pieces) == 2
    assert [piece.startswith("> **Quick Fox**: Tell us more") for piece in pieces] == [True, False]
    await stage.edit(long, "words " * 501)
    await stage.delivered()
    _, *pieces = [each["content"] for each in await stage.sandbox.messages(LOBBY)]
    assert " ".join(pieces).count("words") == 501
    assert " ".join(pieces).count("Tell us more") == 1


async def test_a_renamed_visitor_speaks_under_his_new_name(room: Room, stage: Stage) -> None:
    await room.say("Before")
    await stage.delivered()
    await room.rename(FOX, "Slow Worm")
    await room.say("After")
    await room.shows(("Quick Fox (visitor)", "Before"), ("Slow Worm (visitor)", "After"))


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_post_of_unknown_fate_is_looked_for_by_text_and_name(
    room: Room, stage: Stage, when: str
) -> None:
    await room.say("Hello")
    await room.say("Hello", visitor=OWL)
    await stage.delivered()
    await stage.sandbox.fault("error", route=WEBHOOK, times=1, when=when, status=502)
    await room.say("Hello", visitor=OWL)
    # discord.py may not repeat it by itself.
    await eventually(lambda: stage.asked(WEBHOOK) == 3)
    await room.rename(OWL, "Barn Owl")
    stage.pass_time(40)
    await eventually(lambda: stage.asked("GET /channels/*/messages"))
    stage.pass_time(40)
    await stage.delivered()
    await room.shows(
        ("Quick Fox (visitor)", "Hello"),
        ("Disc0rd Owl (visitor)", "Hello"),
        ("Disc0rd Owl (visitor)", "Hello"),
    )
    assert stage.asked(WEBHOOK) == (3 if when == "after" else 4)


async def test_where_one_webhook_has_to_rest_another_goes_on_in_order(
    room: Room, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Time stands still on both sides: none has rested before all is said, however slow the machine.
    for module in (limits, webhooks):
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: 1000.0, time=time.time))
    # discord.py sleeps it out by its own clock before it hands over the last answer.
    monkeypatch.setattr(limits, "_WEBHOOK", (limits.Limit("webhook", 5, 0.2),))
    await stage.sandbox.settings(rate_limits=True)
    texts = [str(number) for number in range(18)]
    for number, text in enumerate(texts):
        await room.say(text, visitor=OWL if number % 2 else FOX)
    await stage.delivered()
    assert [text for _, text in await room.said()] == texts
    assert len(stage.world.webhooks) == MOST
    assert 429 not in [each["status"] for each in await stage.sandbox.requests()]


async def test_a_429_sends_it_through_another_at_once(room: Room, stage: Stage) -> None:
    await room.say("First")
    await stage.delivered()
    await stage.sandbox.fault("ratelimited", route=WEBHOOK, times=1, seconds=60.0)
    await room.say("Second")
    await room.shows(("Quick Fox (visitor)", "First"), ("Quick Fox (visitor)", "Second"))
    await stage.delivered()
    assert len(stage.world.webhooks) == 2
    senders = await db(lambda: set(RemoteMessage.objects.values_list("sender", flat=True)))
    assert len(senders) == 2


async def test_without_the_right_to_make_webhooks_staff_are_told(room: Room, stage: Stage) -> None:
    await stage.sandbox.permit(LOBBY, "manage_webhooks", False)
    await room.say("Hello")
    trouble = await eventually(lambda: _trouble(room))
    assert "Manage Webhooks" in trouble
    await stage.sandbox.permit(LOBBY, "manage_webhooks", True)
    stage.pass_time(70)
    await room.shows(("Quick Fox (visitor)", "Hello"))


async def test_a_deleted_channel_holds_the_line_and_opens_no_thread(room: Room, stage: Stage) -> None:
    await room.say("Before")
    await stage.delivered()
    await stage.sandbox.remove(LOBBY)
    await room.say("After")
    trouble = await eventually(lambda: _trouble(room))
    assert trouble == "The room's channel was deleted: close the room in the admin, and make another."
    assert (await room.endpoint()).remote_id == LOBBY
    assert await stage.sandbox.threads() == []


async def _trouble(room: Room) -> str:
    return (await room.endpoint()).trouble


# --------------------------------------------------------------- from Discord


async def test_staff_and_members_reach_the_page_with_name_colour_and_picture(
    room: Room, stage: Stage
) -> None:
    await stage.sandbox.post_as("ada", LOBBY, "Welcome")
    await stage.sandbox.post_as("robin", LOBBY, "Hi all")
    await room.page_shows(("Ada", "Welcome"), ("Robin", "Hi all"))
    ada, robin = await db(lambda: list(Participant.objects.filter(service="discord").order_by("pk")))
    assert (ada.role, ada.colour) == ("staff", f"#{defaults.STAFF_COLOUR:06x}")
    assert (robin.role, robin.colour) == ("visitor", "")
    assert ada.avatar.startswith("https://cdn.discordapp.com/")


async def test_a_member_may_be_called_like_a_visitor(room: Room, stage: Stage) -> None:
    await db(Participant.objects.filter(visitor=FOX).update, nick="Robin", nick_key=key_of("Robin"))
    await stage.sandbox.post_as("robin", LOBBY, "So am I")
    await room.page_shows(("Robin", "So am I"))


async def test_a_new_role_shows_on_the_next_message(room: Room, stage: Stage) -> None:
    await stage.sandbox.post_as("robin", LOBBY, "Still a guest")
    await room.page_shows(("Robin", "Still a guest"))
    stage.world.guild.members[defaults.ROBIN_ID].role_ids.append(defaults.STAFF_ROLE_ID)
    await stage.sandbox.post_as("robin", LOBBY, "Now I help")
    await room.page_shows(("Robin", "Still a guest"), ("Robin", "Now I help"))
    robin = await db(Participant.objects.get, service="discord")
    assert (robin.role, robin.colour) == ("staff", f"#{defaults.STAFF_COLOUR:06x}")


async def test_the_echo_of_our_webhooks_is_never_taken_for_news(room: Room, stage: Stage) -> None:
    await stage.change_inbox(relay_bots=True)
    await room.say("Hello")
    await stage.delivered()
    (webhook,) = stage.world.webhooks
    stage.world.delete_webhook(webhook)
    await room.say("Hello again", visitor=OWL)
    await stage.delivered()
    # Read again from the beginning, in a new session of another process.
    await stage.stop()
    await db(Endpoint.objects.update, watermark=None)
    await stage.start()
    await stage.sandbox.post_as("ada", LOBBY, "Welcome")
    await room.page_shows(("Quick Fox", "Hello"), ("Discord Owl", "Hello again"), ("Ada", "Welcome"))


@pytest.mark.parametrize("wanted", [False, True])
async def test_webhooks_of_others_are_bots_like_any(room: Room, stage: Stage, wanted: bool) -> None:
    await stage.change_inbox(relay_bots=wanted)
    webhook = stage.world.create_webhook(int(LOBBY), "News", defaults.ADA_ID)
    stage.world.create_message(int(LOBBY), webhook.webhook_user_id, "From a feed", webhook_id=webhook.id)
    await stage.sandbox.post_as("ada", LOBBY, "Read this")
    feed = [("News", "From a feed")] if wanted else []
    await room.page_shows(*feed, ("Ada", "Read this"))


async def test_edits_and_deletions_in_the_channel_reach_the_page(room: Room, stage: Stage) -> None:
    first = await stage.sandbox.post_as("robin", LOBBY, "Helo")
    second = await stage.sandbox.post_as("robin", LOBBY, "A mistake")
    await stage.sandbox.edit(LOBBY, first["id"], "Hello")
    await stage.sandbox.delete(LOBBY, second["id"])
    await room.page_shows(("Robin", "Hello"))


async def test_what_was_missed_while_away_is_caught_up_with_colours(room: Room, stage: Stage) -> None:
    first = await stage.sandbox.post_as("robin", LOBBY, "Seen")
    await room.page_shows(("Robin", "Seen"))
    await stage.stop()
    await stage.sandbox.post_as("ada", LOBBY, "Missed")
    await stage.sandbox.edit(LOBBY, first["id"], "Seen and changed")
    await stage.start()
    await room.page_shows(("Robin", "Seen and changed"), ("Ada", "Missed"))
    ada = await db(Participant.objects.get, nick="Ada")
    assert (ada.role, ada.colour) == ("staff", f"#{defaults.STAFF_COLOUR:06x}")


async def test_what_was_said_before_the_room_was_made_is_not_imported(up: Stage) -> None:
    await up.sandbox.post_as("ada", LOBBY, "Among ourselves")
    await asyncio.sleep(0.05)
    room = await Room(up).make()
    await up.sandbox.post_as("ada", LOBBY, "Welcome")
    # While the bot runs it looks for new rooms every five seconds, and for what was said there since.
    await up.bot.cogs["RelayCog"].presence()
    await room.page_shows(("Ada", "Welcome"))


async def test_threads_in_the_channel_and_other_channels_are_not_the_room(room: Room, stage: Stage) -> None:
    said = await stage.sandbox.post_as("ada", LOBBY, "Let us talk aside")
    thread = stage.world.create_thread(
        int(LOBBY), "BackgroundTasks", defaults.ADA_ID, message_id=int(said["id"])
    )
    await stage.sandbox.post_as("ada", thread.id, "Not for everybody")
    await stage.sandbox.post_as("ada", defaults.GENERAL_CHANNEL_ID, "Nor this")
    await stage.sandbox.post_as("ada", LOBBY, "Back again")
    await room.page_shows(("Ada", "Let us talk aside"), ("Ada", "Back again"))


async def test_a_closed_room_takes_nothing_in_and_is_not_opened_by_it(room: Room, stage: Stage) -> None:
    await db(Connection.objects.filter(slug="lobby").update, state=Connection.State.CLOSED)
    await stage.sandbox.post_as("ada", LOBBY, "Anybody here?")
    thread = await stage.converse("Something else meanwhile")
    await stage.sandbox.post_as("ada", thread, "Answer")
    await stage.page_shows("Something else meanwhile", "Answer")
    assert await room.page() == []
    assert (await room.endpoint()).connection.state == "closed"


async def test_typing_in_the_channel_shows_in_the_room(room: Room, stage: Stage, monkeypatch: Any) -> None:
    shown: list[int] = []
    monkeypatch.setattr(stage.bot.typists, "staff", lambda channel, user: shown.append(channel))
    await stage.sandbox.type_as("ada", LOBBY)
    await stage.sandbox.type_as("ada", defaults.GENERAL_CHANNEL_ID)
    await eventually(lambda: shown == [int(LOBBY)])
