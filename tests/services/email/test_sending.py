"""What a visitor missed reaches him by mail: once, together, and only where he wants it."""

import re
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.core.mail import EmailMultiAlternatives
from django.utils import timezone

from bridge import delivery
from bridge.chat import actions
from bridge.chat.actions.changing import delete_message, edit_message
from bridge.identity.contacts import stop_mails
from bridge.models import Contact, Delivery, Endpoint, Inbox, Message
from bridge.services.attempts import Attempt, attempting
from bridge.services.email.html import text_of_html
from bridge.services.email.sending import failure_to_open, failure_to_send
from bridge.services.email.service import EmailService
from bridge.services.requests import NOT_PERMITTED
from tests.services.email.cast import ADDRESS, Cast
from tests.services.email.server import html_of, text_of, use
from tests.time_machine import db

MINUTES = 60.0


async def test_what_nobody_read_for_a_while_goes_as_one_mail(cast: Cast) -> None:
    connection = await cast.visitor_writes("anybody there?")
    await cast.leaves_address()
    await cast.staff_write(connection, "Yes, here.")
    await cast.carry_now()
    assert cast.mailbox.mails == []
    cast.clock.advance(4 * MINUTES)
    await cast.staff_write(connection, "Which order is it?", nick="Kim")
    await cast.carry_now()
    assert cast.mailbox.mails == []
    cast.clock.advance(1 * MINUTES)
    await cast.carry_now()
    (mail,) = cast.mailbox.mails
    assert mail["To"] == ADDRESS
    assert mail["From"] == "The shop <chat@example.com>"
    assert mail["Subject"] == "The shop: an answer for you"
    assert mail["Auto-Submitted"] == "auto-generated"
    text = text_of(mail)
    assert (
        text.index("Sam, ")
        < text.index("Yes, here.")
        < text.index("Kim, ")
        < text.index("Which order is it?")
    )
    assert "anybody there?" not in text
    await cast.carry()
    assert cast.mailbox.copies == 1


async def test_what_he_has_read_is_not_sent(cast: Cast) -> None:
    connection = await cast.visitor_writes("hello?")
    await cast.leaves_address()
    first = await cast.staff_write(connection, "read on the page")
    await cast.staff_write(connection, "never seen")
    await cast.reads(connection, first.seq)
    await cast.carry()
    (mail,) = cast.mailbox.mails
    assert "never seen" in text_of(mail)
    assert "read on the page" not in text_of(mail)


async def test_who_reads_in_time_gets_none(cast: Cast) -> None:
    connection = await cast.visitor_writes("hello?")
    await cast.leaves_address()
    message = await cast.staff_write(connection, "read on the page")
    await cast.carry_now()
    await cast.reads(connection, message.seq)
    await cast.carry()
    assert cast.mailbox.copies == 0
    assert not await db(Delivery.objects.filter(settled_at__isnull=True, endpoint__service="email").exists)


async def test_without_an_address_nothing_waits_and_nothing_costs(cast: Cast) -> None:
    connection = await cast.visitor_writes("hello?")
    await cast.staff_write(connection, "an answer")
    assert not await db(Endpoint.objects.filter(service="email").exists)


async def test_an_inbox_that_sends_no_mails_makes_no_places(cast: Cast) -> None:
    await db(Inbox.objects.update, email_after=0)
    await cast.leaves_address()
    await cast.visitor_writes("hello?")
    assert not await db(Endpoint.objects.filter(service="email").exists)


async def test_an_inbox_that_stops_lets_go_of_what_waits(cast: Cast) -> None:
    connection = await cast.visitor_writes("hello?")
    await cast.leaves_address()
    await cast.staff_write(connection, "an answer")
    await db(Inbox.objects.update, email_after=0)
    await cast.carry()
    assert cast.mailbox.copies == 0
    assert not await db(Delivery.objects.filter(settled_at__isnull=True, endpoint__service="email").exists)


async def test_a_strangers_address_gets_nothing_of_it(cast: Cast) -> None:
    stranger = uuid.uuid4()
    await cast.leaves_address("eve@example.net", visitor=stranger)
    await cast.visitor_writes("I listen", visitor=stranger)
    connection = await cast.visitor_writes("hello?")
    await cast.leaves_address()
    await cast.staff_write(connection, "between us")
    await cast.carry()
    (mail,) = cast.mailbox.mails
    assert mail["To"] == ADDRESS


async def test_mails_of_a_conversation_are_one_thread_that_can_be_answered_and_ended(cast: Cast) -> None:
    connection = await cast.visitor_writes("hello?")
    await cast.leaves_address()
    for text in ("one", "two", "three"):
        await cast.staff_write(connection, text)
        await cast.carry()
    first, second, third = cast.mailbox.mails
    assert len({mail["Subject"] for mail in cast.mailbox.mails}) == 1
    assert (first["In-Reply-To"], first["References"]) == (None, None)
    assert second["In-Reply-To"] == first["Message-ID"]
    assert third["References"].split() == [first["Message-ID"], second["Message-ID"]]
    assert first["Reply-To"].startswith("reply+")
    assert first["Reply-To"].endswith("@in.example.com")
    assert len(first["Reply-To"].partition("@")[0]) <= 64
    stop = first["List-Unsubscribe"].strip().strip("<>")
    assert stop.startswith("https://chat.example.com/services/email/stop/")
    assert first["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert stop in text_of(first)
    assert f'href="{stop}"' in html_of(first)


async def test_an_edit_goes_along_and_what_was_taken_back_does_not(cast: Cast) -> None:
    connection = await cast.visitor_writes("hello?")
    await cast.leaves_address()
    edited = await cast.staff_write(connection, "it costs 10")
    taken = await cast.staff_write(connection, "oops")
    await db(edit_message, edited.pk, content="it costs 12")
    await db(delete_message, taken.pk)
    await cast.carry()
    (mail,) = cast.mailbox.mails
    assert "it costs 12" in text_of(mail)
    assert "it costs 10" not in text_of(mail)
    assert "oops" not in text_of(mail)
    await db(edit_message, edited.pk, content="it costs 13")
    await cast.carry()
    assert cast.mailbox.copies == 1


async def test_nothing_in_a_message_becomes_html_or_a_header(cast: Cast) -> None:
    await db(Inbox.objects.update, title="Shop\r\nBcc: eve@example.net", email_from="")
    connection = await cast.visitor_writes("hello?")
    await cast.leaves_address()
    await cast.staff_write(
        connection, "<script>alert(1)</script> & <b>bold</b>", nick="<i>Sam</i>\nX-Evil: 1"
    )
    await cast.carry()
    (mail,) = cast.mailbox.mails
    html = html_of(mail)
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; &lt;b&gt;bold&lt;/b&gt;" in html
    assert "<script" not in html
    assert "<i>Sam" not in html
    assert mail["Bcc"] is None
    assert mail["X-Evil"] is None
    assert mail["Subject"] == "Shop Bcc: eve@example.net: an answer for you"


async def test_a_mail_reads_markdown_as_the_page_does_and_says_the_same_twice(cast: Cast) -> None:
    await db(Inbox.objects.update, name="sales")
    connection = await cast.visitor_writes("hello?")
    await cast.leaves_address()
    await cast.staff_write(
        connection,
        "# News\nYour **parcel**: [tracking](https://track.example/a?b=1&c=2), by <t:1700000000:f> "
        "<:wave:118000000000000041>\n- ||the surprise||\n> quoted\n```\n<code>\n```",
    )
    await cast.carry()
    (mail,) = cast.mailbox.mails
    text, html = text_of(mail), html_of(mail)
    assert (
        "Your parcel: tracking <https://track.example/a?b=1&c=2>, by 14 November 2023, 22:13 UTC :wave:"
        in text
    )
    assert '<a href="https://track.example/a?b=1&amp;c=2"' in html
    assert ">tracking</a> (track.example), by 14 November 2023, 22:13 UTC :wave:" in html
    assert "<strong>parcel</strong>" in html
    assert "&lt;code&gt;" in html
    for form in (text, html):
        assert "surprise" not in form
        assert "▒▒▒" in form
        assert "**" not in form
        assert f"https://chat.example.com/?inbox=sales#conversation={connection.uid}" in form
    # Nothing is loaded from anywhere, and both forms have the same words.
    assert not re.search(r"<(?:img|link|script|iframe|video)|url\(|@import", html)
    words = [set(re.sub(r"https?://\S+|\W+", " ", each).split()) for each in (text, text_of_html(html))]
    assert words[0] ^ words[1] <= {"track", "example"}


async def test_the_visitors_own_words_are_in_no_mail(cast: Cast) -> None:
    """Else our server would send what anybody wants to whatever address he names."""
    connection = await cast.visitor_writes("Buy pills at https://evil.example")
    await cast.leaves_address()
    await cast.staff_write(connection, "No, thank you.")
    await cast.carry()
    (mail,) = cast.mailbox.mails
    assert "evil.example" not in str(mail)
    assert "Vera" not in str(mail)


async def test_who_ended_them_gets_none_until_he_leaves_an_address_again(cast: Cast) -> None:
    connection = await cast.visitor_writes("hello?")
    await cast.leaves_address()
    await cast.staff_write(connection, "one")
    await db(stop_mails, cast.inbox.pk, cast.visitor)
    await cast.carry()
    assert cast.mailbox.copies == 0
    await cast.leaves_address("vera@elsewhere.example")
    await cast.staff_write(connection, "two")
    await cast.carry()
    (mail,) = cast.mailbox.mails
    assert mail["To"] == "vera@elsewhere.example"
    assert "one" not in text_of(mail).replace("someone", "").replace("no more", "").split()


async def test_an_address_that_is_refused_shows_with_the_reason_and_nothing_else_waits(cast: Cast) -> None:
    connection = await cast.visitor_writes("hello?")
    await cast.leaves_address()
    cast.mailbox.rcpt = "550 5.1.1 No such user here"
    message = await cast.staff_write(connection, "an answer")
    await cast.carry()
    failed = await db(Delivery.objects.get, message=message, endpoint__service="email")
    assert (failed.outcome, failed.reason) == ("failed", "address_refused")
    assert failed.detail == "550 5.1.1 No such user here"
    # The visitor has it on his page: it has not failed for him.
    assert (await db(Message.objects.get, pk=message.pk)).state == Message.State.DELIVERED


async def test_an_outage_is_waited_out(cast: Cast) -> None:
    connection = await cast.visitor_writes("hello?")
    await cast.leaves_address()
    await cast.mailbox.stop()
    await cast.staff_write(connection, "an answer")
    await cast.carry()
    trouble = await db(Endpoint.objects.get, service="email")
    assert trouble.trouble.startswith("The mail server cannot be reached")
    await cast.mailbox.start()
    await cast.carry()
    assert len(cast.mailbox.mails) == 1


@pytest.mark.parametrize("cut", ["before", "after"])
async def test_a_mail_of_unknown_fate_is_sent_again_as_the_same_mail(cast: Cast, cut: str) -> None:
    connection = await cast.visitor_writes("hello?")
    await cast.leaves_address()
    cast.mailbox.cut = cut
    await cast.staff_write(connection, "an answer")
    cast.clock.advance(6 * MINUTES)
    await cast.carry_now()
    cast.mailbox.cut = None
    await cast.carry()
    assert len(cast.mailbox.mails) == 1
    assert cast.mailbox.copies == {"before": 1, "after": 2}[cut]


async def test_a_file_is_named_with_a_link_that_opens_it(cast: Cast) -> None:
    connection = await cast.visitor_writes("hello?")
    await cast.leaves_address()
    file = actions.copying.RemoteFile("9", "invoice <1>.pdf", "https://cdn.example.com/x", size=10)
    await cast.staff_write(connection, "", files=(file,))
    await cast.carry()
    (mail,) = cast.mailbox.mails
    assert "[invoice <1>.pdf] https://chat.example.com/files/" in text_of(mail)
    assert "invoice &lt;1&gt;.pdf</a>" in html_of(mail)


async def test_a_new_conversation_of_somebody_known_has_its_place_at_once(cast: Cast) -> None:
    await cast.leaves_address()
    connection = await cast.visitor_writes("hello?")
    place = await db(Endpoint.objects.get, connection=connection, service="email")
    assert place.remote_id == str(connection.uid)


def test_each_answer_of_a_server_means_what_it_should() -> None:
    import smtplib

    cases: list[tuple[Exception, str, bool, bool]] = [
        (smtplib.SMTPRecipientsRefused({"a": (550, b"no")}), "address_refused", True, True),
        (smtplib.SMTPRecipientsRefused({"a": (451, b"later")}), "address_refused", False, True),
        (smtplib.SMTPSenderRefused(530, b"login first", "b"), NOT_PERMITTED, False, True),
        (smtplib.SMTPSenderRefused(451, b"later", "b"), "mail_refused", False, True),
        (smtplib.SMTPDataError(554, b"spam"), "mail_refused", True, True),
        (smtplib.SMTPDataError(452, b"full"), "mail_refused", False, True),
        (smtplib.SMTPServerDisconnected("gone"), "broke_off", False, False),
        (TimeoutError("slow"), "broke_off", False, False),
    ]
    for error, reason, permanent, certain in cases:
        failure = failure_to_send(error)
        assert (failure.reason, failure.permanent, failure.certain) == (reason, permanent, certain), error
    login = failure_to_open(smtplib.SMTPAuthenticationError(535, b"bad"))
    assert (login.reason, login.permanent, login.certain) == (NOT_PERMITTED, False, True)


async def test_a_backend_of_somebody_elses_that_breaks_is_of_unknown_fate(cast: Cast, settings: Any) -> None:
    use(settings, backend="tests.services.email.test_sending.Odd")
    connection = await cast.visitor_writes("hello?")
    await cast.leaves_address()
    await cast.staff_write(connection, "an answer")
    cast.clock.advance(6 * MINUTES)
    service = EmailService()
    (line,) = await db(delivery.claim, "email", limit=1, clock=cast.clock)
    request = await db(delivery.plan, line, service=service, clock=cast.clock)
    with attempting(Attempt(clock=cast.clock, until=line.until)) as attempt, pytest.raises(RuntimeError):
        await service.perform(request)
    assert attempt.uncertain


class Odd:
    """Takes a mail, and says nothing but that something went wrong."""

    def __init__(self, **options: Any) -> None:
        pass

    def open(self) -> None:
        pass

    def close(self) -> None:
        pass

    def send_messages(self, mails: list[EmailMultiAlternatives]) -> int:
        raise RuntimeError("an API error")


async def test_a_contact_that_is_gone_sends_nothing(cast: Cast) -> None:
    connection = await cast.visitor_writes("hello?")
    await cast.leaves_address()
    await cast.staff_write(connection, "an answer")
    await db(Contact.objects.all().delete)
    await cast.carry()
    assert cast.mailbox.copies == 0


async def test_what_was_written_long_ago_is_not_held_any_longer(cast: Cast) -> None:
    connection = await cast.visitor_writes("hello?")
    await cast.leaves_address()
    message = await cast.staff_write(connection, "written while nobody looked")
    await db(Message.objects.filter(pk=message.pk).update, created_at=timezone.now() - timedelta(hours=1))
    await cast.carry_now()
    assert len(cast.mailbox.mails) == 1
