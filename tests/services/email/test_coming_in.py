"""A visitor's answer by mail goes on in his conversation; nobody else's does, and no machine's."""

import base64
import hmac
import json
import time
import uuid
from hashlib import sha256
from io import BytesIO
from typing import Any
from urllib.parse import urlencode

import pytest
from asgiref.sync import sync_to_async
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from bridge.chat.actions import close_connection
from bridge.models import (
    Attachment,
    Block,
    Connection,
    Contact,
    Delivery,
    Inbox,
    Message,
    Participant,
    RefusedMail,
)
from bridge.services.email import providers
from bridge.services.email.codes import Purpose, code_for, read_code
from bridge.services.email.words import CUT, LONGEST, ONLY_QUOTE
from tests.files.pictures import png
from tests.services.email.cast import ADDRESS, Cast
from tests.services.email.server import html_of, text_of
from tests.time_machine import db

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
def by_form(text: str) -> HttpResponse:
    return Client().post(MAILGUN, text, "application/x-www-form-urlencoded")


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


def bytes_of(attachment: Attachment) -> bytes:
    with attachment.file.open() as file:
        data: bytes = file.read()
    return data


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
        "",
    ):
        response = await by_mailgun(form(connection, recipient=recipient))
        assert (response.status_code, json.loads(response.content)) == (406, {"outcome": "nobodys"})
    assert await said(connection) == await said(theirs) == []
    # With her own code she writes to her own conversation, and under nobody else's name.
    await by_mailgun(form(connection, recipient=reply_to(theirs)))
    assert await said(connection) == []
    assert await said(theirs) == [
        f"(From {ADDRESS}, which is not the address that the visitor left.)\n\nThe blue one."
    ]
    # The others are in no conversation, and staff can read them.
    kept = await db(lambda: list(RefusedMail.objects.values_list("reason", "connection", "content")))
    assert set(kept) == {("nobodys", None, "The blue one.\n\n> Which one?")}


async def test_from_another_address_it_is_taken_and_says_so(cast: Cast, connection: Connection) -> None:
    """Its code proves that whoever sent it had the visitor's mail; what they wrote is not theirs for certain."""
    assert (await by_mailgun(form(connection) | {"from": "Vera <vera@work.example>"})).status_code == 200
    (text,) = await said(connection)
    assert (
        text == "(From vera@work.example, which is not the address that the visitor left.)\n\nThe blue one."
    )
    reader = await db(Participant.objects.get, connection=connection, visitor=connection.visitor)
    assert reader.read_seq == 0
    # What is missed goes where it went before.
    await cast.staff_write(connection, "Thank you")
    await cast.carry()
    assert {mail["To"] for mail in cast.mailbox.mails} == {ADDRESS}


async def test_after_the_address_was_taken_back_an_answer_still_arrives(connection: Connection) -> None:
    await db(Contact.objects.all().delete)
    assert (await by_mailgun(form(connection))).status_code == 200
    assert len(await said(connection)) == 1


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
async def test_a_machines_answer_is_no_answer_and_gets_none(
    cast: Cast, connection: Connection, headers: dict[str, str]
) -> None:
    before = cast.mailbox.copies
    for _ in range(3):
        response = await by_mailgun(form(connection, "I am away.", headers=headers))
        assert (response.status_code, json.loads(response.content)) == (200, {"outcome": "automatic"})
    # Staff learn of it, once a day, and find each; the machine gets no answer.
    assert await said(connection) == [
        "✉ An e-mail was not accepted: sent automatically. It begins: “I am away. > Which one?”"
    ]
    assert await db(RefusedMail.objects.filter(reason="automatic", connection=connection).count) == 3
    assert cast.mailbox.copies == before


async def test_what_a_person_sends_with_auto_submitted_no_is_taken(connection: Connection) -> None:
    await by_mailgun(form(connection, headers={"Auto-Submitted": "no"}))
    assert await said(connection) == ["The blue one."]


async def test_a_bounce_is_told_to_staff_and_never_answered(cast: Cast, connection: Connection) -> None:
    before = cast.mailbox.copies
    bounce = form(connection, "No such user") | {"from": "Mailer <MAILER-DAEMON@example.net>"}
    assert (await by_mailgun(bounce)).status_code == 200
    assert [text[:49] for text in await said(connection)] == [
        "✉ An e-mail was not accepted: sent automatically."
    ]
    assert cast.mailbox.copies == before


async def test_what_holds_on_the_page_holds_here_and_sender_and_staff_are_told(
    cast: Cast, connection: Connection
) -> None:
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
    (told,) = await said(connection)
    assert told.startswith("✉ An e-mail was not accepted: the sender is not allowed to write this.")
    assert [each.content for each in await db(lambda: list(RefusedMail.objects.order_by("pk")))] == [
        "Win the lottery!\n\n> Which one?", "The blue one.\n\n> Which one?", "The blue one.",
    ]  # fmt: skip
    # One notice a day, which a machine does not answer, and with nothing of what they wrote.
    _, notice = cast.mailbox.mails
    assert (notice["To"], notice["Auto-Submitted"]) == (ADDRESS, "auto-replied")
    assert "words or links" in notice.get_content()
    assert "lottery" not in notice.get_content()
    assert f"#conversation={connection.uid}" in notice.get_content()


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"from": "eve@example.net", "sender": "eve@example.net"}, 0),
        ({"from": "eve@example.net", "sender": "eve@example.net", "spf": ["Pass"]}, 1),
        ({"from": "victim@example.org", "sender": "eve@example.net", "spf": ["Pass"]}, 0),
        ({"from": "eve@example.net", "sender": "eve@example.net", "spf": ["Fail"]}, 0),
        # She wrote the one into her mail, the provider the other.
        ({"from": "eve@example.net", "sender": "eve@example.net", "spf": ["Pass", "Fail"]}, 0),
        ({"from": "", "sender": "", "spf": ["Pass"]}, 0),
    ],
)
async def test_only_a_sender_whose_server_vouches_for_them_is_told_that_nobody_reads_it(
    cast: Cast, connection: Connection, fields: dict[str, Any], told: int
) -> None:
    before = cast.mailbox.copies
    spf = [["X-Mailgun-Spf", value] for value in fields.pop("spf", [])]
    for _ in range(3):
        headers = json.dumps([["Message-Id", f"<{uuid.uuid4()}@example.net>"], *spf])
        mail = form(connection, recipient="hello@in.example.com") | fields | {"message-headers": headers}
        await by_mailgun(mail)
        await by_mailgun(mail | signed())
    assert cast.mailbox.copies - before == told
    assert await db(RefusedMail.objects.count) == 3


async def test_no_number_of_mails_for_nobody_fills_the_database(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bridge.services.email.refusing.MOST_STRAYS", 3)
    for _ in range(5):
        await by_mailgun(form(connection, recipient="hello@in.example.com"))
    await by_mailgun(form(connection, headers={"Auto-Submitted": "auto-replied"}))
    assert await db(RefusedMail.objects.filter(connection=None).count) == 3
    assert await db(RefusedMail.objects.exclude(connection=None).count) == 1


async def test_a_refused_mail_is_forgotten_after_a_month(connection: Connection) -> None:
    await by_mailgun(form(connection, recipient="hello@in.example.com"))
    await db(RefusedMail.objects.update, received_at=timezone.now() - timezone.timedelta(days=31))
    await by_mailgun(form(connection, recipient="hello@in.example.com"))
    assert await db(RefusedMail.objects.count) == 1


async def test_a_mail_server_that_is_away_keeps_no_mail_from_being_noted(
    cast: Cast, connection: Connection
) -> None:
    await cast.mailbox.stop()
    await db(Inbox.objects.update, blocked_words="lottery")
    assert (await by_mailgun(form(connection, "Win the lottery!"))).status_code == 200
    assert await db(RefusedMail.objects.count) == 1


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
    assert text == "The blue one.\n\n(Files that were not accepted: virus.exe)"
    kept = await db(Attachment.objects.get, message__service="email")
    assert (kept.name, kept.content_type, kept.width) == ("lamp.png", "image/png", 20)


async def test_a_file_of_theirs_that_is_called_like_ours_has_the_limits_of_the_inbox(
    connection: Connection,
) -> None:
    """Only what we write into `mail.txt` has none: the text of the mail itself."""
    await db(Inbox.objects.update, upload_types="image/png")
    file = {"Name": "mail.txt", "Content": base64.b64encode(b"a text").decode(), "ContentType": "text/plain"}
    await by_postmark(inbound(connection, Attachments=[file]))
    assert await said(connection) == ["The blue one.\n\n(Files that were not accepted: mail.txt)"]


async def test_a_mail_without_plain_text_is_read_too(connection: Connection) -> None:
    html = "<p>The <b>blue</b> one.</p><blockquote>Which one?</blockquote>"
    await by_postmark(inbound(connection, TextBody="", HtmlBody=html))
    assert await said(connection) == ["The blue one."]


async def test_words_that_only_the_html_has_are_read(connection: Connection) -> None:
    text = "This mail needs a program that shows HTML."
    await by_postmark(inbound(connection, text, HtmlBody="<p>The blue one.</p>"))
    await by_postmark(inbound(connection, "*Blue*, please.", HtmlBody="<p><b>Blue</b>, please.</p>"))
    assert await said(connection) == ["The blue one.", "*Blue*, please."]


async def test_what_the_provider_takes_for_the_answer_hides_nothing(connection: Connection) -> None:
    whole = {"body-plain": "Hello,\n\n> Which one?\n\nThe blue one.", "stripped-text": "Hello,"}
    await by_mailgun(form(connection) | whole)
    assert await said(connection) == ["Hello,\n\nThe blue one."]


async def test_our_own_mail_in_an_answer_is_left_out_however_it_is_quoted(
    cast: Cast, connection: Connection
) -> None:
    mail = cast.mailbox.mails[0]
    text, html = text_of(mail), html_of(mail)
    headers = "Von: Chat <chat@example.com>\nGesendet: Sonntag\nAn: Vera\nBetreff: Antwort"
    bare = f"One.\n\n________________________________\n{headers}\n\n{text}\n\nTwo."
    await by_postmark(inbound(connection, bare))
    await by_postmark(inbound(connection, "", HtmlBody=f"<p>One.</p><hr>{html}<p>Two.</p>"))
    quote = "\n".join(f"> {line}" for line in text.splitlines())
    await by_mailgun(form(connection) | {"body-plain": f"{quote}\n\nOne.\n\nTwo."})
    assert await said(connection) == ["One.\n\nTwo."] * 3


async def test_an_answer_of_any_length_is_taken_in_order(connection: Connection) -> None:
    words = " ".join(f"word{n}" for n in range(1500))
    await by_postmark(inbound(connection, words))
    texts = await said(connection)
    assert len(texts) == 4
    assert max(map(len, texts)) <= 4000
    assert " ".join(texts) == words


@pytest.mark.parametrize("provider", ["mailgun", "mailgun with a file", "postmark"])
async def test_a_mail_of_megabytes_is_taken_and_all_of_it_is_in_a_file(
    connection: Connection, provider: str
) -> None:
    words = "".join(f"<p>word{n} &amp; more</p>" for n in range(150_000))
    assert len(words) > 3_000_000
    if provider == "postmark":
        response = await by_postmark(inbound(connection, "", HtmlBody=words))
    else:
        fields = form(connection) | {"body-plain": "", "body-html": words}
        if provider == "mailgun":
            # As it is forwarded where it has no files.
            response = await by_form(urlencode(fields))
        else:
            response = await by_mailgun(fields | {"attachment-1": BytesIO(png(20, 10))})
    assert response.status_code == 200
    texts = await said(connection)
    assert sum(map(len, texts)) < LONGEST + len(CUT) + 10
    assert texts[0].startswith("word0 & more\nword1 & more\n")
    assert texts[-1] == CUT
    kept = await db(lambda: list(Attachment.objects.filter(message__service="email").order_by("pk")))
    assert kept[0].name == "mail.txt"
    assert b"word149999 & more" in await db(bytes_of, kept[0])
    assert len(kept) == (2 if provider == "mailgun with a file" else 1)


async def test_control_characters_are_left_out(connection: Connection) -> None:
    await by_postmark(inbound(connection, "a\x00b\x1b[2Jc"))
    assert await said(connection) == ["ab[2Jc"]


async def test_more_files_than_a_message_takes_are_several_messages(connection: Connection) -> None:
    picture = base64.b64encode(png(20, 10)).decode()
    attached = [{"Name": f"{n}.png", "Content": picture, "ContentType": "image/png"} for n in range(12)]
    await by_postmark(inbound(connection, Attachments=attached))
    assert await said(connection) == ["The blue one.", ""]
    assert await db(Attachment.objects.filter(message__service="email").count) == 12


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"TextBody": "> Which one?\n"}, f"{ONLY_QUOTE}\n\n> Which one?"),
        ({"TextBody": "", "Subject": "The blue one!"}, "The blue one!"),
        ({"TextBody": "", "Subject": "Re: The shop: an answer for you"}, "(An empty e-mail.)"),
        ({"TextBody": "\x00 \n"}, "(An empty e-mail.)"),
    ],
)
async def test_a_mail_in_which_nothing_is_found_is_taken_all_the_same(
    connection: Connection, fields: dict[str, str], text: str
) -> None:
    response = await by_postmark(inbound(connection, **fields))
    assert json.loads(response.content) == {"outcome": "taken"}
    assert await said(connection) == [text]


async def test_the_same_long_mail_twice_is_there_once(connection: Connection) -> None:
    same = inbound(connection, "word " * 2000, headers={"Message-ID": "<once@example.net>"})
    assert [json.loads((await by_postmark(same)).content)["outcome"] for _ in range(2)] == ["taken", "known"]
    assert len(await said(connection)) == 3


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
        raise providers.redis.RedisError

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
    assert "Unsubscribe from" in page.content.decode()
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


@pytest.mark.parametrize(
    "changed",
    [
        {"recipient": "reply+x@in.example.com"},
        {"from": "Mallory <mallory@example.net>"},
        {"body-plain": "Refund me."},
        {"body-html": "<p>Refund me.</p>"},
        {"stripped-text": "Refund me."},
        {"subject": "Another"},
        {"message-headers": json.dumps([["Message-Id", "<another@example.net>"]])},
        {"anything": "else"},
        {"attachment-1": "a file"},
    ],
)
async def test_a_signature_that_was_seen_carries_no_other_mail(
    connection: Connection, changed: dict[str, Any]
) -> None:
    """The same again is no harm: Mailgun brings a mail again that was not answered in time."""
    first = form(connection, subject="Lamp")
    assert (await by_mailgun(first)).status_code == 200
    assert (await by_mailgun(first)).status_code == 200
    if changed == {"attachment-1": "a file"}:
        changed = {"attachment-1": BytesIO(b"a file")}
    assert (await by_mailgun(first | changed)).status_code == 406
    assert await said(connection) == ["The blue one."]


@pytest.mark.parametrize("change", ["time", "token", "parted", "digits", "padded", "odd", "none"])
async def test_a_signature_counts_for_its_own_time_and_token_alone(
    connection: Connection, change: str
) -> None:
    mail = form(connection)
    mail |= signed(token="7" + uuid.uuid4().hex)
    stamp, token = mail["timestamp"], mail["token"]
    mail |= {
        "time": {"timestamp": str(int(stamp) + 1)},
        "token": {"token": token[:-1]},
        "parted": {"timestamp": stamp + token[0], "token": token[1:]},
        "digits": {"timestamp": stamp.translate({ord("0") + n: 0x0660 + n for n in range(10)})},
        "padded": {"timestamp": f" {stamp}"},
        "odd": {"signature": mail["signature"] + "é"},
        "none": {"signature": ""},
    }[change]
    assert (await by_mailgun(mail)).status_code == 406
    assert await said(connection) == []


HALF = "half \ud83d a pair"


@pytest.mark.parametrize(
    "fields",
    [
        {"TextBody": HALF},
        {"TextBody": "", "HtmlBody": f"<p>{HALF}</p>"},
        {"FromFull": {"Email": HALF}},
        {"OriginalRecipient": HALF},
        {"MessageID": HALF},
        {"Subject": HALF},
        {"Date": HALF},
        {"headers": {HALF: HALF, "In-Reply-To": HALF, "References": HALF, "Received-SPF": HALF}},
        {"headers": {"Message-ID": HALF}},
        {"headers": {"Date": "Mon, 99 Foo 0000 99:99:99 +9999"}},
        {"Attachments": [{"Name": HALF, "Content": ""}]},
        {"Attachments": [{"Name": HALF, "Content": "é"}]},
        {"TextBody": {"deep": [[]]}},
        {"TextBody": 5},
        {"HtmlBody": ["x"], "TextBody": ""},
        {"FromFull": {"Email": ["x"]}},
        {"Headers": [{"Name": 5, "Value": None}]},
        {"Headers": "Received"},
        {"ToFull": [{"Email": None}]},
        {"Attachments": {"Name": "x"}},
    ],
)
async def test_odd_values_of_a_signed_sender_are_no_fault_of_ours(
    connection: Connection, fields: dict[str, Any]
) -> None:
    """It is taken, or refused for good; nothing half a pair is stored."""
    answered = await by_postmark(inbound(connection, **fields))
    assert answered.status_code in {200, 403}
    for text in await said(connection):
        assert text.encode()


@pytest.mark.parametrize("deep", ['{"a":' * 100_000, "[" * 100_000, '{"Headers":' + "[" * 100_000])
async def test_what_is_nested_without_end_is_refused(connection: Connection, deep: str) -> None:
    assert (await by_postmark(deep.encode())).status_code == 403
    assert (await by_mailgun(form(connection) | {"message-headers": deep})).status_code == 406


@pytest.mark.parametrize(
    "value", ["Basic", "Basic é", "Basic ====", "Basic " + "A" * 9999, "Bearer x", "\xff\xfe", ""]
)
async def test_an_odd_password_is_refused(value: str) -> None:
    client = Client()
    answered = await sync_to_async(client.post)(
        POSTMARK, b"{}", "application/json", headers={"Authorization": value}
    )
    assert answered.status_code == 401
