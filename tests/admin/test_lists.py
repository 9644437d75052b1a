"""The lists: pages, filters and what the search box finds."""

import re
from datetime import timedelta
from html import unescape
from urllib.parse import urlencode

import pytest
from django.conf import settings
from django.db import connection as database
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from bridge.admin import conversation as conversation_page
from bridge.admin import finding, paging
from bridge.models import Connection, Contact, Delivery, Endpoint, Inbox, Message, Participant, RemoteMessage
from tests.admin.conftest import Failing
from tests.seeding import seed

NAMES = ("connection", "message", "delivery", "endpoint")


def url(name: str, **query: str) -> str:
    return reverse(f"admin:bridge_{name}_changelist") + (f"?{urlencode(query)}" if query else "")


def rows(response: HttpResponse) -> list[int]:
    assert response.status_code == 200, response.headers
    return [row.pk for row in response.context["cl"].result_list]


def all_pages(client: Client, first: str) -> list[list[int]]:
    """Every page, by following the link to the older one."""
    pages = []
    address = first
    while address:
        response = client.get(address)
        pages.append(rows(response))
        link = response.context["cl"].older
        assert not link or link in unescape(response.content.decode())
        address = link and first.partition("?")[0] + link
    return pages


@pytest.mark.parametrize("name", NAMES)
def test_pages_show_every_row_once_newest_first(staff: Client, failing: Failing, name: str) -> None:
    failing(120)
    # Rows of one moment: the second column of the key has to part them.
    moment = timezone.now() - timedelta(minutes=60)
    Message.objects.filter(created_at__lt=moment).update(created_at=moment)
    Connection.objects.filter(active_at__lt=moment).update(active_at=moment)
    model = {"connection": Connection, "message": Message, "delivery": Delivery, "endpoint": Endpoint}[name]
    keys = {"connection": ("-active_at", "-id"), "message": ("-created_at", "-id")}.get(name, ("-id",))

    pages = all_pages(staff, url(name))

    assert [len(page) for page in pages] == [50, 50, 20]
    assert [pk for page in pages for pk in page] == list(
        model.objects.order_by(*keys).values_list("pk", flat=True)
    )


def test_a_message_that_arrives_meanwhile_shifts_no_page(staff: Client) -> None:
    seed(messages=100, connections=2)
    first = staff.get(url("message"))
    seed(messages=10, connections=1)

    second = staff.get(url("message") + first.context["cl"].older)

    assert not set(rows(first)) & set(rows(second))
    assert len(rows(second)) == 50


@pytest.mark.parametrize(
    "place", ["", "x", "1", "1-", "-1", "1-2-3", "1-x", "1-٣", "9" * 18 + "-1", "1-" + "9" * 19, "9" * 40]
)
def test_a_forged_place_shows_the_newest_and_says_so(staff: Client, place: str) -> None:
    seed(messages=3)
    response = staff.get(url("message", before=place))

    assert len(rows(response)) == 3
    assert "This is not a position in this list. The newest entries are shown." in response.content.decode()
    assert "« Newest" not in response.content.decode()


@pytest.mark.parametrize(
    "query",
    [
        "content__icontains=x",
        "connection__visitor__startswith=a",
        "state=lost",
        "inbox=x",
        "from=2026-02-31",
        "to=yesterday",
        "p=7",
        "o=3",
    ],
)
def test_no_address_can_filter_or_sort_by_what_is_not_offered(staff: Client, query: str) -> None:
    seed(messages=60)
    with CaptureQueriesContext(database) as queries:
        response = staff.get(f"{url('message')}?{query}")

    if response.status_code == 200:
        assert rows(response) == list(
            Message.objects.order_by("-created_at").values_list("pk", flat=True)[:50]
        )
    else:
        assert response.status_code in {302, 400}
        assert not any("bridge_message" in query["sql"] for query in queries)


def test_messages_by_inbox_state_service_and_date(staff: Client) -> None:
    shop = Inbox.objects.create(name="shop")
    seed(messages=40, connections=4)
    seed(messages=20, connections=2, inbox=shop)
    Message.objects.filter(seq=1).update(created_at=timezone.now() - timedelta(days=10))

    def found(**query: str) -> set[int]:
        return set(rows(staff.get(url("message", **query))))

    def expected(**lookups: object) -> set[int]:
        return set(Message.objects.filter(**lookups).values_list("pk", flat=True))

    today = timezone.localdate()
    assert found(inbox=str(shop.pk)) == expected(connection__inbox=shop)
    assert found(state="failed") == expected(state="failed") != set()
    assert found(service="discord") == expected(service="discord")
    assert found(inbox=str(shop.pk), service="web") == expected(connection__inbox=shop, service="web")
    old = today - timedelta(days=10)
    assert found(**{"from": f"{old}", "to": f"{old}"}) == expected(seq=1) != set()
    assert found(to=f"{today - timedelta(days=11)}") == set()


def test_connections_by_inbox_state_service_and_date(staff: Client, conversation: Connection) -> None:
    shop = Inbox.objects.create(name="shop")
    seed(messages=20, connections=4, inbox=shop)
    closed = Connection.objects.filter(inbox=shop).first()
    assert closed
    Connection.objects.filter(pk=closed.pk).update(
        state="closed", active_at=timezone.now() - timedelta(days=40)
    )
    Endpoint.objects.filter(connection=closed).delete()

    def found(**query: str) -> set[int]:
        return set(rows(staff.get(url("connection", **query))))

    seeded = set(Connection.objects.filter(inbox=shop).values_list("pk", flat=True))
    assert found(inbox=str(shop.pk)) == seeded
    assert found(state="closed") == {closed.pk}
    assert found(service="discord") == seeded - {closed.pk} | {conversation.pk}
    assert found(to=f"{timezone.localdate() - timedelta(days=30)}") == {closed.pk}


def test_deliveries_and_held_lines_by_inbox_and_service(staff: Client, failing: Failing) -> None:
    failing(3)
    shop = Inbox.objects.create(name="shop")
    Connection.objects.filter(nick="Visitor 1").update(inbox=shop)

    for name in ("delivery", "endpoint"):
        assert len(rows(staff.get(url(name, inbox=str(shop.pk))))) == 1
        assert len(rows(staff.get(url(name, service="discord")))) == 3


def test_only_failed_deliveries_and_held_lines_are_listed(staff: Client, failing: Failing) -> None:
    failing(3)
    Delivery.objects.filter(message__content="Help 1").update(outcome="delivered")
    Endpoint.objects.filter(connection__nick="Visitor 1").update(trouble="")

    assert len(rows(staff.get(url("delivery")))) == 2
    assert len(rows(staff.get(url("endpoint")))) == 2


def test_a_conversation_is_found_by_nick_and_by_every_id(staff: Client, conversation: Connection) -> None:
    seed(messages=50, connections=50)
    message = conversation.messages.get(seq=1)
    terms = [
        "brave ott",
        "BRAVE",
        "anna",
        str(conversation.uid),
        conversation.uid.hex,
        conversation.code,
        str(conversation.uid)[:10],
        "1180000000000000777",
        "1180000000000000888",
        str(message.uid),
    ]

    for term in terms:
        found = rows(staff.get(url("connection", q=term)))
        assert conversation.pk in found, term
        assert len(found) < 50, term


@pytest.mark.parametrize(
    "term",
    ["nobody", "%", "_rave", "rave otter", "1180000000000000999", "00000000-7f5e-4c55-9d53-0f6f1f0a2b3c"],
)
def test_what_is_not_there_is_not_found(staff: Client, conversation: Connection, term: str) -> None:
    assert rows(staff.get(url("connection", q=term))) == []


def test_the_card_of_a_deleted_thread_leads_to_its_conversation(
    staff: Client, conversation: Connection
) -> None:
    RemoteMessage.objects.create(
        endpoint=conversation.endpoints.get(), remote_id="1180000000000000555", ours=True, card=True
    )

    assert rows(staff.get(url("connection", q=" 1180000000000000555 "))) == [conversation.pk]


def test_a_nick_that_too_many_share_says_so(
    staff: Client, failing: Failing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finding, "MOST", 5)
    failing(7)

    response = staff.get(url("connection", q="visit"))

    assert len(rows(response)) == 5
    assert "Enter more of the nick" in response.content.decode()


def test_a_message_is_found_by_every_id(staff: Client, conversation: Connection) -> None:
    seed(messages=50, connections=5)
    question, answer = conversation.messages.order_by("seq")

    def found(term: str) -> list[int]:
        return rows(staff.get(url("message", q=term)))

    assert found(str(question.uid)) == [question.pk]
    assert found("1180000000000000888") == [question.pk]
    for term in (str(conversation.uid), conversation.code, "1180000000000000777"):
        assert found(term) == [answer.pk, question.pk], term
    response = staff.get(url("message", q=conversation.code))
    assert reverse("admin:bridge_connection_change", args=[conversation.pk]) in response.content.decode()


def test_a_message_is_found_by_text_and_by_author(staff: Client, conversation: Connection) -> None:
    question, answer = conversation.messages.order_by("seq")

    def found(term: str) -> list[int]:
        return rows(staff.get(url("message", q=term)))

    assert found("PARCEL") == [question.pk]
    assert found("anna") == [answer.pk]
    assert found("parcel?") == [question.pk]
    assert found("100%") == []
    assert found('"parcel"') == [question.pk]


def test_in_quotation_marks_an_id_is_a_text(staff: Client, conversation: Connection) -> None:
    mention = Message.objects.create(
        connection=conversation, seq=3, revision=3, content=f"see {conversation.code}"
    )

    assert rows(staff.get(url("message", q=f'"{conversation.code}"'))) == [mention.pk]


def test_failed_deliveries_are_found_by_conversation(staff: Client, failing: Failing) -> None:
    deliveries = failing(3)
    owner = deliveries[1].message.connection

    for term in ("visitor 1", owner.code, str(deliveries[1].message.uid)):
        assert rows(staff.get(url("delivery", q=term))) == [deliveries[1].pk], term
        assert rows(staff.get(url("endpoint", q=term))) == [deliveries[1].endpoint_id], term
    assert rows(staff.get(url("delivery", q="nobody"))) == []


@pytest.mark.parametrize("query", [{"q": "needle"}, {"state": "failed"}])
def test_a_text_far_back_is_found_by_searching_further(
    staff: Client, monkeypatch: pytest.MonkeyPatch, query: dict[str, str]
) -> None:
    monkeypatch.setattr(paging, "STRETCH", 20)
    monkeypatch.setattr(paging, "FURTHER", 40)
    seed(messages=100, connections=3)
    Message.objects.update(state="delivered")
    oldest = Message.objects.earliest("created_at")
    Message.objects.filter(pk=oldest.pk).update(content="the needle", state="failed")

    first = staff.get(url("message", **query))
    pages = all_pages(staff, url("message", **query))

    assert rows(first) == []
    assert re.search(r"Searched 20 entries, back to \w+", " ".join(first.content.decode().split()))
    assert "Search further back" in first.content.decode()
    assert pages == [[], [], [oldest.pk]]


def test_searching_again_starts_at_the_newest(staff: Client) -> None:
    seed(messages=120, connections=3)
    second = staff.get(url("message") + staff.get(url("message")).context["cl"].older)

    page = second.content.decode()
    links = [unescape(each) for each in re.findall(r'href="(\?[^"]*)"', page)]
    assert [each for each in links if "before" in each] == [second.context["cl"].older]
    assert len(links) > 8
    assert 'name="before"' not in page


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("term", ["", "visitor"])
def test_a_longer_list_asks_no_more_questions(staff: Client, failing: Failing, name: str, term: str) -> None:
    def questions() -> int:
        with CaptureQueriesContext(database) as queries:
            staff.get(url(name, q=term))
        return len(queries)

    failing(5)
    few = questions()
    failing(45)
    assert questions() == few


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_counted(staff: Client, failing: Failing, name: str) -> None:
    failing(60)
    with CaptureQueriesContext(database) as queries:
        staff.get(url(name))
        staff.get(url(name, q="visitor"))

    assert len(queries) > 4
    assert not [query["sql"] for query in queries if "COUNT(" in query["sql"]]


def test_hostile_texts_stay_texts(staff: Client, failing: Failing) -> None:
    delivery = failing(1)[0]
    attack = "<img src=x onerror=alert(1)>"
    Message.objects.update(content=attack)
    Participant.objects.update(nick=attack)
    Connection.objects.update(nick=attack)
    Endpoint.objects.update(trouble=attack)
    Delivery.objects.filter(pk=delivery.pk).update(detail=attack, reason="<b>odd</b>")

    for name in NAMES:
        for query in ({}, {"q": attack}):
            page = staff.get(url(name, **query)).content.decode()
            assert "<img src=x" not in page
            assert "<b>odd" not in page


def test_the_docs_name_the_limits() -> None:
    text = (settings.BASE_DIR / "docs" / "admin.md").read_text(encoding="utf-8")
    text = " ".join(text.split())

    assert f"newest {paging.STRETCH:,} messages" in text
    assert f"up to {paging.FURTHER:,} more" in text
    assert f"more than {finding.MOST:,} match" in text
    assert f"{conversation_page.PAGE} messages a page" in text


def test_a_mail_address_finds_the_conversations_of_who_has_it(staff: Client) -> None:
    seed(messages=4, connections=2)
    his, other = Connection.objects.order_by("pk")
    for row, email in ((his, "Ada@Example.com"), (other, "ada@example.com.evil")):
        assert row.visitor is not None
        Contact.objects.create(inbox=row.inbox, visitor=row.visitor, email=email)
    assert rows(staff.get(url("connection", q="ada@example.COM"))) == [his.pk]
    assert rows(staff.get(url("connection", q="nobody@example.com"))) == []
