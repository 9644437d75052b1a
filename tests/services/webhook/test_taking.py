"""What webhooks bring in: each thing once, only where they belong, and only with a signature of just now."""

import json
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from bridge.chat.actions import Opening, Post, Posted, post_messages
from bridge.models import Connection, Inbox, Message, Participant, Webhook
from tests.services.webhook.webhooks import bring, post, signed

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("valkey_url")]

ADA = {"id": "1", "name": "Ada"}


@pytest.fixture
def inbox() -> Inbox:
    return Inbox.objects.get_or_create(name="default")[0]


@pytest.fixture
def webhook(inbox: Inbox) -> Webhook:
    return Webhook.objects.create(inbox=inbox, name="Ours", url="https://shop.example/hook")


@pytest.fixture
def question(webhook: Webhook) -> Message:
    """A visitor's first message, in a conversation that the webhook is in."""
    return ask(webhook.inbox)


def ask(inbox: Inbox, text: str = "Where is my parcel?") -> Message:
    opening = Opening(inbox=inbox.pk, visitor=uuid.uuid4(), nick="Brave Otter")
    (posted,) = post_messages([Post(opening=opening, content=text)])
    assert isinstance(posted, Posted)
    return Message.objects.select_related("connection").get(pk=posted.id)


def answer(question: Message, **changed: Any) -> dict[str, Any]:
    return {
        "type": "message.send",
        "connection": str(question.connection.uid),
        "id": "a-1",
        "content": "On its way!",
        "author": ADA,
    } | changed


def said(question: Message) -> list[str]:
    found = Message.objects.filter(connection=question.connection).order_by("seq")
    return list(found.values_list("content", flat=True))


def refusal(response: Any) -> tuple[int, str]:
    return response.status_code, json.loads(response.content)["error"]["code"]


def test_an_answer_is_staffs(webhook: Webhook, question: Message) -> None:
    response = bring(webhook, answer(question, reply_to=str(question.uid)))

    assert response.status_code == 200
    message = Message.objects.get(content="On its way!")
    assert json.loads(response.content)["message"]["uid"] == str(message.uid)
    assert message.author is not None
    assert (message.author.nick, message.author.role, message.service) == ("Ada", "staff", "webhook")
    assert not message.deliveries.filter(endpoint__service="webhook").exists()


def test_the_same_again_is_the_same(webhook: Webhook, question: Message) -> None:
    first = bring(webhook, answer(question))
    again = bring(webhook, answer(question, content="something else"))

    assert again.status_code == 200
    assert json.loads(again.content)["message"]["uid"] == json.loads(first.content)["message"]["uid"]
    assert said(question) == ["Where is my parcel?", "On its way!"]


def test_a_request_that_is_sent_again_by_somebody_else_changes_nothing(
    webhook: Webhook, question: Message
) -> None:
    bring(webhook, answer(question))
    edits = []
    for number, text in enumerate(["Tomorrow", "Today"]):
        at = datetime.now(UTC) + timedelta(microseconds=number)
        edit = {
            "type": "message.edit",
            "connection": str(question.connection.uid),
            "id": "a-1",
            "content": text,
        }
        body = json.dumps(edit | {"timestamp": at.isoformat()}).encode()
        edits.append((body, signed(webhook.secret, body)))
        assert post(webhook, *edits[-1]).status_code == 200
    replayed = post(webhook, *edits[0])

    assert json.loads(replayed.content) == {"changed": False}
    assert said(question) == ["Where is my parcel?", "Today"]


def test_it_edits_and_deletes_what_it_said(webhook: Webhook, question: Message) -> None:
    bring(webhook, answer(question))
    uid = str(question.connection.uid)
    edit = {"type": "message.edit", "connection": uid, "id": "a-1", "content": "Tomorrow."}
    assert bring(webhook, edit | {"timestamp": datetime.now(UTC).isoformat()}).status_code == 200
    assert said(question)[-1] == "Tomorrow."
    delete = {"type": "message.delete", "connection": uid, "id": "a-1"}
    assert json.loads(bring(webhook, delete).content) == {"changed": True}
    assert json.loads(bring(webhook, delete).content) == {"changed": False}
    assert said(question)[-1] == ""


def test_a_deletion_that_overtakes_its_message_counts(webhook: Webhook, question: Message) -> None:
    delete = {"type": "message.delete", "connection": str(question.connection.uid), "id": "a-1"}
    bring(webhook, delete)
    assert json.loads(bring(webhook, answer(question)).content) == {"message": None}
    assert said(question) == ["Where is my parcel?"]


def test_what_it_never_said_it_cannot_edit(webhook: Webhook, question: Message) -> None:
    edit = {"type": "message.edit", "connection": str(question.connection.uid), "content": "I am fine"}
    for target in ("unknown", str(question.uid)):
        given = edit | {"id": target, "timestamp": datetime.now(UTC).isoformat()}
        assert refusal(bring(webhook, given)) == (404, "not_found")
    assert said(question) == ["Where is my parcel?"]


def test_it_closes_a_conversation_and_an_answer_opens_it_again(webhook: Webhook, question: Message) -> None:
    close = {"type": "connection.close", "connection": str(question.connection.uid)}
    assert json.loads(bring(webhook, close).content) == {"changed": True}
    assert json.loads(bring(webhook, close).content) == {"changed": False}
    assert not Connection.objects.get().is_open
    bring(webhook, answer(question))
    assert Connection.objects.get().is_open


def test_a_room_it_cannot_close_and_a_closed_one_takes_nothing(webhook: Webhook, question: Message) -> None:
    Connection.objects.update(kind="room", visitor=None, slug="lobby")
    close = {"type": "connection.close", "connection": str(question.connection.uid)}
    assert refusal(bring(webhook, close)) == (403, "not_permitted")
    Connection.objects.update(state="closed")
    assert refusal(bring(webhook, answer(question))) == (409, "closed")


def test_two_webhooks_authors_are_two(webhook: Webhook, inbox: Inbox) -> None:
    other = Webhook.objects.create(inbox=inbox, name="Other", url="https://other.example/")
    question = ask(inbox)
    bring(webhook, answer(question))
    bring(other, answer(question, author={"id": "1", "name": "Grace"}))
    staff = Participant.objects.filter(connection=question.connection, role="staff").order_by("nick")
    assert [each.nick for each in staff] == ["Ada", "Grace"]


def test_a_webhook_of_another_inbox_does_not_get_in(webhook: Webhook, question: Message) -> None:
    strange = Inbox.objects.create(name="strange")
    stranger = Webhook.objects.create(inbox=strange, name="Stranger", url="https://stranger.example/")
    timestamp = datetime.now(UTC).isoformat()
    bring(webhook, answer(question))
    for what in (
        answer(question),
        {
            "type": "message.edit",
            "connection": str(question.connection.uid),
            "id": "a-1",
            "content": "No",
            "timestamp": timestamp,
        },
        {"type": "message.delete", "connection": str(question.connection.uid), "id": "a-1"},
        {"type": "message.delete", "connection": str(question.connection.uid), "id": str(question.uid)},
        {"type": "connection.close", "connection": str(question.connection.uid)},
    ):
        assert refusal(bring(stranger, what)) == (404, "not_found")
    nowhere = answer(question, connection=str(uuid.uuid4()))
    assert refusal(bring(webhook, nowhere)) == (404, "not_found")
    assert said(question) == ["Where is my parcel?", "On its way!"]
    assert Connection.objects.get().is_open


Forge = Callable[[Webhook, bytes], dict[str, str]]
FORGED: dict[str, Forge] = {
    "without headers": lambda webhook, body: {},
    "without a signature": lambda webhook, body: signed(webhook.secret, body) | {"webhook-signature": ""},
    "another secret": lambda webhook, body: signed("whsec_" + "A" * 44, body),
    "another body": lambda webhook, body: signed(webhook.secret, body + b" "),
    "another id": lambda webhook, body: signed(webhook.secret, body) | {"webhook-id": "msg_2"},
    "an id with a dot": lambda webhook, body: signed(webhook.secret, body, event="msg.1"),
    "another time": lambda webhook, body: (
        signed(webhook.secret, body) | {"webhook-timestamp": str(int(datetime.now(UTC).timestamp()) - 7)}
    ),
    "too old": lambda webhook, body: signed(
        webhook.secret, body, at=datetime.now(UTC) - timedelta(seconds=310)
    ),
    "too new": lambda webhook, body: signed(
        webhook.secret, body, at=datetime.now(UTC) + timedelta(seconds=310)
    ),
    "no time": lambda webhook, body: signed(webhook.secret, body) | {"webhook-timestamp": "now"},
    "other digits": lambda webhook, body: signed(webhook.secret, body) | {"webhook-timestamp": "²"},
    "another version": lambda webhook, body: {
        name: value.replace("v1,", "v1a,") for name, value in signed(webhook.secret, body).items()
    },
    "no base64": lambda webhook, body: signed(webhook.secret, body) | {"webhook-signature": "v1,%%%"},
    "too many before it": lambda webhook, body: {
        name: "v1,AAAA " * 20 + value if value.startswith("v1,") else value
        for name, value in signed(webhook.secret, body).items()
    },
}


@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED.keys())
def test_a_forged_request_is_refused(webhook: Webhook, question: Message, forge: Forge) -> None:
    body = json.dumps(answer(question)).encode()
    assert refusal(post(webhook, body, forge(webhook, body))) == (401, "not_identified")
    assert said(question) == ["Where is my parcel?"]


def test_a_webhook_that_does_not_exist_answers_like_a_wrong_signature(
    webhook: Webhook, question: Message
) -> None:
    body = json.dumps(answer(question)).encode()
    wrong = post(webhook, body, signed("whsec_" + "A" * 44, body))
    nobody = post(Webhook(uid=uuid.uuid4()), body, signed(webhook.secret, body))
    assert (nobody.status_code, nobody.content) == (wrong.status_code, wrong.content)


def test_one_that_was_switched_off_brings_nothing_in(webhook: Webhook, question: Message) -> None:
    Webhook.objects.update(enabled=False)
    assert refusal(bring(webhook, answer(question))) == (403, "not_permitted")


def test_the_secret_before_is_valid_for_a_day(webhook: Webhook, question: Message) -> None:
    before = webhook.secret
    webhook.rotate()
    webhook.save()
    for number, secret in enumerate((before, webhook.secret)):
        body = json.dumps(answer(question, id=f"a-{number}")).encode()
        assert post(webhook, body, signed(secret, body)).status_code == 200
    Webhook.objects.update(previous_until=timezone.now())
    body = json.dumps(answer(question, id="a-3")).encode()
    assert refusal(post(webhook, body, signed(before, body))) == (401, "not_identified")


@pytest.mark.parametrize(
    ("changed", "status", "code"),
    [
        ({"content": ""}, 422, "invalid_payload"),
        ({"content": "\u200b"}, 422, "invalid_payload"),
        ({"content": "a\x00b"}, 422, "invalid_payload"),
        ({"content": "\u202eevil"}, 422, "invalid_payload"),
        ({"content": "\ud800"}, 422, "invalid_payload"),
        ({"content": 7}, 422, "invalid_payload"),
        ({"content": "x" * 4001}, 413, "too_large"),
        ({"content": "x" * 70_000}, 413, "too_large"),
        ({"id": ""}, 422, "invalid_payload"),
        ({"id": 7}, 422, "invalid_payload"),
        ({"id": "x" * 201}, 422, "invalid_payload"),
        ({"id": "a\x00"}, 422, "invalid_payload"),
        ({"connection": "1"}, 422, "invalid_payload"),
        ({"author": {"id": "1", "name": ""}}, 422, "invalid_payload"),
        ({"author": {"id": "1", "name": "Ada", "role": "visitor"}}, 422, "invalid_payload"),
        ({"author": {"id": "1", "name": "Ada", "avatar": "javascript:alert(1)"}}, 422, "invalid_payload"),
        ({"author": None}, 422, "invalid_payload"),
        ({"service": "web"}, 422, "invalid_payload"),
        ({"type": "message.read"}, 422, "invalid_payload"),
        ({"timestamp": "2026-01-01T00:00:00"}, 422, "invalid_payload"),
    ],
)
def test_what_it_brings_obeys_the_rules_of_the_protocol(
    webhook: Webhook, question: Message, changed: dict[str, Any], status: int, code: str
) -> None:
    assert refusal(bring(webhook, answer(question, **changed))) == (status, code)
    assert said(question) == ["Where is my parcel?"]


@pytest.mark.parametrize("body", [b"[]", b"null", b"\xff", b"{", b'{"type": 1}'])
def test_what_is_no_command_is_refused(webhook: Webhook, body: bytes) -> None:
    event, at = "msg_1", datetime.now(UTC)
    headers = signed(webhook.secret, b"x", at=at, event=event)
    if body.isascii():
        headers = signed(webhook.secret, body, at=at, event=event)
    response = post(webhook, body, headers)
    assert response.status_code == (422 if body.isascii() else 401)


def test_what_is_said_in_the_future_was_said_now(webhook: Webhook, question: Message) -> None:
    ahead = (datetime.now(UTC) + timedelta(days=900)).isoformat()
    bring(webhook, answer(question, timestamp=ahead))
    assert Message.objects.latest("seq").created_at <= timezone.now()


def test_it_is_posted_and_nothing_else(webhook: Webhook) -> None:
    url = reverse("bridge:webhook:take", args=[webhook.uid])
    assert Client().get(url).status_code == 405
    assert Client().put(url).status_code == 405


HALF = "\\ud83d"
DEEP = "[" * 30_000


@pytest.mark.parametrize(
    "body",
    [
        f'{{"type": "message.send", "content": "{HALF}"}}',
        f'{{"type": "{HALF}"}}',
        f'{{"{HALF}": 1}}',
        f'{{"type": "message.send", "content": {DEEP}',
        DEEP,
        '{"a":' * 10_000,
        '{"type": "connection.close", "connection": 1e999}',
        '{"type": NaN}',
        '"\\u0000"',
        "\x00",
        "",
        "null",
        "5",
        "é",
    ],
)
def test_what_a_webhook_signs_may_be_odd_and_is_refused(webhook: Webhook, body: str) -> None:
    answered = post(webhook, body.encode(), signed(webhook.secret, body.encode()))
    assert 400 <= answered.status_code < 500
    assert answered.json()["error"]["code"] in {
        "invalid_payload",
        "invalid_frame",
        "unknown_command",
        "not_found",
        "too_large",
    }


@pytest.mark.parametrize("field", ["content", "id", "reply_to", "name", "avatar", "author id"])
def test_half_a_pair_is_refused_in_every_field(webhook: Webhook, question: Message, field: str) -> None:
    said_now = said(question)
    command = answer(question, **({field: "HERE"} if field in {"content", "id", "reply_to"} else {}))
    if field in {"name", "avatar", "author id"}:
        command["author"] = ADA | {field.removeprefix("author "): "HERE"}
    body = json.dumps(command).replace("HERE", HALF).encode()
    answered = post(webhook, body, signed(webhook.secret, body))
    assert answered.json()["error"]["code"] == "invalid_payload"
    assert said(question) == said_now


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
@pytest.mark.parametrize(
    "value", ["", "é", "\xff", "v1,é", "v1,====", "v1," * 5000, "-5", "9" * 400, "\u0661" * 10, " "]
)
def test_odd_headers_are_refused(webhook: Webhook, name: str, value: str) -> None:
    body = b'{"type": "connection.close"}'
    answered = post(webhook, body, {**signed(webhook.secret, body), name: value})
    assert answered.status_code == 401
