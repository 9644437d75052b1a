"""The Python API: any two services joined, each hears the other and never itself; nothing is lost over a restart."""

import asyncio
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import InterfaceError, OperationalError
from django.db.models.functions import Now

from bridge import api
from bridge.api import reading as module
from bridge.chat.actions import changing, linking, storing
from bridge.errors import BridgeError
from bridge.models import Attachment, Connection, Cursor, Delivery, Endpoint, Inbox, Message, Participant
from chatbridge_site.environment import BASE_DIR
from tests.snippets.reading import snippets

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def inbox(settings: Any) -> Inbox:
    # Two services of nobody: no Discord, no class.
    settings.BRIDGE_SERVICES = {"nowhere": "tests.services.memory.Memory"}
    return Inbox.objects.get_or_create(name="default")[0]


@pytest.fixture
def alice() -> api.Connection:
    return api.connection_for("telegram", 4711, nick="Alice", alone=True)


@pytest.fixture
def bob(alice: api.Connection) -> api.Connection:
    """The same conversation, from his mailbox."""
    return alice.add("mail", "bob@example.com")


@pytest.fixture
def stranger() -> api.Connection:
    """In both services, too: in another conversation."""
    stranger = api.connection_for("telegram", 666, alone=True)
    stranger.add("mail", "mallory@example.com")
    return stranger


def read(service: str, **how: Any) -> list[str]:
    return [message.content for message in api.messages(service, follow=False, **how)]


# --------------------------------------------------------------------------------------------- opening and joining


@pytest.mark.parametrize(
    "remote_id",
    [4711, -1, "4711", "bob@example.com", uuid.UUID(int=7), 2**70],
    ids=lambda each: type(each).__name__,
)
def test_an_id_is_given_back_in_the_type_that_it_came_in(remote_id: Any) -> None:
    opened = api.connection_for("telegram", remote_id)
    found = api.connection_for("telegram", remote_id)
    assert found.uid == opened.uid
    assert (type(found.remote_id), found.remote_id) == (type(remote_id), remote_id)
    opened.add("mail", "bob@example.com").send("Hello", author="Bob")
    (message,) = api.messages("telegram", follow=False)
    assert (type(message.remote_id), message.remote_id) == (type(remote_id), remote_id)


@pytest.mark.parametrize(
    ("service", "remote_id", "error"),
    [
        ("telegram", True, TypeError),
        ("telegram", 1.5, TypeError),
        ("telegram", None, TypeError),
        ("telegram", "", ValueError),
        ("telegram", "x" * 256, ValueError),
        ("telegram", "nul\0", ValueError),
        ("", "1", ValueError),
        ("x" * 33, "1", ValueError),
        ("nowhere", 4711, TypeError),
        ("web", 4711, TypeError),
        ("web", "no visitor", ValueError),
    ],
)
def test_what_is_no_id_is_refused_before_anything_is_opened(
    service: str, remote_id: Any, error: type[Exception]
) -> None:
    with pytest.raises(error):
        api.connection_for(service, remote_id)
    assert not Connection.objects.exists()


def test_a_service_with_a_class_takes_and_gives_ids_of_its_own_type() -> None:
    place = uuid.uuid4()
    connection = api.connection_for("nowhere", place)
    assert connection.remote_id == place
    assert list(Endpoint.objects.values_list("service", "remote_id")) == [("nowhere", str(place))]


def test_a_new_conversation_has_the_installations_services_unless_it_is_alone() -> None:
    both = api.connection_for("telegram", 1)
    alone = api.connection_for("telegram", 2, alone=True)
    assert sorted(both.row.endpoints.values_list("service", flat=True)) == ["nowhere", "telegram"]
    assert list(alone.row.endpoints.values_list("service", flat=True)) == ["telegram"]


def test_who_opens_at_the_same_moment_finds_what_the_other_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    first = api.connection_for("telegram", 4711)
    find, looks = linking._find, iter([True])
    monkeypatch.setattr(linking, "_find", lambda place: None if next(looks, False) else find(place))
    assert api.connection_for("telegram", 4711).uid == first.uid
    assert Connection.objects.count() == 1


def test_there_is_no_conversation_without_an_inbox() -> None:
    for service, remote_id in (("telegram", "1"), ("web", str(uuid.uuid4()))):
        with pytest.raises(BridgeError) as refusal:
            api.connection_for(service, remote_id, inbox="none")
        assert refusal.value.code == "not_found"


def test_a_visitors_conversation_is_never_alone() -> None:
    with pytest.raises(ValueError):
        api.connection_for("web", uuid.uuid4(), alone=True)


def test_a_place_is_in_one_conversation(
    alice: api.Connection, bob: api.Connection, stranger: api.Connection
) -> None:
    assert alice.add("mail", "bob@example.com").endpoint == bob.endpoint
    with pytest.raises(BridgeError) as refusal:
        alice.add("mail", "mallory@example.com")
    assert refusal.value.code == "conflict"
    assert api.connection_for("mail", "bob@example.com").uid == alice.uid
    assert api.connection_for("mail", "mallory@example.com").uid == stranger.uid


# --------------------------------------------------------------------------------------------------------- speaking


def test_each_hears_the_other_and_never_itself(
    alice: api.Connection, bob: api.Connection, stranger: api.Connection
) -> None:
    said = alice.send("Hello Bob", author="Alice")
    bob.send("Hello Alice", author="Bob", author_id=7, staff=True)
    (heard,) = api.messages("mail", follow=False)
    assert (heard.content, heard.author, heard.staff, heard.service) == (
        "Hello Bob",
        "Alice",
        False,
        "telegram",
    )
    assert (heard.uid, heard.connection.uid, heard.remote_id) == (said.uid, alice.uid, "bob@example.com")
    (heard,) = api.messages("telegram", follow=False)
    assert (heard.content, heard.author, heard.staff, heard.remote_id) == ("Hello Alice", "Bob", True, 4711)
    assert read("mail") == read("telegram") == []
    assert not stranger.row.messages.exists()


def test_what_answers_everything_makes_no_loop(alice: api.Connection, bob: api.Connection) -> None:
    alice.send("ping", author="Alice")
    answers = 0
    for message in api.messages("mail", follow=False):
        message.connection.send(f"re: {message.content}", author="Robot")
        answers += 1
    assert answers == 1
    assert read("telegram") == ["re: ping"]


def test_two_places_of_one_service_hear_each_other(alice: api.Connection) -> None:
    carol = alice.add("telegram", 4712)
    alice.send("Hello Carol", author="Alice")
    carol.send("Hello Alice", author="Carol")
    heard = {message.remote_id: message.content for message in api.messages("telegram", follow=False)}
    assert heard == {4711: "Hello Alice", 4712: "Hello Carol"}
    with pytest.raises(BridgeError) as refusal:
        api.Connection(alice.row).send("From where?", author="Alice", service="telegram")
    assert refusal.value.code == "conflict"


def test_a_retry_is_no_second_message(alice: api.Connection, bob: api.Connection) -> None:
    first = alice.send("Hello", author="Alice", key="update-1")
    again = alice.send("Hello, said again", author="Alice", key="update-1")
    assert (again.uid, again.content) == (first.uid, "Hello")
    assert alice.send("Hello", author="Alice", key="update-2").uid != first.uid
    assert alice.send("Hello", author="Eve", key="update-1").uid != first.uid
    assert bob.send("Hello", author="Alice", key="update-1").uid != first.uid
    assert alice.row.messages.count() == 4


def test_code_without_a_place_speaks_everywhere(alice: api.Connection, bob: api.Connection) -> None:
    api.Connection(alice.row).send("Your order was sent.", author="The shop", service="shop")
    assert read("mail") == read("telegram") == ["Your order was sent."]


def test_an_answer_quotes_what_is_in_the_same_conversation(
    alice: api.Connection, bob: api.Connection, stranger: api.Connection
) -> None:
    question = alice.send("When?", author="Alice")
    bob.send("Tomorrow", author="Bob", reply_to=question.uid)
    answer = Message.objects.get(content="Tomorrow")
    assert answer.reply_to is not None
    assert answer.reply_to.uid == question.uid
    with pytest.raises(BridgeError) as refusal:
        stranger.send("What?", author="Mallory", reply_to=question.uid)
    assert refusal.value.code == "not_found"


@pytest.mark.parametrize(
    ("content", "how"),
    [
        ("", {"author": "Alice"}),
        (" \n", {"author": "Alice"}),
        ("nul\0", {"author": "Alice"}),
        ("Hello", {}),
        ("Hello", {"author": "Alice", "service": "web"}),
        ("Hello", {"service": "web"}),
    ],
)
def test_what_says_nothing_or_is_said_by_nobody_is_refused(
    alice: api.Connection, content: str, how: dict[str, Any]
) -> None:
    with pytest.raises(ValueError):
        alice.send(content, **how)
    with pytest.raises(ValueError, match="name the service"):
        api.Connection(alice.row).send("Hello", author="Alice")
    with pytest.raises(BridgeError) as refusal:
        alice.send("x" * 4001, author="Alice")
    assert refusal.value.code == "too_large"
    assert not Message.objects.exists()


def test_what_is_said_after_the_end_opens_it_again(alice: api.Connection, bob: api.Connection) -> None:
    assert alice.close()
    assert not bob.close()
    bob.send("One thing more", author="Bob")
    alice.row.refresh_from_db()
    assert alice.row.is_open
    assert read("telegram") == ["One thing more"]


def test_a_closed_room_stays_closed(inbox: Inbox) -> None:
    room = Connection.objects.create(inbox=inbox, kind="room", slug="lobby", state="closed")
    with pytest.raises(BridgeError) as refusal:
        api.Connection(room).send("Hello", author="The shop", service="shop")
    assert refusal.value.code == "closed"
    assert not Participant.objects.exists()


def test_a_visitor_is_spoken_to_and_for() -> None:
    visitor = uuid.uuid4()
    connection = api.connection_for("web", visitor, nick="Ada")
    assert api.connection_for("web", str(visitor)).uid == connection.uid
    assert connection.remote_id is None
    connection.send("Hello from the shop", author="The shop", service="shop", staff=True)
    own = connection.send("Hello from me", service="web", key="1")
    assert connection.send("Hello from me", service="web", key="1").uid == own.uid
    assert (own.author, own.service) == ("Ada", "web")
    shown = Message.objects.order_by("seq").values_list("author__role", "author__visitor")
    assert list(shown) == [("staff", None), ("visitor", visitor)]


def test_what_is_said_in_a_visitors_older_conversation_stays_there_and_opens_nothing() -> None:
    visitor = uuid.uuid4()
    older = api.connection_for("web", visitor)
    older.close()
    newer = api.connection_for("web", visitor)
    assert newer.uid != older.uid
    older.send("Hello", author="The shop", service="shop", staff=True)
    said = Message.objects.get(kind="message")
    assert (said.connection.uid, said.connection.is_open) == (older.uid, False)
    assert Connection.objects.get(uid=newer.uid).is_open


# ---------------------------------------------------------------------------------------------------------- reading


def test_what_was_read_is_delivered_and_settled(alice: api.Connection, bob: api.Connection) -> None:
    said = alice.send("Hello", author="Alice")
    reader = iter(api.messages("mail", follow=False))
    next(reader)
    said.row.refresh_from_db()
    assert said.row.state == "sent"
    assert next(reader, None) is None
    said.row.refresh_from_db()
    assert said.row.state == "delivered"
    assert not Delivery.objects.filter(settled_at__isnull=True).exists()
    assert Endpoint.objects.get(service="mail").due is None


def test_a_reader_that_stops_half_way_is_given_it_again(alice: api.Connection, bob: api.Connection) -> None:
    for number in range(3):
        alice.send(f"{number}", author="Alice")
    seen = []
    for message in api.messages("mail", follow=False):
        seen.append(message.uid)
        if len(seen) == 2:
            break
    del message
    again = [message.uid for message in api.messages("mail", follow=False)]
    assert seen[1] == again[0]
    assert len(again) == 2


def test_who_takes_too_long_loses_his_place_and_goes_on(
    alice: api.Connection, bob: api.Connection, stranger: api.Connection
) -> None:
    alice.send("Hello", author="Alice")
    slow = iter(api.messages("mail", follow=False))
    assert next(slow).content == "Hello"
    assert read("mail") == []
    Endpoint.objects.filter(service="mail").exclude(due=None).update(due=Now())
    assert read("mail") == ["Hello"]
    stranger.send("Good day", author="Mallory")
    assert [message.content for message in slow] == ["Good day"]


def test_readers_share_the_work_and_each_conversation_has_one_of_them() -> None:
    for number in range(6):
        connection = api.connection_for("telegram", number, alone=True)
        connection.add("mail", f"{number}")
        for word in ("first", "second"):
            connection.send(word, author="Alice")
    readers = [iter(api.messages("mail", follow=False)) for _ in range(3)]
    heard: dict[str, list[tuple[int, str]]] = {}
    while readers:
        for index, reader in enumerate(list(readers)):
            message = next(reader, None)
            if message is None:
                readers.remove(reader)
            else:
                heard.setdefault(str(message.remote_id), []).append((index, message.content))
    assert sorted(heard) == [str(number) for number in range(6)]
    assert [[content for _, content in each] for each in heard.values()] == [["first", "second"]] * 6


def test_one_conversation_is_read_alone(
    alice: api.Connection, bob: api.Connection, stranger: api.Connection
) -> None:
    alice.send("Hello", author="Alice")
    stranger.send("Psst", author="Mallory")
    assert read("mail", connection=bob) == ["Hello"]
    assert read("mail") == ["Psst"]


def test_edits_and_deletions_are_read_by_who_wants_them(alice: api.Connection, bob: api.Connection) -> None:
    kept, taken = alice.send("Helo", author="Alice"), alice.send("Oops", author="Alice")
    assert read("mail") == ["Helo", "Oops"]
    for wanted in (False, True):
        changing.edit_message(kept.row.pk, content=f"Hello {wanted}")
        if wanted:
            changing.delete_message(taken.row.pk)
        found = [
            (message.change, message.content, message.uid)
            for message in api.messages("mail", follow=False, changes=wanted)
        ]
        expected = [("edited", "Hello True", kept.uid), ("deleted", "", taken.uid)]
        assert found == (expected if wanted else [])
    assert not Delivery.objects.filter(settled_at__isnull=True).exists()


def test_what_was_changed_before_it_was_read_is_read_as_it_is(
    alice: api.Connection, bob: api.Connection
) -> None:
    edited, deleted = alice.send("Helo", author="Alice"), alice.send("Oops", author="Alice")
    changing.edit_message(edited.row.pk, content="Hello")
    changing.delete_message(deleted.row.pk)
    found = [
        (message.change, message.content) for message in api.messages("mail", follow=False, changes=True)
    ]
    assert found == [("posted", "Hello")]


def test_an_edit_while_it_is_read_comes_after_it(alice: api.Connection, bob: api.Connection) -> None:
    said = alice.send("Helo", author="Alice")
    reader = iter(api.messages("mail", follow=False, changes=True))
    assert next(reader).content == "Helo"
    changing.edit_message(said.row.pk, content="Hello")
    assert [(message.change, message.content) for message in reader] == [("edited", "Hello")]


def test_a_gap_is_read_as_a_sentence(alice: api.Connection, bob: api.Connection) -> None:
    storing.record_gap(alice.row, size=3)
    assert read("mail") == ["⚠ 3 messages may be missing here."]


def test_files_come_as_links_that_open_them(
    alice: api.Connection, bob: api.Connection, settings: Any
) -> None:
    settings.SITE_URL = "https://chat.example.com"
    said = alice.send("The photo", author="Alice")
    common = {"message": said.row, "inbox": alice.row.inbox, "content_type": "image/png", "size": 9}
    stored = Attachment.objects.create(name="a.png", file="x/a.png", **common)
    Attachment.objects.create(name="b.png", state="pending", position=1, **common)
    Attachment.objects.create(
        name="c.png", state="remote", remote_url="https://cdn.example.com/c.png", position=2, **common
    )
    (message,) = api.messages("mail", follow=False)
    urls = {each.name: each.url for each in message.files}
    assert urls["a.png"].startswith(f"https://chat.example.com/files/{stored.uid}/?key=")
    assert (urls["b.png"], urls["c.png"]) == ("", "https://cdn.example.com/c.png")


# ------------------------------------------------------------------------------------------- readers with a name


def test_a_named_reader_has_a_place_of_its_own(
    alice: api.Connection, bob: api.Connection, stranger: api.Connection
) -> None:
    for number in range(3):
        alice.send(f"{number}", author="Alice")
    stranger.send("Psst", author="Mallory")
    reader = iter(api.messages("archive", connection=alice, name="archive", follow=False))
    assert [next(reader).content, next(reader).content] == ["0", "1"]
    del reader
    # The second was not done with.
    assert read("archive", connection=alice, name="archive") == ["1", "2"]
    assert read("archive", connection=alice, name="archive") == []
    assert read("archive", connection=alice, name="statistics") == ["0", "1", "2"]
    assert read("mail", connection=bob) == ["0", "1", "2"]
    bob.send("3", author="Bob")
    assert read("archive", connection=alice, name="archive") == ["3"]


def test_a_named_reader_hears_nothing_of_its_own_service(alice: api.Connection, bob: api.Connection) -> None:
    alice.send("ping", author="Alice")
    for message in api.messages("robot", connection=alice, name="robot", follow=False):
        message.connection.send("pong", author="Robot", service="robot")
    assert read("robot", connection=alice, name="robot") == []
    assert Cursor.objects.get(name="robot").seq == 2
    changing.delete_message(alice.send("Oops", author="Alice").row.pk)
    assert read("robot", connection=alice, name="robot") == []
    assert read("web", connection=alice, name="page") == ["ping", "pong"]


def test_two_readers_of_one_name_never_go_back(alice: api.Connection) -> None:
    for number in range(3):
        alice.send(f"{number}", author="Alice")
    slow = iter(api.messages("archive", connection=alice, name="archive", follow=False))
    assert next(slow).content == "0"
    assert read("archive", connection=alice, name="archive") == ["0", "1", "2"]
    assert next(slow, None) is None
    assert Cursor.objects.get().seq == 3


def test_who_reads_everything_misses_no_conversation(settings: Any) -> None:
    everything = "bridge.services.everything.Everything"
    settings.BRIDGE_SERVICES = {"archive": everything, "statistics": everything}
    alice = api.connection_for("telegram", 4711)
    alice.send("Hello", author="Alice")
    said = api.connection_for("web", uuid.uuid4()).send("Good day", service="web")
    found = {message.remote_id: message.content for message in api.messages("archive", follow=False)}
    assert found == {alice.uid: "Hello", said.connection.uid: "Good day"}
    said.row.refresh_from_db()
    assert said.row.state == "sent"
    assert read("archive") == []
    assert sorted(read("statistics")) == ["Good day", "Hello"]


@pytest.mark.parametrize(
    "how",
    [{"service": "web"}, {"service": "nowhere"}, {"service": "mail", "name": "archive"}],
    ids=["browsers", "carried by its class", "no connection"],
)
def test_what_cannot_be_read_is_refused(how: dict[str, str]) -> None:
    with pytest.raises(ValueError):
        api.messages(**how)


def test_changes_have_no_cursor(alice: api.Connection) -> None:
    with pytest.raises(ValueError):
        api.messages("archive", connection=alice, name="archive", changes=True)


# --------------------------------------------------------------------------------------------------------- following


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Exception]]:
    """What the database answers before it is back."""
    answers: list[Exception] = [OperationalError("server closed the connection"), InterfaceError("closed")]
    find = module.next_piece

    def fails_first(*args: Any, **options: Any) -> Any:
        if answers:
            raise answers.pop(0)
        return find(*args, **options)

    monkeypatch.setattr(module, "next_piece", fails_first)
    monkeypatch.setattr(module, "POLL", 0.0)
    monkeypatch.setattr(module, "close_old_connections", lambda: None)
    return answers


def test_who_follows_waits_for_a_database_that_is_away(
    alice: api.Connection, bob: api.Connection, away: list[Exception]
) -> None:
    alice.send("Hello", author="Alice")
    assert next(iter(api.messages("mail"))).content == "Hello"
    assert away == []


def test_who_does_not_follow_is_told_of_it(
    alice: api.Connection, bob: api.Connection, away: list[Exception]
) -> None:
    alice.send("Hello", author="Alice")
    with pytest.raises(OperationalError):
        read("mail")


# ------------------------------------------------------------------------------------------------------------- async


@pytest.mark.django_db(transaction=True)
async def test_async_code_has_the_same_and_is_told_at_once(
    inbox: Inbox, valkey_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Without a nudge it would wait for an hour.
    monkeypatch.setattr(module, "POLL", 3600.0)
    alice = await api.aconnection_for("telegram", 4711, alone=True)
    bob = await alice.aadd("mail", "bob@example.com")
    heard: asyncio.Queue[api.Message] = asyncio.Queue()

    async def follow() -> None:
        async for message in api.messages("mail"):
            heard.put_nowait(message)

    following = asyncio.create_task(follow())
    async with asyncio.timeout(60):
        said = await alice.asend("Hello", author="Alice", key="1")
        assert (await heard.get()).uid == said.uid
        # Until it listens, a nudge may be lost.
        while heard.empty():
            await alice.asend("Are you there?", author="Alice")
            await asyncio.sleep(0.05)
    following.cancel()
    await asyncio.wait([following])
    assert await bob.aclose()
    told = [message async for message in api.messages("telegram", follow=False)]
    assert [(message.content, message.author) for message in told] == [("The chat was ended.", "")]


# --------------------------------------------------------------------------------------------------------- in the docs

SAID = """\
To bob@example.com, from Alice: Is my parcel on its way?
To 4711, from Bob: It comes tomorrow.
"""


@pytest.mark.parametrize("page", ["README.md", "docs/python-api.md"])
def test_the_program_that_joins_two_services(
    page: str, stranger: api.Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    program = next(each for each in snippets(BASE_DIR / page) if each.language == "python")
    assert len(program.text.splitlines()) < 25
    exec(program.text, {})
    assert capsys.readouterr().out == SAID
    assert not stranger.row.messages.exists()


def test_the_page_shows_what_its_program_says() -> None:
    assert SAID in (BASE_DIR / "docs/python-api.md").read_text(encoding="utf-8")
