"""What goes out to webhooks, and what becomes of it where the other side misbehaves."""

import asyncio
import socket
import ssl
import uuid
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from bridge import delivery
from bridge.chat.access import Viewer
from bridge.chat.actions import Opening, Post, Posted, post_messages, react
from bridge.chat.actions.changing import delete_message, edit_message
from bridge.chat.actions.opening import add_places
from bridge.chat.actions.retrying import retry_deliveries
from bridge.delivery.outbox import Outbox
from bridge.infra.clock import Clock
from bridge.infra.database import DatabaseThreads
from bridge.models import Connection, Delivery, Endpoint, Inbox, Message, Webhook
from bridge.services.webhook import sending
from bridge.services.webhook.events import place
from bridge.services.webhook.service import AT_ONCE
from tests.services.contract import Wiring
from tests.services.webhook.certificates import self_signed
from tests.services.webhook.receiver import Receiver
from tests.services.webhook.webhooks import WebhookRig, add, bring
from tests.time_machine import TimeMachine, db, eventually

pytestmark = pytest.mark.django_db(transaction=True)
DAY = 24 * 3600.0


class Scene(WebhookRig):
    """A webhook of the default inbox with its receiver; visitors who write."""

    def __init__(self, wiring: Wiring, receiver: Receiver) -> None:
        super().__init__(wiring, receiver)
        self.receiver = receiver
        self.visitor = uuid.uuid4()

    async def say(
        self, text: str, *, visitor: uuid.UUID | None = None, inbox: Inbox | None = None
    ) -> Message:
        opening = Opening(
            inbox=(inbox or self.wiring.inbox).pk, visitor=visitor or self.visitor, nick="Brave Otter"
        )
        (posted,) = await db(post_messages, [Post(opening=opening, content=text)])
        assert isinstance(posted, Posted)
        message: Message = await db(Message.objects.select_related("connection").get, pk=posted.id)
        return message

    async def try_now(self) -> None:
        """What is due now, and no time passes."""
        for line in await db(delivery.claim, "webhook", limit=100, clock=self.wiring.clock):
            await self._work(line)

    async def days_pass(self, days: int) -> None:
        for _ in range(days * 6):
            self.wiring.clock.advance(DAY / 6)
            await self.try_now()

    async def deliveries(self, message: Message) -> list[Delivery]:
        rows = Delivery.objects.filter(message=message, endpoint__service="webhook").order_by("pk")
        found: list[Delivery] = await db(lambda: list(rows))
        return found


@pytest.fixture
async def scene(valkey_url: str, settings: Any) -> AsyncIterator[Scene]:
    settings.WEBHOOK_ALLOWED_NETWORKS = ["127.0.0.0/8"]
    settings.BRIDGE_SERVICES = {"webhook": "bridge.services.webhook.service.WebhookService"}
    inbox = await db(lambda: Inbox.objects.get_or_create(name="default")[0])
    async with Receiver() as receiver:
        scene = Scene(Wiring(TimeMachine(), inbox, settings), receiver)
        await scene.prepare()
        yield scene
        await scene.service.close()


async def test_an_event_says_who_said_what_and_where(scene: Scene) -> None:
    message = await scene.say("Where is my parcel?")
    await db(Connection.objects.filter(pk=message.connection_id).update, properties={"order": 17})
    await scene.carry()

    (received,) = scene.receiver.taken
    event, data = received.event, received.event["data"]
    assert event["type"] == "message.posted"
    assert event["timestamp"] == data["message"]["created_at"]
    assert data["message"]["uid"] == str(message.uid)
    assert data["message"]["content"] == "Where is my parcel?"
    assert (data["message"]["author"]["name"], data["message"]["author"]["role"]) == (
        "Brave Otter",
        "visitor",
    )
    assert data["connection"] == {
        "uid": str(message.connection.uid),
        "kind": "private",
        "state": "open",
        "inbox": "default",
        "nick": "Brave Otter",
        "properties": {"order": 17},
    }
    assert received.headers["Content-Type"] == "application/json"
    assert received.headers["User-Agent"].startswith("ChatBridge/")
    # So small that what is signed can hold no dot but the two between its parts.
    assert "." not in received.id
    assert str(scene.visitor) not in str(event)


async def test_each_change_is_an_event_with_an_id_of_its_own(scene: Scene) -> None:
    message = await scene.say("sven")
    await scene.carry()
    await db(edit_message, message.pk, content="**seven** ||eight|| <b>")
    await scene.carry()
    inbox = await Connection.objects.values_list("inbox", flat=True).aget(pk=message.connection_id)
    viewer = Viewer(scene.visitor, inbox, rooms=())
    for emoji, added in (("👍", True), ("🎉", True), ("👍", False)):
        await db(react, viewer, message.uid, emoji=emoji, added=added)
        await scene.carry()
    await db(delete_message, message.pk)
    await scene.carry()

    kinds = [event["type"] for event in scene.receiver.events()]
    # What is deleted takes the reaction that was left with it.
    assert kinds[:5] == [
        "message.posted",
        "message.edited",
        "reaction.added",
        "reaction.added",
        "reaction.removed",
    ]
    assert kinds[-1] == "message.deleted"
    assert len({each.id for each in scene.receiver.taken}) == len(kinds)
    edited, party = scene.receiver.events()[1]["data"], scene.receiver.events()[3]["data"]
    assert edited["message"]["content"] == "**seven** ||eight|| <b>"
    assert (edited["text"], edited["html"]) == ("seven ▒▒▒ <b>", "<strong>seven</strong> ▒▒▒ &lt;b&gt;")
    assert (party["emoji"], party["message"]["reactions"]) == (
        "🎉",
        [{"emoji": "👍", "count": 1}, {"emoji": "🎉", "count": 1}],
    )
    assert scene.receiver.events()[-1]["data"]["message"]["content"] == ""
    assert (scene.receiver.events()[-1]["data"]["text"], scene.receiver.events()[-1]["data"]["html"]) == (
        "",
        "",
    )


@pytest.mark.parametrize("trouble", ["cut", "cut after", 500, 503, 404, 301, 429])
async def test_an_event_keeps_its_id_however_often_it_is_tried(scene: Scene, trouble: Any) -> None:
    scene.receiver.trouble = trouble
    await scene.say("first")
    await scene.carry()
    scene.receiver.trouble = None
    await scene.say("second")
    await scene.carry()

    assert len({each.id for each in scene.receiver.asked}) == 2
    assert len(scene.receiver.asked) > 10
    assert [event["data"]["message"]["content"] for event in scene.receiver.events()] == ["first", "second"]


async def test_an_edit_after_one_of_unknown_fate_is_another_event(scene: Scene) -> None:
    """The receiver knows the id of the first: under the same it would leave out the second."""
    message = await scene.say("one")
    await scene.carry()
    scene.receiver.trouble = "cut after"
    await db(edit_message, message.pk, content="two")
    await scene.try_now()
    scene.receiver.trouble = None
    await db(edit_message, message.pk, content="three")
    await scene.carry()

    assert scene.receiver.holds(message.connection.uid) == ["three"]


async def test_an_edit_of_unknown_fate_that_is_taken_back_is_taken_back_there_too(scene: Scene) -> None:
    """What it says here is what was last known to be said there, and yet it may say something else."""
    message = await scene.say("one")
    await scene.carry()
    scene.receiver.trouble = "cut after"
    await db(edit_message, message.pk, content="two")
    await scene.try_now()
    scene.receiver.trouble = None
    await db(edit_message, message.pk, content="one")
    await scene.carry()

    assert scene.receiver.holds(message.connection.uid) == ["one"]


async def test_whatever_goes_wrong_in_between_each_arrives_once_and_in_order(scene: Scene) -> None:
    said = [f"number {number}" for number in range(12)]
    troubles = ["cut", None, "cut after", 500, None, 503]
    for number, text in enumerate(said):
        scene.receiver.trouble = troubles[number % len(troubles)]  # type: ignore[assignment]
        message = await scene.say(text)
        await scene.try_now()
        scene.wiring.clock.advance(1)
    scene.receiver.trouble = None
    await scene.carry()

    assert scene.receiver.holds(message.connection.uid) == said
    assert len(scene.receiver.events()) == len(said)


async def test_a_redirect_is_not_followed(scene: Scene) -> None:
    async with Receiver() as elsewhere:
        scene.receiver.trouble, scene.receiver.answer_headers = 307, {"Location": elsewhere.url}
        await scene.say("only for you")
        await scene.carry()
        assert scene.receiver.asked
        assert elsewhere.asked == []
    assert "Redirects are not followed" in (await db(Webhook.objects.get)).failure


async def test_who_answers_gone_is_switched_off_and_others_are_not(scene: Scene) -> None:
    async with Receiver() as other:
        await add(scene.wiring.inbox, other, name="Other")
        scene.receiver.trouble = 410
        first = await scene.say("first")
        await scene.carry()
        second = await scene.say("second")
        await scene.carry()

        assert len(scene.receiver.asked) == 1
        assert other.holds(first.connection.uid) == ["first", "second"]
    webhook = await db(Webhook.objects.get, name="Ours")
    assert not webhook.enabled
    assert "410 Gone" in webhook.failure
    outcomes = [[each.outcome for each in await scene.deliveries(message)] for message in (first, second)]
    assert outcomes == [["failed", "delivered"], ["superseded", "delivered"]]


async def test_no_answer_in_time_is_tried_again_and_taken_once(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "ANSWER_WITHIN", 3)
    scene.receiver.trouble = "hang after"
    message = await scene.say("hello?")
    await scene.try_now()
    monkeypatch.undo()
    scene.receiver.trouble = None
    await scene.carry()

    assert scene.receiver.holds(message.connection.uid) == ["hello?"]
    assert len(scene.receiver.asked) == 2
    assert len(scene.receiver.taken) == 1


async def test_who_does_not_answer_is_left_alone_in_all_conversations(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "ANSWER_WITHIN", 3)
    scene.receiver.trouble = "hang"
    await scene.say("hello?")
    await scene.try_now()
    await scene.say("hello there?", visitor=uuid.uuid4())
    await scene.try_now()
    assert len(scene.receiver.asked) == 1


async def test_who_asks_to_be_left_alone_is(scene: Scene) -> None:
    scene.receiver.trouble, scene.receiver.answer_headers = 429, {"Retry-After": "900"}
    await scene.say("one")
    await scene.try_now()
    scene.receiver.trouble = None
    await scene.say("two", visitor=uuid.uuid4())
    scene.wiring.clock.advance(800)
    await scene.try_now()
    assert len(scene.receiver.asked) == 1
    scene.wiring.clock.advance(200)
    await scene.try_now()
    assert len(scene.receiver.taken) == 2


async def test_an_answer_without_end_is_not_read(scene: Scene) -> None:
    scene.receiver.trouble = "huge"
    message = await scene.say("one")
    await scene.try_now()
    assert [each.outcome for each in await scene.deliveries(message)] == ["delivered"]


async def test_after_three_days_an_event_is_failed_and_staff_can_send_it_again(scene: Scene) -> None:
    scene.receiver.trouble = 500
    message = await scene.say("is anybody there?")
    await scene.days_pass(2)
    assert [each.outcome for each in await scene.deliveries(message)] == [""]
    await scene.days_pass(2)

    (dead,) = await scene.deliveries(message)
    assert (dead.outcome, dead.reason) == ("failed", "webhook_failed")
    assert dead.detail == "It answered 500 Internal Server Error."
    asked = len(scene.receiver.asked)
    # Nobody who reads misses it: the visitor is told nothing, and no gap is shown.
    assert await db(Message.objects.count) == 1
    assert (await db(Message.objects.get)).state == Message.State.SENT

    scene.receiver.trouble = None
    assert await db(retry_deliveries, await db(lambda: list(Delivery.objects.select_related("message")))) == 1
    await scene.carry()
    assert scene.receiver.holds(message.connection.uid) == ["is anybody there?"]
    assert len(scene.receiver.asked) == asked + 1
    assert len({each.id for each in scene.receiver.asked}) == 1


async def test_what_waits_behind_an_event_that_failed_has_its_own_three_days(scene: Scene) -> None:
    scene.receiver.trouble = 500
    first = await scene.say("first")
    await scene.days_pass(2)
    second = await scene.say("second")
    later = timezone.now() + timedelta(days=2)
    await db(Message.objects.filter(pk=second.pk).update, created_at=later)
    await scene.days_pass(2)
    assert [each.outcome for each in await scene.deliveries(first)] == ["failed"]
    assert [each.outcome for each in await scene.deliveries(second)] == [""]
    scene.receiver.trouble = None
    await scene.carry()
    assert scene.receiver.holds(first.connection.uid) == ["second"]


async def test_what_came_from_one_webhook_goes_to_the_other_and_never_back(scene: Scene) -> None:
    async with Receiver() as other:
        theirs = await add(scene.wiring.inbox, other, name="Other")
        message = await scene.say("hello")
        await scene.carry()
        author = {"id": "1", "name": "Ada"}
        for webhook in (scene.webhook, theirs):
            said = {"type": "message.send", "connection": str(message.connection.uid), "id": "1"}
            response = await db(bring, webhook, said | {"content": f"from {webhook.name}", "author": author})
            assert response.status_code == 200
        await scene.carry()

        assert scene.receiver.holds(message.connection.uid) == ["hello", "from Other"]
        assert other.holds(message.connection.uid) == ["hello", "from Ours"]


async def test_a_webhook_of_another_inbox_hears_nothing(scene: Scene) -> None:
    async with Receiver() as stranger:
        strange = await db(Inbox.objects.create, name="strange")
        await add(strange, stranger, name="Stranger")
        await scene.say("between us")
        await scene.carry()
        assert stranger.asked == []
        await scene.say("over here", inbox=strange)
        await scene.carry()
        assert len(stranger.taken) == 1
    assert len(scene.receiver.taken) == 1


async def test_switched_off_nothing_goes_there_also_not_later(scene: Scene) -> None:
    await scene.say("before")
    await scene.carry()
    webhooks = Webhook.objects.filter(pk=scene.webhook.pk)
    await db(webhooks.update, enabled=False)
    await scene.say("meanwhile")
    await scene.carry()
    await db(webhooks.update, enabled=True)
    message = await scene.say("after")
    await scene.carry()
    assert scene.receiver.holds(message.connection.uid) == ["before", "after"]


async def test_a_deleted_webhook_leaves_nothing_waiting(scene: Scene) -> None:
    message = await scene.say("before")
    await db(Webhook.objects.all().delete)
    await scene.carry()
    assert [each.outcome for each in await scene.deliveries(message)] == ["superseded"]
    assert scene.receiver.asked == []


async def test_a_webhook_that_comes_later_hears_the_rest_of_an_open_conversation(scene: Scene) -> None:
    message = await scene.say("before")
    async with Receiver() as late:
        webhook = await add(scene.wiring.inbox, late, name="Late")
        for _ in range(2):
            open_ones = Connection.objects.filter(inbox=webhook.inbox)
            await db(add_places, "webhook", open_ones, lambda connection: place(webhook, connection))
        await db(edit_message, message.pk, content="changed")
        await scene.say("after")
        await scene.carry()
        assert late.holds(message.connection.uid) == ["after"]
        assert len(late.asked) == 1


async def test_a_private_address_is_not_asked_unless_it_is_allowed(scene: Scene) -> None:
    scene.wiring.settings.WEBHOOK_ALLOWED_NETWORKS = ["10.0.0.0/8"]
    await scene.say("a secret")
    await scene.carry()
    assert scene.receiver.asked == []
    line = await db(Endpoint.objects.get)
    assert "127.0.0.1 is not a public address" in line.trouble


async def test_a_name_that_leads_elsewhere_since_it_was_looked_at_is_not_asked(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It named a public address in the form; when it is used it names one of ours."""
    looked_up: list[str] = []

    def rebound(host: str, port: int, *_: Any, **__: Any) -> list[Any]:
        looked_up.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", scene.receiver.port))]

    monkeypatch.setattr(socket, "getaddrinfo", rebound)
    url = f"http://rebound.example:{scene.receiver.port}/hook"
    await db(Webhook.objects.update, url=url)
    scene.wiring.settings.WEBHOOK_ALLOWED_NETWORKS = ["10.0.0.0/8"]
    await scene.say("a secret")
    await scene.carry()
    assert "rebound.example" in looked_up
    assert scene.receiver.asked == []

    scene.wiring.settings.WEBHOOK_ALLOWED_NETWORKS = ["127.0.0.1/32"]
    await scene.carry()
    assert len(scene.receiver.taken) == 1


async def test_a_certificate_that_nobody_vouches_for_is_not_trusted(scene: Scene, tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(self_signed(tmp_path))
    async with Receiver(secret=scene.webhook.secret, tls=context) as encrypted:
        await db(Webhook.objects.update, url=encrypted.url)
        await scene.say("a secret")
        await scene.carry()
        assert encrypted.asked == []
    assert "certificate" in (await db(Endpoint.objects.get)).trouble.lower()


async def test_a_proxy_of_the_environment_is_not_used(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    async with Receiver() as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        await scene.say("direct")
        await scene.carry()
        assert proxy.asked == []
    assert len(scene.receiver.taken) == 1


async def test_both_secrets_sign_for_a_day_after_a_new_one_was_made(scene: Scene) -> None:
    webhook = await db(Webhook.objects.get)
    webhook.rotate()
    await db(webhook.save)
    # The receiver still has the old one.
    await scene.say("one")
    await scene.carry()
    scene.receiver.secret = webhook.secret
    await scene.say("two")
    await scene.carry()
    assert len(scene.receiver.taken) == 2
    await db(Webhook.objects.update, previous_until=timezone.now())
    await scene.say("three")
    await scene.carry()
    signatures = [each.headers["webhook-signature"].split(" ") for each in scene.receiver.taken]
    assert [len(each) for each in signatures] == [2, 2, 1]


async def test_one_that_hangs_leaves_room_for_the_others(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More conversations than lines that are worked at once: all of them would wait for the one that hangs."""
    # However slow the machine is: nobody gives up.
    monkeypatch.setattr(sending, "ANSWER_WITHIN", 600)
    monkeypatch.setattr("bridge.delivery.outbox.ANSWER_WITHIN", 600)
    async with Receiver() as quick:
        await add(scene.wiring.inbox, quick, name="Quick")
        scene.receiver.trouble = "hang"
        for _ in range(25):
            await scene.say("hello", visitor=uuid.uuid4())
        database = DatabaseThreads("test", threads=1)
        outbox = Outbox(scene.service, clock=Clock(), database=database)
        running = asyncio.create_task(outbox.run())
        try:
            await eventually(lambda: len(quick.taken) == 25, "the quick one heard everything")
            # One or two may be planned before it is known that another has begun.
            assert 0 < len(scene.receiver.asked) <= AT_ONCE + 2
        finally:
            scene.receiver.let_go()
            await outbox.stop()
            await running
            await database.close()
