"""A conversation is shown as one, a page at a time, and nothing in it comes alive."""

import asyncio
import re
import uuid
from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from bridge.chat.actions import close_connection
from bridge.identity import tokens
from bridge.infra import redis
from bridge.models import (
    Attachment,
    Connection,
    Contact,
    Delivery,
    Endpoint,
    Inbox,
    Message,
    MessageVersion,
    Participant,
    Reaction,
    RevokedToken,
)
from bridge.presence.registry import Registry
from bridge.presence.rooms import announce
from bridge.presence.shared import Scope
from tests.seeding import seed


def url(connection: Connection, before: int | None = None) -> str:
    address = reverse("admin:bridge_connection_change", args=[connection.pk])
    return address if before is None else f"{address}?before={before}"


def text(client: Client, connection: Connection, before: int | None = None) -> str:
    response = client.get(url(connection, before))
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


def places(page: str) -> list[int]:
    return [int(seq) for seq in re.findall(r'id="message-(\d+)"', page)]


def test_it_shows_who_said_what_and_from_where(viewer: Client, conversation: Connection) -> None:
    page = text(viewer, conversation)

    for words in (
        "Brave Otter",
        "Where is my parcel?",
        "Anna",
        "On its way!",
        "Your cart",
        "de-AT",
        "Firefox on a phone",
        "1180000000000000777",
        "1180000000000000888",
        str(conversation.uid),
        conversation.code,
        ">Open<",
        'href="https://shop.example/cart"',
        'href="https://search.example/?q=shop"',
    ):
        assert words in page, words
    assert page.index("Where is my parcel?") < page.index("On its way!")


def test_pages_go_back_to_the_beginning(viewer: Client) -> None:
    seed(messages=120, connections=1)
    connection = Connection.objects.get()

    seen: list[int] = []
    before: int | None = None
    for _ in range(3):
        page = text(viewer, connection, before)
        seen = places(page) + seen
        older = re.search(r'rel="prev" href="\?before=(\d+)"', page)
        assert ("Newest messages" in page) == (before is not None)
        before = int(older[1]) if older else None

    assert seen == list(range(1, 121))
    assert before is None
    assert "The conversation begins here" in page


@pytest.mark.parametrize("before", ["x", "-1", "9" * 30, "٣", "1.5"])
def test_a_place_that_is_none_shows_the_newest(viewer: Client, conversation: Connection, before: str) -> None:
    response = viewer.get(url(conversation), {"before": before})

    assert places(response.content.decode()) == [1, 2]
    assert "This is not a position in this list." in response.content.decode()


def test_a_message_of_a_list_leads_to_its_place(viewer: Client) -> None:
    seed(messages=200, connections=1)
    message = Message.objects.get(seq=50)

    response = viewer.get(reverse("admin:bridge_message_change", args=[message.pk]))

    assert response.headers["Location"].endswith("#message-50")
    assert 50 in places(viewer.get(response.headers["Location"]).content.decode())


def test_edited_deleted_failed_and_missing_messages_say_so(viewer: Client, conversation: Connection) -> None:
    now = timezone.now()
    question, answer = conversation.messages.order_by("seq")
    Message.objects.filter(pk=question.pk).update(edited_at=now, state="failed", failure="refused")
    Message.objects.filter(pk=answer.pk).update(deleted_at=now, content="must not be shown")
    for seq, size in ((3, 7), (4, None), (5, 1)):
        Message.objects.create(connection=conversation, kind="gap", seq=seq, revision=seq, gap_size=size)
    Delivery.objects.create(
        message=question,
        endpoint=conversation.endpoints.get(),
        operation="post",
        revision=1,
        settled_at=now,
        outcome="failed",
        reason="blocked_by_automod",
        detail="Discord said: blocked",
    )

    page = text(viewer, conversation)

    assert f"edited {now.day} {now:%B %Y}" in page
    assert "A filter blocked the text: change it, then try again. (Discord said: blocked)" in page
    assert "Deleted" in page
    assert "must not be shown" not in page
    assert "7 messages are missing here." in page
    assert "An unknown number of messages is missing here." in page
    assert "1 message is missing here." in page


def test_a_held_line_says_what_it_waits_for(viewer: Client, conversation: Connection) -> None:
    Endpoint.objects.update(trouble="The thread is locked: unlock it.", predecessor_id="1170000000000000000")

    page = text(viewer, conversation)

    assert "On hold: The thread is locked: unlock it." in page
    assert "replaces 1170000000000000000, which was deleted" in page


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "data:text/html,<script>alert(1)</script>",
        "//evil.example",
        "https:evil",
        "http://[::1",
        "file:///etc/passwd",
    ],
)
def test_only_web_addresses_become_links(viewer: Client, conversation: Connection, address: str) -> None:
    Connection.objects.update(page_url=address, referrer=address)
    conversation.endpoints.update(service="elsewhere")

    page = text(viewer, conversation)

    facts = page[page.index("bridge-facts") : page.index("</section>")]
    assert "href" not in facts
    assert "<script>alert" not in page


def test_its_thread_is_a_link_where_its_service_has_one_and_times_say_their_zone(
    viewer: Client, conversation: Connection
) -> None:
    thread = conversation.endpoints.get(service="discord").remote_id
    with timezone.override("Asia/Kolkata"):
        page = text(viewer, conversation)
    assert page.count(f'<a href="https://team.example.com/{thread}"') == 1
    times = re.findall(r'<time datetime="[^"]+">([^<]+)</time>', page)
    assert times
    assert all(re.search(r":[0-9]{2} [A-Z]+$", each) for each in times), times
    conversation.endpoints.update(service="elsewhere")
    assert "team.example.com" not in text(viewer, conversation)


def test_a_room_is_called_by_its_name_wherever_it_is_shown(viewer: Client, conversation: Connection) -> None:
    Connection.objects.filter(pk=conversation.pk).update(kind="room", name="Harbour", nick="", visitor=None)
    Endpoint.objects.filter(connection=conversation).update(trouble="The bot may not write here.")
    page = text(viewer, conversation)
    assert "<h1>Room “Harbour”</h1>" in page
    assert f"Harbour {conversation.code}" in page[page.index("breadcrumbs") :]
    for name in ("connection", "message", "endpoint"):
        for query in ("", "?q=" + ("parcel" if name == "message" else "harb")):
            response = viewer.get(reverse(f"admin:bridge_{name}_changelist") + query)
            assert ">Harbour</a>" in response.content.decode(), (name, query)
        nothing = viewer.get(reverse(f"admin:bridge_{name}_changelist") + "?q=arbour").content.decode()
        assert ">Harbour</a>" not in nothing


def test_what_only_discord_and_the_page_can_show_is_readable(
    viewer: Client, conversation: Connection
) -> None:
    said = r"**So** <:wave:118000000000000041> [shop](<https://shop.example>) at <t:0:t> @\[Ada\]"
    Message.objects.filter(content="On its way!").update(content=said)

    page = text(viewer, conversation)

    assert "So :wave: shop &lt;https://shop.example&gt; at 00:00 UTC @[Ada]" in page


def test_hostile_texts_stay_texts(viewer: Client, conversation: Connection) -> None:
    attack = "</p><img src=x onerror=alert(1)>"
    Connection.objects.update(
        nick=attack[:32],
        page_title=attack,
        page_url=f'https://a.example/"{attack}',
        user_agent=attack,
        locale=attack,
    )
    Participant.objects.update(nick=attack, service=attack[:32])
    Message.objects.update(content=attack, service=attack[:32], failure=attack[:32])
    Endpoint.objects.update(trouble=attack, remote_id=attack)

    page = text(viewer, conversation)

    assert "<img src=x" not in page
    assert "&lt;img src=x onerror=alert(1)&gt;" in page


def test_it_works_while_redis_is_away(viewer: Client, conversation: Connection) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bridge.infra.redis.blocking_client", _nowhere)
        assert "Redis cannot be reached" in text(viewer, conversation)


def _nowhere() -> object:
    from redis import Redis

    return Redis(unix_socket_path="/nonexistent/valkey.sock")


def test_it_shows_whether_the_visitor_is_online(
    valkey_url: str, viewer: Client, conversation: Connection
) -> None:
    here = Registry(announce)
    here.arrive(Scope("inbox", conversation.inbox_id), uuid.uuid4().hex)
    asyncio.run(here.flush())
    assert "Visitor online" not in text(viewer, conversation)
    here.arrive(Scope("inbox", conversation.inbox_id), conversation.visitor.hex)
    try:
        assert "Visitor online" not in text(viewer, conversation)
        asyncio.run(here.flush())
        assert "Visitor online" in text(viewer, conversation)
    finally:
        redis.blocking_client().close()


def test_a_longer_page_asks_no_more_questions(viewer: Client) -> None:
    def questions(messages: int) -> int:
        seed(messages=messages, connections=1)
        with CaptureQueriesContext(database) as queries:
            text(viewer, Connection.objects.latest("pk"))
        return len(queries)

    assert questions(50) == questions(5)


def test_days_part_the_transcript(viewer: Client, conversation: Connection) -> None:
    Message.objects.filter(seq=1).update(created_at=timezone.now() - timedelta(days=3))

    assert text(viewer, conversation).count("bridge-day") == 2


def test_what_a_message_said_before_is_there_for_staff_as_text(
    viewer: Client, conversation: Connection
) -> None:
    message = Message.objects.get(content="Where is my parcel?")
    for content in ("Were is it?", "<b>Were</b> is my parcel?"):
        MessageVersion.objects.create(message=message, content=content)
    Message.objects.filter(pk=message.pk).update(edited_at=timezone.now())
    page = text(viewer, conversation)
    assert "edited " in page
    assert "Earlier versions (2)" in page
    assert page.index("&lt;b&gt;Were&lt;/b&gt; is my parcel?") < page.index("Were is it?")


def test_who_reacted_and_how_is_shown(viewer: Client, conversation: Connection) -> None:
    message = Message.objects.get(content="Where is my parcel?")
    visitor, staff = conversation.participants.order_by("pk")[:2]
    for who, emoji in ((visitor, "👍"), (staff, "👍"), (staff, "a:dance:1180000000000000032")):
        Reaction.objects.create(message=message, participant=who, emoji=emoji)
    page = text(viewer, conversation)
    assert f"👍 {visitor.nick}, {staff.nick}</span>" in page
    assert f":dance: {staff.nick}</span>" in page
    Message.objects.filter(pk=message.pk).update(deleted_at=timezone.now())
    assert "bridge-reactions" not in text(viewer, conversation)


def test_who_edits_without_end_makes_no_page_without_end(viewer: Client, conversation: Connection) -> None:
    message = Message.objects.get(content="Where is my parcel?")
    MessageVersion.objects.bulk_create(
        MessageVersion(message=message, content=f"version {number:03}") for number in range(100)
    )
    page = text(viewer, conversation)
    assert page.count("version 0") == 20
    assert "version 099" in page
    assert "80 older versions are not shown." in page


def test_a_reply_leads_to_what_it_answers(viewer: Client, conversation: Connection) -> None:
    question, answer = Message.objects.order_by("seq")
    Message.objects.filter(pk=answer.pk).update(reply_to=question)
    page = text(viewer, conversation)
    assert 'In reply to <a href="?before=2#message-1">Brave Otter</a>: Where is my parcel?' in page
    Message.objects.filter(pk=question.pk).update(deleted_at=timezone.now(), content="")
    assert "Brave Otter</a>: a deleted message" in text(viewer, conversation)


def test_what_was_said_before_is_not_for_who_may_not_read_the_conversation(
    stranger: Client, conversation: Connection
) -> None:
    MessageVersion.objects.create(message=Message.objects.get(seq=1), content="an old secret")
    response = stranger.get(url(conversation))
    assert response.status_code == 403
    assert b"an old secret" not in response.content


def test_files_are_shown_with_their_names_and_nothing_of_a_deleted_message(
    viewer: Client, conversation: Connection
) -> None:
    first, second = Message.objects.filter(connection=conversation).order_by("seq")[:2]
    picture = Attachment.objects.create(
        inbox=conversation.inbox,
        message=first,
        name="<b>cat</b>.png",
        content_type="image/png",
        size=2048,
        width=40,
        height=30,
        file="attachments/cat",
    )
    Attachment.objects.create(
        inbox=conversation.inbox,
        message=second,
        name="film.mp4",
        content_type="video/mp4",
        size=90_000_000,
        state="remote",
        remote_url="https://cdn.discordapp.com/film.mp4",
    )
    page = text(viewer, conversation)
    address = reverse("bridge:file", args=[picture.uid])
    assert f'<a href="{address}" rel="noreferrer"><img src="{address}"' in page
    assert "&lt;b&gt;cat&lt;/b&gt;.png" in page
    assert 'href="https://cdn.discordapp.com/film.mp4"' in page
    assert "only where it was sent from" in page
    Message.objects.filter(pk=first.pk).update(deleted_at=timezone.now())
    assert address not in text(viewer, conversation)


def _sign_out(conversation: Connection) -> str:
    return reverse("admin:bridge_connection_sign_out", args=[conversation.pk])


def test_staff_sign_a_visitor_out_everywhere(staff: Client, conversation: Connection) -> None:
    page = text(staff, conversation)
    assert "Sign out everywhere" in page
    response = staff.post(_sign_out(conversation), follow=True)
    assert "was signed out everywhere" in response.content.decode()
    assert conversation.visitor is not None
    assert RevokedToken.objects.get().digest == tokens.visitor_digests(conversation.visitor)[0]
    assert LogEntry.objects.get().object_id == str(conversation.pk)


def test_who_may_only_look_signs_nobody_out(
    viewer: Client, stranger: Client, outsider: Client, staff: Client, conversation: Connection
) -> None:
    assert "Sign out everywhere" not in text(viewer, conversation)
    assert viewer.post(_sign_out(conversation)).status_code == 403
    assert stranger.post(_sign_out(conversation)).status_code == 403
    assert outsider.post(_sign_out(conversation)).status_code == 302  # to the login
    assert staff.get(_sign_out(conversation)).status_code == 405
    assert not RevokedToken.objects.exists()


def test_a_room_has_nobody_to_sign_out(staff: Client, inbox: Inbox) -> None:
    room = Connection.objects.create(inbox=inbox, kind=Connection.Kind.ROOM, slug="lobby", name="Lobby")
    assert "Sign out everywhere" not in text(staff, room)
    assert staff.post(_sign_out(room)).status_code == 404


def test_it_shows_who_the_visitor_is_and_who_says_so(viewer: Client, conversation: Connection) -> None:
    Contact.objects.create(
        inbox=conversation.inbox,
        visitor=conversation.visitor,
        issuer="jwt",
        subject="u-17",
        name="<img src=x onerror=alert(1)>",
        email="ada@example.com",
        email_verified=True,
    )
    page = text(viewer, conversation)
    assert "ada@example.com (a JWT)" in page
    assert "u-17 (a JWT)" in page
    assert "<img src=x" not in page


def _turn(conversation: Connection) -> str:
    return reverse("admin:bridge_connection_turn", args=[conversation.pk])


def test_staff_end_a_conversation_and_open_it_again_and_both_sides_are_told(
    staff: Client, conversation: Connection
) -> None:
    assert "End chat" in text(staff, conversation)
    for state in ("closed", "closed", "open", "open"):
        response = staff.post(_turn(conversation), {"state": state}, follow=True)
        conversation.refresh_from_db()
        assert conversation.state == state
    told = list(conversation.messages.filter(kind="event").order_by("seq"))
    assert [(each.content, each.author and each.author.nick) for each in told] == [
        ("closed", "staff"),
        ("reopened", "staff"),
    ]
    assert "staff reopened the chat." in response.content.decode()


def test_only_who_may_change_conversations_ends_them(
    staff: Client, viewer: Client, stranger: Client, outsider: Client, conversation: Connection, inbox: Inbox
) -> None:
    ended = {"state": "closed"}
    assert viewer.post(_turn(conversation), ended).status_code == 403
    assert stranger.post(_turn(conversation), ended).status_code == 403
    assert outsider.post(_turn(conversation), ended).status_code == 302  # to the login
    assert staff.get(_turn(conversation)).status_code == 405
    conversation.refresh_from_db()
    assert conversation.is_open
    room = Connection.objects.create(inbox=inbox, kind="room", slug="lobby", name="Lobby")
    assert staff.post(_turn(room), ended).status_code == 404


def test_a_conversation_before_a_newer_one_is_not_opened_again(
    staff: Client, conversation: Connection
) -> None:
    close_connection(conversation)
    Connection.objects.create(inbox=conversation.inbox, visitor=conversation.visitor)
    response = staff.post(_turn(conversation), {"state": "open"}, follow=True)
    assert "has already begun a newer conversation" in response.content.decode()
    conversation.refresh_from_db()
    assert not conversation.is_open
