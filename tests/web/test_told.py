"""Signals for other apps, of what visitors do in a web process."""

from collections.abc import Iterator
from typing import Any

import pytest
from asgiref.sync import sync_to_async

from bridge import signals
from bridge.chat import actions, hooks
from bridge.live.worker import Worker
from bridge.models import Connection, Inbox
from tests.web.browser import Browser
from tests.web.conftest import Open


@pytest.fixture
def told() -> Iterator[list[Any]]:
    """Who came, went and is back: the signal's name, his nick, and whether he went by himself."""
    told: list[Any] = []

    def receiver(signal: Any, participant: Any, **more: Any) -> None:
        assert participant.connection_id == more["connection"].pk
        told.append((signal.name, participant.nick, *([more["clean"]] if "clean" in more else [])))

    wanted = [signals.connection_accessed, signals.participant_joined, signals.participant_left]
    for each in wanted:
        each.connect(receiver)
    yield told
    for each in wanted:
        each.disconnect(receiver)
    assert hooks.drain(60)


async def test_a_visitor_who_has_a_conversation_is_back(browser: Open, told: list[Any]) -> None:
    visitor = browser()
    await visitor.start(nick="Ada")
    assert hooks.drain(60)
    assert told == []
    await visitor.write("Hello")
    await visitor.leave()
    again = browser(token=visitor.token)
    await again.start()
    stranger = browser(address="198.51.100.7")
    await stranger.start(nick="Stranger")
    assert hooks.drain(60)
    assert told == [("participant_joined", "Ada"), ("connection_accessed", "Ada")]


@pytest.fixture
def room(inbox: Inbox) -> Connection:
    room = Connection(inbox=inbox, slug="lobby", name="Lobby")
    actions.save_room(room, endpoints={"discord": "5000"}, is_open=True)
    return room


async def test_coming_into_a_room_and_going_are_told_once_whatever_the_number_of_tabs(
    browser: Open, room: Connection, told: list[Any]
) -> None:
    ada, tab = browser(), browser()
    await ada.start()
    tab.token = ada.token
    await tab.start()
    await ada.ok("room.join", room="lobby", nick="Ada")
    await tab.ok("room.join", room="lobby")
    presence = Worker.current().presence
    await presence.flush()
    await ada.ok("room.leave", room=str(room.uid))
    await presence.flush()
    assert hooks.drain(60)
    assert told == [("participant_joined", "Ada")]
    await tab.ok("room.leave", room=str(room.uid))
    await presence.flush()
    assert hooks.drain(60)
    assert told == [("participant_joined", "Ada"), ("participant_left", "Ada", True)]


async def test_who_is_lost_did_not_go_by_himself(
    browser: Open, room: Connection, told: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bridge.presence.registry.GRACE", {True: 0.0, False: 0.0})
    ada = browser()
    await ada.start()
    await ada.ok("room.join", room="lobby", nick="Ada")
    presence = Worker.current().presence
    await presence.flush()
    await vanish(ada)
    await presence.flush()
    assert hooks.drain(60)
    assert told == [("participant_joined", "Ada"), ("participant_left", "Ada", False)]


async def vanish(browser: Browser) -> None:
    """Its machine is gone: the server closes the socket, and hears no word of the browser's."""
    await browser._socket.send_input({"type": "websocket.disconnect", "code": 1006})
    await browser.leave()


async def test_what_visitors_change_is_told(browser: Open) -> None:
    told: list[tuple[str, str, str]] = []

    def receiver(signal: Any, message: Any, source: str, **_: Any) -> None:
        told.append((signal.name, message.content, source))

    wanted = [signals.message_posted, signals.message_edited, signals.message_deleted]
    for each in wanted:
        each.connect(receiver)
    visitor = browser()
    await visitor.start()
    message = await visitor.write("Helo")
    assert hooks.drain(60)
    await visitor.ok("message.edit", message=message["uid"], content="Hello")
    assert hooks.drain(60)
    await visitor.ok("message.delete", message=message["uid"])
    await sync_to_async(hooks.drain)(60)
    for each in wanted:
        each.disconnect(receiver)
    assert told == [
        ("message_posted", "Helo", "web"),
        ("message_edited", "Hello", "web"),
        ("message_deleted", "", "web"),
    ]
