"""A visitor's answer by mail goes on in his conversation; nobody else's does, and no machine's."""

import base64
import hmac
import json
import time
import uuid
from hashlib import sha256
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from bridge.actions import close_connection
from bridge.mail import providers
from bridge.mail.codes import Purpose, code_for, read_code
from bridge.mail.incoming import CUT, LONGEST
from bridge.models import Attachment, Block, Connection, Contact, Delivery, Inbox, Message, Participant
from tests.bot.stage import db
from tests.mail.cast import ADDRESS, Cast
from tests.web.files import png

KEY, SECRET = "mailgun's key", "postmark's secret"
MAILGUN, POSTMARK = "/services/email/mailgun/", "/services/email/postmark/"


@pytest.fixture(autouse=True)
def _keys(settings: Any) -> None:
    settings.MAILGUN_SIGNING_KEY, settings.POSTMARK_SECRET = KEY, SECRET


@pytest.fixture
async def connection(cast: Cast) -> Connection:
    """Staff asked something, and it was mailed."""
    connection = await cast.visitor_writes("hello?")
    await cast.leaves_address()
    await cast.staff_write(connection, "Which one?")
    await cast.carry()
    return connection


def reply_to(connection: Connection) -> str:
    return f"reply+{code_for(connection.uid, Purpose.REPLY)}@in.example.com"


def signed(*, key: str = KEY, at: float | None = None, token: str = "") -> dict[str, str]:
    stamp, token = str(int(at if at is not None else time.time())), token or uuid.uuid4().hex
    signature = hmac.new(key.encode(), f"{stamp}{token}".encode(), sha256).hexdigest()
    return {"timestamp": stamp, "token": token, "signature": signature}


def form(connection: Connection, text: str = "The blue one.", **fields: Any) -> dict[str, Any]:
    headers = {"Message-Id": f"<{uuid.uuid4().hex}@example.net>", **fields.pop("headers", {})}
    mail = {
        "recipient": reply_to(connection),
        "from": f"Vera <{ADDRESS}>",
        "body-plain": f"{text}\n\n> Which one?\n",
        "stripped-text": text,
        "message-headers": json.dumps(list(headers.items())),
    }
    return signed() | mail | fields


@sync_to_async
def by_mailgun(fields: dict[str, Any]) -> HttpResponse:
    return Client().post(MAILGUN, fields)


@sync_to_async
def by_postmark(body: Any, *, secret: str = SECRET) -> HttpResponse:
    basic = base64.b64encode(f"postmark:{secret}".encode()).decode()
    text = body if isinstance(body, bytes) else json.dumps(body)
    return Client().post(POSTMARK, text, "application/json", headers={"Authorization": f"Basic {basic}"})


def inbound(connection: Connection, text: str = "The blue one.", **fields: Any) -> dict[str, Any]:
    headers = {"Message-ID": f"<{uuid.uuid4().hex}@example.net>", **fields.pop("headers", {})}
    return {
        "FromFull": {"Email": ADDRESS, "Name": "Vera"},
        "ToFull": [{"Email": reply_to(connection), "Name": ""}],
        "OriginalRecipient": reply_to(connection),
        "MessageID": str(uuid.uuid4()),
        "TextBody": text,
        "HtmlBody": "",
        "StrippedTextReply": "",
        "Headers": [{"Name": name, "Value": value} for name, value in headers.items()],
        "Attachments": [],
    } | fields


async def said(connection: Connection) -> list[str]:
    found = Message.objects.filter(connection=connection, service="email").order_by("seq")
    return [each.content for each in await db(lambda: list(found))]


@pytest.mark.parametrize("provider", ["mailgun", "postmark"])
async def test_an_answer_joins_the_conversation_as_the_visitor(
    cast: Cast, connection: Connection, provider: str
) -> None:
    response = await (
        by_mailgun(form(connection)) if provider == "mailgun" else by_postmark(inbound(connection))
    )
    assert (response.status_code, json.loads(response.content)) == (200, {"outcome": "taken"})
    message = await db(Message.objects.select_related("author").get, service="email")
    assert (message.content, message.author.nick, message.author.role) == ("The blue one.", "Vera", "visitor")
    went = await db(lambda: list(message.deliveries.values_list("endpoint__service", flat=True)))
    assert went == ["elsewhere"]
    # Who answers it has read it.
    reader = await db(Participant.objects.get, connection=connection, visitor=connection.visitor)
    assert reader.read_seq == 0
    mail = cast.mailbox.mails[0]
    await by_mailgun(form(connection, "And a red one.", headers={"In-Reply-To": mail["Message-ID"]}))
    await db(reader.refresh_from_db)
    assert reader.read_seq == 2


async def test_the_same_mail_twice_is_one_message(connection: Connection) -> None:
    same = form(connection)
    again = same | signed()
    assert [(await by_mailgun(each)).status_code for each in (same, same, again)] == [200, 200, 200]
    assert await said(connection) == ["The blue one."]


async def test_a_closed_conversation_goes_on(connection: Connection) -> None:
    await db(close_connection, connection)
    await by_mailgun(form(connection))
    assert await said(connection) == ["The blue one."]
    assert (await db(Connection.objects.get, pk=connection.pk)).is_open


@pytest.mark.parametrize(
    "forged",
    [
        signed(key="another key"),
        signed() | {"signature": ""},
        signed(at=time.time() - 11 * 3600),
        signed(at=time.time() + 11 * 3600),
        signed() | {"timestamp": "soon"},
        {"timestamp": "", "token": "", "signature": ""},
    ],
)
async def test_what_mailgun_did_not_sign_is_refused(connection: Connection, forged: dict[str, str]) -> None:
    response = await by_mailgun(form(connection) | forged)
    assert response.status_code == 406
    assert await said(connection) == []


async def test_a_signature_that_was_seen_signs_no_other_mail(connection: Connection) -> None:
    first = form(connection)
    await by_mailgun(first)
    stolen = form(connection, "Send it to Eve.") | {name: first[name] for name in signed()}
    assert (await by_mailgun(stolen)).status_code == 406
    assert await said(connection) == ["The blue one."]


async def test_the_secret_in_postmarks_address_must_be_ours(connection: Connection) -> None:
    for secret in ("", "another"):
        assert (await by_postmark(inbound(connection), secret=secret)).status_code == 401
    plain = await sync_to_async(Client().post)(POSTMARK, "{}", "application/json")
    assert plain.status_code == 401
    assert await said(connection) == []


async def test_without_a_key_there_is_no_such_address(connection: Connection, settings: Any) -> None:
    settings.MAILGUN_SIGNING_KEY = settings.POSTMARK_SECRET = ""
    assert (await by_mailgun(form(connection) | signed(key=""))).status_code == 404
    assert (await by_postmark(inbound(connection), secret="")).status_code == 404


async def test_a_strangers_code_opens_nothing(cast: Cast, connection: Connection) -> None:
    stranger = uuid.uuid4()
    await cast.leaves_address("eve@example.net", visitor=stranger)
    theirs = await cast.visitor_writes("I listen", visitor=stranger)
    # Eve has a code of her own, knows Vera's address, and forges the sender.
    for recipient in (
        f"reply+{code_for(uuid.uuid4(), Purpose.REPLY)}@in.example.com",
        f"reply+{code_for(connection.uid, Purpose.STOP)}@in.example.com",
        f"reply+{connection.uid.hex}@in.example.com",
        "reply+@in.example.com",
        "reply@in.example.com",
        reply_to(theirs),
        "",
    ):
        response = await by_mailgun(form(connection, recipient=recipient))
        assert (response.status_code, json.loads(response.content)) == (406, {"outcome": "nobodys"})
    # With Vera's code, from her own address.
    response = await by_mailgun(form(connection) | {"from": "eve@example.net"})
    assert response.status_code == 406
    assert await said(connection) == await said(theirs) == []


async def test_the_case_of_addresses_makes_no_difference(connection: Connection) -> None:
    fields = {"recipient": reply_to(connection).upper(), "from": ADDRESS.upper()}
    assert (await by_mailgun(form(connection) | fields)).status_code == 200
    assert await said(connection) == ["The blue one."]


@pytest.mark.parametrize(
    "headers",
    [
        {"Auto-Submitted": "auto-replied"},
        {"Precedence": "bulk"},
        {"Precedence": "Auto_Reply"},
        {"X-Autoreply": "yes"},
        {"Return-Path": "<>"},
        {"List-Id": "<news.example.net>"},
    ],
)
async def test_a_machines_answer_is_dropped(connection: Connection, headers: dict[str, str]) -> None:
    response = await by_mailgun(form(connection, "I am away.", headers=headers))
    assert (response.status_code, json.loads(response.content)) == (200, {"outcome": "automatic"})
    assert await said(connection) == []


async def test_what_a_person_sends_with_auto_submitted_no_is_taken(connection: Connection) -> None:
    await by_mailgun(form(connection, headers={"Auto-Submitted": "no"}))
    assert await said(connection) == ["The blue one."]


async def test_a_bounce_is_dropped(connection: Connection) -> None:
    assert (
        await by_mailgun(form(connection) | {"from": "Mailer <MAILER-DAEMON@example.net>"})
    ).status_code == 200
    assert await said(connection) == []


async def test_what_holds_for_him_on_the_page_holds_here(cast: Cast, connection: Connection) -> None:
    await db(Inbox.objects.update, blocked_words="lottery")
    refused = {"outcome": "refused"}
    assert json.loads((await by_mailgun(form(connection, "Win the lottery!"))).content) == refused
    later = timezone.now() + timezone.timedelta(hours=1)
    him = Participant.objects.filter(visitor=cast.visitor)
    await db(him.update, muted_until=later)
    assert json.loads((await by_mailgun(form(connection))).content) == refused
    await db(him.update, muted_until=None)
    await db(Block.objects.create, inbox=cast.inbox, visitor=cast.visitor)
    assert json.loads((await by_postmark(inbound(connection))).content) == refused
    assert await said(connection) == []


async def test_his_files_are_kept_and_the_names_of_others_told(connection: Connection) -> None:
    picture = base64.b64encode(png(20, 10)).decode()
    attached = [
        {"Name": "lamp.png", "Content": picture, "ContentType": "image/png"},
        {
            "Name": "virus.exe",
            "Content": base64.b64encode(b"MZ\x00\x00").decode(),
            "ContentType": "text/plain",
        },
    ]
    await by_postmark(inbound(connection, Attachments=attached))
    (text,) = await said(connection)
    assert text == "The blue one.\n\n(Not taken: virus.exe)"
    kept = await db(Attachment.objects.get, message__service="email")
    assert (kept.name, kept.content_type, kept.width) == ("lamp.png", "image/png", 20)


async def test_a_mail_without_plain_text_is_read_too(connection: Connection) -> None:
    html = "<p>The <b>blue</b> one.</p><blockquote>Which one?</blockquote>"
    await by_postmark(inbound(connection, TextBody="", HtmlBody=html))
    assert await said(connection) == ["The blue one."]


async def test_control_characters_are_left_out_and_what_is_endless_is_cut(connection: Connection) -> None:
    await by_postmark(inbound(connection, "a\x00b\x1b[2Jc"))
    await by_postmark(inbound(connection, "x" * (LONGEST + 1)))
    short, long = await said(connection)
    assert short == "ab[2Jc"
    assert len(long) == LONGEST + 1 + len(CUT)
    assert long.endswith(CUT)


async def test_a_mail_that_says_nothing_is_nothing(connection: Connection) -> None:
    response = await by_postmark(inbound(connection, "> Which one?\n"))
    assert json.loads(response.content) == {"outcome": "empty"}


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b'{"FromFull": 3}', b'{"Headers": [1], "MessageID": "a"}', b"\xff\x00"],
)
async def test_what_nobody_can_read_is_not_asked_for_again(connection: Connection, body: bytes) -> None:
    assert (await by_postmark(body)).status_code == 403
    assert await said(connection) == []


@pytest.mark.parametrize("headers", ["", "{", "null", "3", "[1]", '["a"]'])
async def test_headers_that_are_none_are_not_asked_for_again(connection: Connection, headers: str) -> None:
    assert (await by_mailgun(form(connection) | {"message-headers": headers})).status_code == 406
    assert await said(connection) == []


async def test_while_redis_is_away_mailgun_is_asked_to_come_again(
    connection: Connection, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any) -> bool:
        raise providers.presence.redis.RedisError

    monkeypatch.setattr(providers, "_is_first", away)
    assert (await by_mailgun(form(connection))).status_code == 503


def test_codes_belong_to_one_conversation_and_one_purpose(settings: Any) -> None:
    one, other = uuid.uuid4(), uuid.uuid4()
    code = code_for(one, Purpose.REPLY)
    assert read_code(code, Purpose.REPLY) == read_code(code.upper(), Purpose.REPLY) == one
    assert read_code(code, Purpose.STOP) is None
    mixed = code_for(other, Purpose.REPLY)[:26] + code[26:]
    for wrong in (
        mixed,
        code[:-1],
        code + "a",
        "",
        "ü",
        "1" * 52,
        code[:-2] + ("a" if code[-2] != "a" else "b") + code[-1],
    ):
        assert read_code(wrong, Purpose.REPLY) is None
    old, settings.SECRET_KEY = settings.SECRET_KEY, "a new key"
    assert read_code(code, Purpose.REPLY) is None
    settings.SECRET_KEY_FALLBACKS = [old]
    assert read_code(code, Purpose.REPLY) == one


def get(path: str) -> HttpResponse:
    return Client().get(path)


async def test_looking_at_the_page_ends_nothing_and_its_button_does(
    cast: Cast, connection: Connection
) -> None:
    path = f"/services/email/stop/{code_for(connection.uid, Purpose.STOP)}/"
    page = await sync_to_async(get)(path)
    assert page.status_code == 200
    assert "No more mails" in page.content.decode()
    assert not (await db(Contact.objects.get)).email_stopped
    # As mail programs do, RFC 8058: without a cookie.
    client = Client(enforce_csrf_checks=True)
    done = await sync_to_async(client.post)(path, {"List-Unsubscribe": "One-Click"})
    assert done.status_code == 200
    assert (await db(Contact.objects.get)).email_stopped
    await cast.staff_write(connection, "still there?")
    before = cast.mailbox.copies
    await cast.carry()
    assert cast.mailbox.copies == before
    assert not await db(Delivery.objects.filter(endpoint__service="email", settled_at__isnull=True).exists)


async def test_a_strangers_code_ends_nobodys_mails(connection: Connection) -> None:
    for code in (code_for(connection.uid, Purpose.REPLY), code_for(uuid.uuid4(), Purpose.STOP), "x"):
        client = Client()
        assert (await sync_to_async(client.post)(f"/services/email/stop/{code}/")).status_code == 404
    assert not (await db(Contact.objects.get)).email_stopped
