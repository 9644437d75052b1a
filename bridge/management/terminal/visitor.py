"""A visitor in the terminal: their own conversation, the rooms that they are in, and what is shown of these."""

import asyncio
import contextlib
from collections.abc import Coroutine, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bridge.management.terminal.client import Client, Frame, NotConnected, Refused
from bridge.management.terminal.lines import message_lines, note, one_line
from bridge.management.terminal.screen import Screen

PAGE = 20
"""Messages or conversations that are shown at once."""


@dataclass
class Talk:
    """A conversation, or a room."""

    uid: str
    me: str
    """The visitor's `author.id` in it."""
    room: str = ""
    key: str = ""
    """The key of a room that is only reached by its link."""
    revision: int = 0
    first: int = 0
    """The position of the oldest message that was shown."""
    shown: dict[str, tuple[str, bool]] = field(default_factory=dict)
    """The content of each message when it was shown, and whether it was deleted."""


class Visitor:
    """With a `token_file`, they are the same visitor next time; without it, a new one each time."""

    def __init__(
        self,
        screen: Screen,
        tasks: asyncio.TaskGroup,
        *,
        url: str,
        inbox: str,
        nick: str | None,
        token_file: Path | None,
    ) -> None:
        self._screen, self._tasks, self.words = screen, tasks, screen.words
        self._inbox, self.nick, self._token_file = inbox, nick, token_file
        self._token = token_file.read_text().strip() if token_file and token_file.exists() else ""
        self.client = Client(url, begin=self._begin, event=self._event, warn=self.warn)
        self.own: Talk | None = None
        self.rooms: dict[str, Talk] = {}
        self.room: Talk | None = None
        """Where messages are sent; None: to their own conversation."""
        self._is_greeted = False

    @property
    def prompt(self) -> str:
        return one_line(f"#{self.room.room}" if self.room else self.nick or "")

    def note(self, text: str) -> None:
        self._screen.show(note(text))

    def warn(self, text: str) -> None:
        self._screen.show(note(text, "ansired"))

    async def _begin(self) -> None:
        """Start the session of a new socket, get missed messages, and enter the rooms again."""
        wanted = {"inbox": self._inbox, "token": self._token or None, "nick": self.nick}
        started = await self.client.command("session.start", **wanted)
        self.nick = started["nick"]
        self._store_token(started["token"])
        self._greet(started)
        if connection := started["connection"]:
            talk = self.own_talk(connection["uid"], me=connection["participant"])
            if not talk.revision:
                self.show(talk, started["messages"][-PAGE:])
                talk.revision = connection["revision"]
            await self.sync(talk)
        for talk in list(self.rooms.values()):
            try:
                await self.enter(talk.room, talk.key)
            except Refused as refusal:
                self.warn(f"#{talk.room}: {refusal}")

    def _store_token(self, token: str) -> None:
        self._token = token or self._token
        if self._token_file:
            self._token_file.parent.mkdir(parents=True, exist_ok=True)
            self._token_file.touch(mode=0o600)
            self._token_file.write_text(self._token)

    def _greet(self, started: Frame) -> None:
        if self._is_greeted:
            self.note("Connected again.")
            return
        self._is_greeted = True
        inbox, unread = started["inbox"], started["earlier"]["unread"]
        self.note(f"{inbox['title']}. {inbox['greeting']}")
        online = "The team is online." if started["staff_online"] else "The team is away."
        self.note(f"{online} You are {self.nick}; /help lists the commands.")
        if unread:
            self.note(f"Unread in earlier conversations: {unread}. /list shows them.")

    def own_talk(self, uid: str, *, me: str) -> Talk:
        if self.own is None or self.own.uid != uid:
            self.own = Talk(uid, me)
        return self.own

    async def enter(self, room: str, key: str) -> Talk:
        joined = await self.client.command("room.join", room=room, key=key)
        connection, me, messages = joined["connection"], joined["you"]["id"], joined["messages"]
        talk = self.rooms.get(connection["uid"])
        self.words |= {joined["room"]["slug"], *(member["name"] for member in joined["members"])}
        if talk is None:
            talk = self.rooms[connection["uid"]] = Talk(connection["uid"], me, joined["room"]["slug"], key)
            self.note(f"--- {joined['room']['name']}: {joined['room']['topic']} ---")
            messages = messages[-PAGE:]
        self.show(talk, messages)
        talk.revision = connection["revision"]
        return talk

    async def send(self, text: str) -> None:
        target = {"connection": self.room.uid} if self.room else {}
        message = await self.client.send(text, **target)
        talk = self.rooms.get(message["connection"])
        talk = talk or self.own_talk(message["connection"], me=message["author"]["id"])
        self.show(talk, [message])
        if message["revision"] == talk.revision + 1:
            talk.revision += 1

    async def sync(self, talk: Talk) -> None:
        """Show missed messages."""
        has_more = True
        while has_more:
            reply = await self.client.command("connection.sync", connection=talk.uid, since=talk.revision)
            self.show(talk, reply["messages"])
            talk.revision, has_more = max(talk.revision, reply["revision"]), reply["has_more"]

    def show(self, talk: Talk, messages: Iterable[Frame]) -> None:
        """Show each message once, in order, and again if it has changed."""
        unread = 0
        for message in sorted(messages, key=lambda message: message["seq"]):
            talk.first = min(talk.first or message["seq"], message["seq"])
            before = talk.shown.get(message["uid"])
            now = (message["content"], message["deleted_at"] is not None)
            if before == now:
                continue
            talk.shown[message["uid"]] = now
            is_own = False
            if author := message["author"]:
                self.words.add(author["name"])
                is_own = author["id"] == talk.me
                unread = unread if is_own else message["seq"]
            edited, width = before is not None, self._screen.width
            self._screen.show(message_lines(message, edited=edited, own=is_own, room=talk.room, width=width))
        if unread and not talk.room:
            self._later(self.client.command("receipt.read", connection=talk.uid, seq=unread))

    def _later(self, work: Coroutine[Any, Any, Any]) -> None:
        """Do this in the background. If it fails, the next event or socket does it again."""

        async def attempt() -> None:
            with contextlib.suppress(Refused, NotConnected):
                await work

        self._tasks.create_task(attempt())

    def _event(self, frame: Frame) -> None:
        name, payload, uid = frame["event"], frame["payload"], frame.get("connection", "")
        talk = self.own if self.own and self.own.uid == uid else self.rooms.get(uid)
        if name == "presence.changed":
            self.note("The team is online." if payload["staff_online"] else "The team is away.")
        elif name == "connection.reopened":
            # This may come before the command's reply, when it is not yet known as their own conversation.
            self.note("This conversation was reopened.")
        elif talk is None and name == "message.posted":
            self._show_late_answer(uid, payload["messages"])
        if talk:
            self._apply(frame, talk)

    def _apply(self, frame: Frame, talk: Talk) -> None:
        """Show an event of their own conversation, or of a room that they are in."""
        payload = frame["payload"]
        if "since" in frame:
            if frame["since"] > talk.revision:
                self._later(self.sync(talk))
            else:
                talk.revision = max(talk.revision, frame["revision"])
            self.show(talk, payload.get("messages", []))
        if frame["event"] == "connection.closed":
            self.note("This conversation has ended.")
        elif frame["event"] == "participant.joined":
            names = [author["name"] for author in payload["participants"] if author["id"] != talk.me]
            self.words.update(names)
            if names:
                self.note(f"#{talk.room}: {', '.join(map(one_line, names))} joined")
        elif frame["event"] == "participant.renamed":
            name = payload["participant"]["name"]
            self.words.add(name)
            self.note(f"#{talk.room}: {one_line(payload['previous'])} is now called {one_line(name)}")

    def _show_late_answer(self, uid: str, messages: Iterable[Frame]) -> None:
        """Show that there is an answer in an earlier conversation, while another one is open."""
        if any(
            message["kind"] == "message" and message["author"] and message["author"]["role"] == "staff"
            for message in messages
        ):
            self.words.add(uid[:8])
            self.note(f"There is an answer in an earlier conversation: /read {uid[:8]}")
