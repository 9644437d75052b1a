"""A session without a socket, as a request over HTTP has it: it acts as others do, hears nothing, nobody sees it."""

import json
import uuid
from typing import Any

from asgiref.sync import sync_to_async

from bridge.identity.handshake import Handshake
from bridge.live.registry import answer
from bridge.live.sessions import Session
from bridge.live.worker import Worker
from bridge.models import Inbox
from tests.web.browser import Browser
from tests.web.test_rooms import make_room


def _session(token: str | None = None) -> Session:
    process = Worker.current()
    return Session(Handshake("192.0.2.9", "curl", "", token), process.presence, process.database)


async def _ask(session: Session, command: str, **payload: Any) -> dict[str, Any]:
    frame = json.dumps({"command": command, "id": "1", "payload": payload})
    reply, _ = await answer(session, frame, Worker.current().throttler)
    return dict(json.loads(reply))


async def test_a_session_without_a_socket_writes_and_is_heard(visitor: Browser, stranger: Browser) -> None:
    first = await visitor.write("From the page")
    session = _session(visitor.token)
    started = await _ask(session, "session.start")
    assert started["payload"]["connection"]["uid"] == visitor.connection
    sent = await _ask(session, "message.send", content="Without a socket", client_id=str(uuid.uuid4()))
    assert sent["payload"]["message"]["connection"] == first["connection"]
    event = await visitor.event("message.posted")
    assert event["payload"]["messages"][0]["content"] == "Without a socket"
    assert await stranger.hears_nothing()
    session.end(clean=True)


async def test_a_session_without_a_socket_is_seen_by_nobody(stranger: Browser, inbox: Inbox) -> None:
    lobby = await sync_to_async(make_room)(inbox)
    await stranger.ok("room.join", room="lobby")
    process = Worker.current()
    session = _session()
    await _ask(session, "session.start")
    joined = await _ask(session, "room.join", room="lobby")
    assert joined["ok"]
    sent = await _ask(
        session, "message.send", connection=str(lobby.uid), content="Hi", client_id=str(uuid.uuid4())
    )
    assert sent["ok"]
    # Only who has a socket is a member, and only sockets are handed events.
    assert (await stranger.ok("room.members", room=str(lobby.uid)))["online"] == 1
    assert {len(listeners) for listeners in process.hub.listeners.values()} == {1}
    assert (await _ask(session, "room.leave", room=str(lobby.uid)))["ok"]
    refused = await _ask(session, "room.members", room=str(lobby.uid))
    assert refused["error"]["code"] == "not_found"
    session.end(clean=True)
