"""Rooms are made and changed here, each with a Discord channel of its own."""

import pytest
from django.test import Client
from django.urls import reverse

from bridge.models import Connection, Inbox, Message, Room

ADD = reverse("admin:bridge_room_add")
CHANNEL = "1180000000000000021"


def good(inbox: Inbox, **changed: str) -> dict[str, str]:
    return {
        "inbox": str(inbox.pk),
        "name": "The lobby",
        "slug": "Lobby",
        "topic": "Anything goes",
        "access": "open",
        "slow_mode": "0",
        "channel": CHANNEL,
        "is_open": "on",
        **changed,
    }


def change(room: Room) -> str:
    return reverse("admin:bridge_room_change", args=[room.pk])


@pytest.fixture
def lobby(staff: Client, inbox: Inbox) -> Room:
    assert staff.post(ADD, good(inbox)).status_code == 302
    return Room.objects.get()


def test_staff_make_a_room(lobby: Room, staff: Client) -> None:
    assert (lobby.kind, lobby.slug, lobby.state, lobby.link_key) == ("room", "lobby", "open", "")
    endpoint = lobby.endpoints.get()
    assert (endpoint.service, endpoint.remote_id) == ("discord", CHANNEL)
    page = staff.get(change(lobby)).content.decode()
    assert "/rooms/lobby/" in page
    assert CHANNEL in page


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        ("channel", "#lobby", "Copy Channel ID"),
        ("channel", "", "required"),
        ("channel", "١١٨٠٠٠٠٠٠٠٠٠٠٠٠٠٠٢١", "Copy Channel ID"),
        ("slug", "the lobby", "valid"),
        ("slug", "", "required"),
        ("name", "", "required"),
        ("slow_mode", "-1", "greater than or equal to 0"),
        ("access", "secret", "valid choice"),
    ],
)
def test_a_mistake_is_refused_in_words(staff: Client, inbox: Inbox, field: str, value: str, why: str) -> None:
    response = staff.post(ADD, good(inbox, **{field: value}))
    assert why in response.content.decode()
    assert not Room.objects.exists()


def test_what_an_address_is_can_be_read(staff: Client, inbox: Inbox) -> None:
    page = staff.get(ADD).content.decode()
    assert "/rooms/…/" in page
    assert "<slug>" not in page


def test_a_channel_and_an_address_are_one_rooms(staff: Client, lobby: Room, inbox: Inbox) -> None:
    page = staff.post(ADD, good(inbox, slug="LOBBY")).content.decode()
    assert "Another room already has this address." in page
    assert "This channel already belongs to the room “The lobby”." in page
    assert Room.objects.count() == 1


def test_the_channel_of_private_conversations_is_no_rooms(staff: Client, inbox: Inbox) -> None:
    Inbox.objects.create(name="shop", discord_channel_id="1180000000000000099")
    page = staff.post(ADD, good(inbox, channel="1180000000000000099")).content.decode()
    assert "A room needs a channel of its own" in page
    assert not Room.objects.exists()


def test_a_rooms_channel_is_no_inboxs(staff: Client, lobby: Room, inbox: Inbox) -> None:
    form = {
        "name": "shop",
        "title": "Shop",
        "discord_channel_id": CHANNEL,
        "max_upload": "10",
        "email_after": "0",
    }
    page = staff.post(reverse("admin:bridge_inbox_add"), form).content.decode()
    assert "This channel belongs to the room “The lobby”." in page
    assert not Inbox.objects.filter(name="shop").exists()


def test_a_room_by_link_has_an_address_that_nobody_can_guess(
    staff: Client, lobby: Room, inbox: Inbox
) -> None:
    staff.post(change(lobby), good(inbox, access="link"))
    lobby.refresh_from_db()
    first = lobby.link_key
    assert len(first) >= 20
    assert f"/rooms/lobby/{first}/" in staff.get(change(lobby)).content.decode()
    staff.post(change(lobby), good(inbox, access="link", topic="Another"))
    lobby.refresh_from_db()
    assert (lobby.link_key, lobby.topic) == (first, "Another")
    staff.post(change(lobby), good(inbox, access="link", new_link="on"))
    lobby.refresh_from_db()
    assert lobby.link_key not in {"", first}


def test_a_room_is_closed_and_opened_and_what_was_said_meanwhile_counts(
    staff: Client, lobby: Room, inbox: Inbox
) -> None:
    Connection.objects.filter(pk=lobby.pk).update(revision=7, last_seq=7)
    closed = {name: value for name, value in good(inbox).items() if name != "is_open"}
    staff.post(change(lobby), closed)
    lobby.refresh_from_db()
    assert (lobby.state, lobby.last_seq) == ("closed", 7)
    staff.post(change(lobby), good(inbox))
    lobby.refresh_from_db()
    assert (lobby.state, lobby.revision) == ("open", 9)


def test_a_room_in_which_something_was_said_keeps_its_channel(
    staff: Client, lobby: Room, inbox: Inbox
) -> None:
    other = "1180000000000000055"
    staff.post(change(lobby), good(inbox, channel=other))
    assert lobby.endpoints.get().remote_id == other
    Message.objects.create(connection=lobby, seq=1, revision=1, content="Hello")
    page = staff.post(change(lobby), good(inbox, channel=CHANNEL)).content.decode()
    assert "create another room" in page
    assert lobby.endpoints.get().remote_id == other


def test_a_stranger_sees_no_rooms_and_a_viewer_changes_none(
    stranger: Client, viewer: Client, lobby: Room, inbox: Inbox
) -> None:
    assert stranger.get(change(lobby)).status_code == 403
    assert stranger.post(ADD, good(inbox, slug="mine")).status_code == 403
    assert viewer.get(change(lobby)).status_code == 200
    assert viewer.post(change(lobby), good(inbox, topic="Mine")).status_code == 403
    assert Room.objects.get().topic == "Anything goes"


def test_private_conversations_are_in_no_list_of_rooms(
    staff: Client, conversation: Connection, lobby: Room
) -> None:
    page = staff.get(reverse("admin:bridge_room_changelist")).content.decode()
    assert "The lobby" in page
    assert conversation.nick not in page
    assert staff.get(reverse("admin:bridge_room_change", args=[conversation.pk])).status_code == 302
