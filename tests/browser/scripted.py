"""A server that does what a test tells it: it stands at the other end of the page's socket.

What the page sends is checked against the protocol's own models, so that a test here cannot pass with frames that
the real server would refuse.
"""

import asyncio
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from playwright.async_api import Page, WebSocketRoute
from pydantic import TypeAdapter

from bridge import protocol
from bridge.errors import BridgeError, Code
from bridge.live.registry import entries
from bridge.protocol.commands import (
    ConnectionList,
    ConnectionOnly,
    ConnectionSync,
    ContactSet,
    Frame,
    HistoryPage,
    MessageEdit,
    MessageOnly,
    MessageSend,
    NoPayload,
    ReactionChange,
    ReceiptRead,
    SessionStart,
)
from bridge.protocol.events import EVENTS
from bridge.protocol.frames import error_frame, event_frame, reply_frame, rfc3339
from bridge.protocol.outgoing import MessageOut

Json = dict[str, Any]


class Refused(Exception):
    def __init__(self, code: str, **details: object) -> None:
        super().__init__(code)
        self.code, self.details = code, details


class Script:
    """One visitor's conversation, and how the server behaves."""

    def __init__(self) -> None:
        self.uid = str(uuid.uuid4())
        self.visitor = _author("Brave Otter", "visitor", "web")
        self.ada = _author("Ada Lovelace", "staff", "discord")
        self.messages: list[Json] = []
        self.others: list[Json] = []
        """What connection.list has: the visitor's other conversations."""
        self.revision = 0
        self.read_seq = 0
        self.state = "open"
        self.ahead = timedelta()
        """By how much its clock is ahead of the test's."""
        self.page_size = 50
        self.max_upload = 10 * 2**20
        self.contact: Json = {"name": "", "email": "", "identified": False}
        self.email_after = 0
        self.received: list[tuple[str, Json]] = []
        self.sockets = 0
        self.refuse: dict[str, list[Refused]] = {}
        """Per command: what to answer the next ones with."""
        self.silent: set[str] = set()
        """Commands that get no reply."""
        self._socket: WebSocketRoute | None = None
        self._arrived = asyncio.Condition()

    async def serve(self, page: Page) -> None:
        await page.route_web_socket("**/ws/chat/", self._accept)

    # ------------------------------------------------------- what happened

    def commands(self, name: str) -> list[Json]:
        """The payloads of these commands so far."""
        return [payload for command, payload in self.received if command == name]

    async def wait_for(self, name: str, count: int = 1) -> list[Json]:
        async with self._arrived, asyncio.timeout(60):
            await self._arrived.wait_for(lambda: len(self.commands(name)) >= count)
        return self.commands(name)

    # ------------------------------------------------------- what is said

    def say(self, author: Json | None, content: str, *, minutes_ago: float = 0, **fields: Any) -> Json:
        """Store a message. It is not announced."""
        self.revision += 1
        message = {
            "uid": str(uuid.uuid4()),
            "connection": self.uid,
            "kind": "message",
            "seq": len(self.messages) + 1,
            "revision": self.revision,
            "client_id": None,
            "author": author,
            "content": content,
            "gap_size": None,
            "created_at": rfc3339(datetime.now(UTC) - timedelta(minutes=minutes_ago)),
            "edited_at": None,
            "deleted_at": None,
            "state": "sent",
            "failure": "",
            "reply_to": None,
            "attachments": [],
            "reactions": [],
            **fields,
        }
        TypeAdapter(MessageOut).validate_python(message)
        self.messages.append(message)
        return message

    def quote(self, uid: uuid.UUID | str) -> Json:
        (message,) = (each for each in self.messages if each["uid"] == str(uid))
        name = message["author"]["name"]
        return {
            "uid": str(uid),
            "seq": message["seq"],
            "name": name,
            "role": message["author"]["role"],
            "content": message["content"],
            "deleted": False,
        }

    def change(self, message: Json, **fields: Any) -> Json:
        self.revision += 1
        message |= {"revision": self.revision, **fields}
        return message

    def restore(self, count: int) -> None:
        """The database is an older one: it has the first so many messages, and knows of no revision after them."""
        del self.messages[count:]
        self.revision = max((int(each["revision"]) for each in self.messages), default=0)
        self.read_seq = min(self.read_seq, count)

    def announce(self, event: str, message: Json) -> None:
        self.send_event(
            event, {"messages": [message]}, since=message["revision"] - 1, revision=message["revision"]
        )

    def answer(self, content: str) -> Json:
        """Staff say something, and the page is told."""
        message = self.say(self.ada, content)
        self.announce("message.posted", message)
        return message

    def send_event(self, event: str, payload: Any, **revisions: int) -> None:
        TypeAdapter(EVENTS[event]).validate_python(payload)
        connection = None if event == "presence.changed" else self.uid
        self._send(event_frame(event, payload, connection=connection, **revisions))

    async def block(self) -> None:
        """Staff blocked him: he is told, and closed."""
        refusal = BridgeError(Code.BLOCKED, "You have been blocked here.")
        self._send(error_frame(None, refusal))
        await self.close(protocol.CLOSE_FORBIDDEN)

    async def close(self, code: int) -> None:
        assert self._socket is not None
        await self._socket.close(code=code)

    # ------------------------------------------------------- the socket

    def _accept(self, socket: WebSocketRoute) -> None:
        self._socket = socket
        self.sockets += 1
        socket.on_message(self._receive)

    def _send(self, frame: bytes) -> None:
        assert self._socket is not None
        self._socket.send(frame.decode())

    async def _receive(self, text: str | bytes) -> None:
        frame = Frame.model_validate_json(text)
        entry = entries[frame.command]
        payload = entry.payload.model_validate(frame.payload)
        async with self._arrived:
            self.received.append((frame.command, payload.model_dump(mode="json")))
            self._arrived.notify_all()
        if frame.command in self.silent:
            return
        if refusals := self.refuse.get(frame.command):
            refused = refusals.pop(0)
            error = {"code": refused.code, "message": "No.", "details": refused.details}
            self._send(orjson.dumps({"reply": frame.id, "ok": False, "error": error}))
            return
        handler: Callable[[Any], Any] = getattr(self, "_on_" + frame.command.replace(".", "_"))
        reply = handler(payload)
        TypeAdapter(entry.reply).validate_python(reply)
        self._send(reply_frame(frame.id, reply, warning=entry.warning))

    def _connection(self) -> Json:
        return {
            "uid": self.uid,
            "kind": "private",
            "state": self.state,
            "revision": self.revision,
            "participant": self.visitor["id"],
            "read_seq": self.read_seq,
        }

    def _on_session_start(self, _: SessionStart) -> Json:
        page = self.messages[-self.page_size :]
        return {
            "visitor": "visitor",
            "token": "token",
            "nick": self.visitor["name"],
            "contact": self.contact,
            "connection": self._connection() if self.messages else None,
            "messages": page,
            "has_more": len(page) < len(self.messages),
            "earlier": {
                "connections": len(self.others),
                "unread": sum(each["unread"] for each in self.others),
            },
            "staff_online": True,
            "inbox": {
                "name": "default",
                "title": "Chat with us",
                "greeting": "Hello!",
                "edit_window": 900,
                "max_upload": self.max_upload,
                "upload_types": ["image/*"],
                "email_after": self.email_after,
            },
            "time": self._time(),
        }

    def _time(self) -> str:
        return rfc3339(datetime.now(UTC) + self.ahead)

    def _on_connection_list(self, _: ConnectionList) -> Json:
        return {"connections": self.others, "has_more": False}

    def _on_contact_set(self, payload: ContactSet) -> Json:
        self.contact = {**self.contact, "email": payload.email or ""}
        return {"contact": self.contact}

    def _on_message_send(self, payload: MessageSend) -> Json:
        client_id = str(payload.client_id)
        known = [each for each in self.messages if each["client_id"] == client_id]
        if known:
            return {"message": {**known[0], "own": True}}
        quote = self.quote(payload.reply_to) if payload.reply_to else None
        message = self.say(self.visitor, payload.content, client_id=client_id, reply_to=quote)
        self.announce("message.posted", message)
        return {"message": {**message, "own": True}}

    def _on_message_retry(self, payload: MessageOnly) -> Json:
        message = next(each for each in self.messages if each["uid"] == str(payload.message))
        self.announce("message.posted", self.change(message, state="sent", failure=""))
        return {"message": {**message, "own": True}}

    def _on_message_edit(self, payload: MessageEdit) -> Json:
        return self._changed("message.edited", payload.message, content=payload.content, edited_at=_now())

    def _on_message_delete(self, payload: MessageOnly) -> Json:
        return self._changed("message.deleted", payload.message, content="", deleted_at=_now())

    def _changed(self, event: str, uid: uuid.UUID, **fields: Any) -> Json:
        (message,) = (each for each in self.messages if each["uid"] == str(uid))
        self.announce(event, self.change(message, **fields))
        return {"message": {**message, "own": True}}

    def _on_history_page(self, payload: HistoryPage) -> Json:
        before = payload.before if payload.before is not None else len(self.messages) + 1
        older = [each for each in self.messages if each["seq"] < before]
        page = older[-payload.limit :]
        return {"messages": page, "has_more": len(page) < len(older)}

    def _on_connection_close(self, _: ConnectionOnly) -> Json:
        self.revision += 1
        self.state = "closed"
        return {"connection": self._connection()}

    def _on_connection_sync(self, payload: ConnectionSync) -> Json:
        if payload.since > self.revision:
            page = self.messages[-self.page_size :]
            has_more = len(page) < len(self.messages)
            newest = {"messages": page, "revision": self.revision, "has_more": has_more, "reset": True}
            return {"connection": self._connection(), **newest}
        changed = [each for each in self.messages if each["revision"] > payload.since]
        return {
            "connection": self._connection(),
            "messages": sorted(changed, key=lambda each: int(each["revision"])),
            "revision": self.revision,
            "has_more": False,
            "reset": False,
        }

    def _on_reaction_add(self, payload: ReactionChange) -> Json:
        return self._react(payload, added=True)

    def _on_reaction_remove(self, payload: ReactionChange) -> Json:
        return self._react(payload, added=False)

    def _react(self, payload: ReactionChange, *, added: bool) -> Json:
        (message,) = [each for each in self.messages if each["uid"] == str(payload.message)]
        counts = {each["emoji"]: each["count"] for each in message["reactions"]}
        counts[payload.emoji] = counts.get(payload.emoji, 0) + (1 if added else -1)
        shown = [{"emoji": emoji, "count": count} for emoji, count in counts.items() if count]
        changed = self.change(message, reactions=shown)
        self.send_event(
            "reaction.changed",
            {
                "messages": [changed],
                "participant": self.visitor["id"],
                "emoji": payload.emoji,
                "added": added,
            },
            since=changed["revision"] - 1,
            revision=changed["revision"],
        )
        own = [{**each, "own": added and each["emoji"] == payload.emoji} for each in shown]
        return {"message": {**changed, "own": False, "reactions": own}}

    def _on_receipt_read(self, payload: ReceiptRead) -> Json:
        self.read_seq = payload.seq
        return {}

    def _on_typing_start(self, _: ConnectionOnly) -> Json:
        return {}

    def _on_ping(self, _: NoPayload) -> Json:
        return {"heads": {self.uid: self.revision} if self.messages else {}, "time": self._time()}


def _now() -> str:
    return rfc3339(datetime.now(UTC))


def _author(name: str, role: str, service: str) -> Json:
    return {
        "id": str(uuid.uuid4()),
        "name": name,
        "role": role,
        "service": service,
        "avatar": "",
        "colour": "",
    }
