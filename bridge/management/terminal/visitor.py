"""A visitor's terminal: his conversation and the rooms he joins, through the same socket as a browser."""

import asyncio
import contextlib
from collections.abc import Coroutine, Iterable
from pathlib import Path
from typing import Any

from bridge.errors import BridgeError
from bridge.infra.tasks import cancel_and_wait
from bridge.management.terminal.client import Client, Frame, NotConnected
from bridge.management.terminal.talks import Talk
from bridge.management.terminal.terminal import Terminal
from bridge.management.terminal.text import note, one_line
from bridge.management.terminal.typed import Deed
from bridge.protocol.events import PASSING

GATHER = 0.3
"""Seconds that a hole among the events has to fill by itself."""
SHOWN_AT_START = 20
PATIENCE = 10.0
"""Seconds that a command waits for a connection."""


class Visitor:
    """`kept`: the file with his token, so that he is the same the next time; None: somebody new."""

    def __init__(
        self, terminal: Terminal, *, url: str, inbox: str, nick: str | None = None, kept: Path | None = None
    ) -> None:
        self._terminal = terminal
        self._inbox, self._nick, self._kept = inbox, nick, kept
        self._token = kept.read_text().strip() if kept and kept.exists() else None
        self._client = Client(
            url, begin=self._begin, event=self._event, lost=self._wrong, checking=self._checking
        )
        self._own: Talk | None = None
        self._rooms: dict[str, Talk] = {}
        self._now: Talk | None = None
        """Where what is written goes: a room; None: his own conversation."""
        self._names: set[str] = set()
        self._started = False
        self._waiting: asyncio.Queue[tuple[str, Talk | None]] = asyncio.Queue()
        self._tasks: list[asyncio.Task[None]] = []
        self._syncing: set[asyncio.Task[None]] = set()
        self.deeds = {
            "rooms": Deed(self.rooms, "/rooms", "list the rooms"),
            "join": Deed(self.join, "/join ROOM [KEY]", "enter a room"),
            "members": Deed(self.members, "/members", "list who is in this room"),
            "leave": Deed(self.leave, "/leave", "leave this room, and return to your own conversation"),
            "chat": Deed(self.chat, "/chat", "write in your own conversation without leaving the room"),
            "nick": Deed(self.nick, "/nick NAME", "change your name here"),
            "more": Deed(self.more, "/more", "show earlier messages"),
            "close": Deed(self.close, "/close", "end your conversation"),
            "list": Deed(self.conversations, "/list", "list your conversations, latest activity first"),
            "read": Deed(self.read, "/read CODE", "read one of them"),
            "reopen": Deed(self.reopen, "/reopen CODE", "continue one that has ended"),
        }

    async def start(self) -> None:
        self._tasks = [asyncio.create_task(self._client.run()), asyncio.create_task(self._send_waiting())]

    async def stop(self) -> None:
        await cancel_and_wait(*self._tasks, *self._syncing)

    @property
    def prompt(self) -> str:
        return one_line(f"#{self._now.room}" if self._now else self._nick or "")

    def words(self) -> Iterable[str]:
        return sorted(self._names)

    async def ready(self) -> None:
        await self._client.ready(PATIENCE)

    async def drained(self) -> None:
        await self._waiting.join()

    async def say(self, text: str) -> None:
        """Sent in its turn, also where there is no connection just now."""
        self._waiting.put_nowait((text, self._now))

    async def _send_waiting(self) -> None:
        while True:
            text, talk = await self._waiting.get()
            try:
                sent = await self._client.send(text, connection=talk.uid if talk else None)
            except BridgeError as refusal:
                self._wrong(f"Not sent: {refusal.message}")
            else:
                self._took(sent["message"])
            finally:
                self._waiting.task_done()

    def _took(self, message: dict[str, Any]) -> None:
        talk = self._rooms.get(message["connection"])
        if talk is None:
            talk = self._own_talk(message["connection"], me=message["author"]["id"])
        self._show(talk, [message])

    def _own_talk(self, uid: str, *, me: str) -> Talk:
        if self._own is None or self._own.uid != uid:
            self._own = Talk(uid, me)
        return self._own

    async def _begin(self) -> None:
        """With each new socket: who he is, what he missed, and into his rooms again."""
        wanted: dict[str, Any] = {"inbox": self._inbox}
        wanted |= {"token": self._token} if self._token else {}
        wanted |= {"nick": self._nick} if self._nick else {}
        started = await self._client.command("session.start", **wanted)
        self._token, self._nick = started["token"] or self._token, started["nick"]
        self._keep_token()
        if not self._started:
            self._started = True
            self._greet(started)
        elif self._own is not None or started["connection"]:
            self._note("Connected again.")
        if (connection := started["connection"]) is not None:
            talk = self._own_talk(connection["uid"], me=connection["participant"])
            if not talk.revision:
                self._show(talk, started["messages"][-SHOWN_AT_START:])
                talk.revision = connection["revision"]
            await self._sync(talk)
        for talk in list(self._rooms.values()):
            await self._enter(talk.room, talk.key)

    def _greet(self, started: dict[str, Any]) -> None:
        inbox = started["inbox"]
        unread = started["earlier"]["unread"]
        online = "The team is online." if started["staff_online"] else "The team is away."
        self._note(
            f"{inbox['title']}. {inbox['greeting']}\n{online} You are {self._nick}; /help lists the commands."
        )
        if unread:
            self._note(f"Unread in earlier conversations: {unread}. /list shows them.")

    def _keep_token(self) -> None:
        if self._kept is None or not self._token:
            return
        self._kept.parent.mkdir(parents=True, exist_ok=True)
        self._kept.touch(mode=0o600)
        self._kept.write_text(self._token)

    async def rooms(self, rest: str) -> None:
        if (found := await self._ask("room.list")) is not None:
            self._names |= {room["slug"] for room in found["rooms"]}
            rows = [f"{room['slug']}  {room['name']}  ({room['online']} here)" for room in found["rooms"]]
            self._note("\n".join(rows) or "There are no open rooms.")

    async def join(self, rest: str) -> None:
        room, _, key = rest.partition(" ")
        if not room:
            self._wrong("Which one? /rooms lists them.")
            return
        await self._client.ready(PATIENCE)
        try:
            self._now = await self._enter(room, key.strip())
        except BridgeError as refusal:
            self._wrong(refusal.message)
        except NotConnected:
            self._wrong("There is no connection right now.")

    async def _enter(self, room: str, key: str) -> Talk:
        joined = await self._client.command("room.join", room=room, key=key)
        uid = joined["connection"]["uid"]
        new = uid not in self._rooms
        talk = self._rooms.setdefault(uid, Talk(uid, joined["you"]["id"], joined["room"]["slug"], key))
        talk.me = joined["you"]["id"]
        self._names |= {talk.room, *(each["name"] for each in joined["members"])}
        if new:
            self._note(f"--- {joined['room']['name']}: {joined['room']['topic']} ---")
        self._show(talk, joined["messages"][-SHOWN_AT_START:] if new else joined["messages"])
        talk.revision = joined["connection"]["revision"]
        return talk

    async def members(self, rest: str) -> None:
        if self._now is None:
            self._note("Only you and the team can read this. /rooms lists the rooms.")
        elif (found := await self._ask("room.members", room=self._now.uid)) is not None:
            self._names |= {each["name"] for each in found["members"]}
            names = [each["name"] for each in found["members"]]
            self._note(f"{found['online']} here: {', '.join(map(one_line, names))}")

    async def leave(self, rest: str) -> None:
        talk, self._now = self._now, None
        if talk is not None:
            self._rooms.pop(talk.uid, None)
            await self._ask("room.leave", room=talk.uid)

    async def chat(self, rest: str) -> None:
        self._now = None

    async def nick(self, rest: str) -> None:
        payload = {"connection": self._now.uid} if self._now else {}
        if not self._now and self._own is not None:
            payload = {"connection": self._own.uid}
        if (changed := await self._ask("nick.set", nick=rest, **payload)) is not None:
            if self._now is None:
                self._nick = changed["nick"]
            self._note(f"You are {changed['nick']}.")

    async def more(self, rest: str) -> None:
        talk = self._now or self._own
        if talk is None or talk.first <= 1:
            self._note("This is the beginning.")
            return
        page = await self._ask("history.page", connection=talk.uid, before=talk.first, limit=SHOWN_AT_START)
        if page is not None:
            self._note("--- earlier ---")
            self._show(talk, page["messages"])
            self._note("--- until here ---" if page["has_more"] else "--- this is the beginning ---")

    async def close(self, rest: str) -> None:
        if self._own is None:
            self._note("You have not written yet.")
        elif await self._ask("connection.close", connection=self._own.uid) is not None:
            self._note("It has ended. Write again whenever you like.")

    async def conversations(self, rest: str) -> None:
        for row in await self._listed():
            unread = f", {row['unread']} unread" if row["unread"] else ""
            state = "open" if row["state"] == "open" else "ended"
            self._note(f"{row['uid'][:8]}  {one_line(row['title'])[:80]}  ({state}{unread})")

    async def _listed(self) -> list[dict[str, Any]]:
        """The newest of them; a note where there are none."""
        found = await self._ask("connection.list", limit=SHOWN_AT_START)
        rows = found["connections"] if found else []
        self._names |= {row["uid"][:8] for row in rows}
        if found and not rows:
            self._note("You have not written yet.")
        return list(rows)

    async def _find(self, code: str) -> dict[str, Any] | None:
        found = [row for row in await self._listed() if code and row["uid"].startswith(code.lower())]
        if len(found) != 1:
            self._wrong("Which one? /list shows them.")
            return None
        return found[0]

    async def read(self, rest: str) -> None:
        if (row := await self._find(rest)) is None:
            return
        talk = Talk(row["uid"], row["participant"])
        page = await self._ask("history.page", connection=talk.uid, limit=SHOWN_AT_START)
        if page is not None:
            self._note(f"--- {talk.uid[:8]} ---")
            self._show(talk, page["messages"])
            self._note("--- until here ---")

    async def reopen(self, rest: str) -> None:
        if (row := await self._find(rest)) is None:
            return
        if await self._ask("connection.reopen", connection=row["uid"]) is not None:
            self._now = None
            await self._sync(self._own_talk(row["uid"], me=row["participant"]))

    async def _ask(self, name: str, **payload: Any) -> Any:
        """The reply; None where there is none, and then somebody was told why."""
        await self._client.ready(PATIENCE)
        try:
            return await self._client.command(name, **payload)
        except BridgeError as refusal:
            self._wrong(refusal.message)
        except NotConnected:
            self._wrong("There is no connection right now.")
        return None

    def _event(self, frame: Frame) -> None:
        name, payload = frame["event"], frame["payload"]
        talk = self._talk_of(frame.get("connection", ""))
        if talk is None and name == "message.posted":
            self._elsewhere(frame["connection"], payload["messages"])
        if name in PASSING:
            self._passing(name, payload, talk)
        elif talk is not None:
            if frame["since"] > talk.revision:
                self._later(talk)
            else:
                talk.revision = max(talk.revision, frame["revision"])
            self._show(talk, payload.get("messages", []))
        # Also before the reply to what reopened it, when it is not shown yet.
        if name == "connection.closed" and talk is not None:
            self._note("This conversation has ended.")
        elif name == "connection.reopened":
            self._note("This conversation was reopened.")

    def _elsewhere(self, uid: str, messages: Iterable[Frame]) -> None:
        """In a conversation that has ended, while another is open."""
        if any(
            each["author"] and each["author"]["role"] == "staff" and each["kind"] == "message"
            for each in messages
        ):
            self._names.add(uid[:8])
            self._note(f"There is an answer in an earlier conversation: /read {uid[:8]}")

    def _talk_of(self, uid: str) -> Talk | None:
        if self._own is not None and self._own.uid == uid:
            return self._own
        return self._rooms.get(uid)

    def _passing(self, name: str, payload: dict[str, Any], talk: Talk | None) -> None:
        if name == "presence.changed":
            self._note("The team is online." if payload["staff_online"] else "The team is away.")
        elif name == "participant.joined" and talk:
            names = [each["name"] for each in payload["participants"] if each["id"] != talk.me]
            self._names |= set(names)
            if names:
                self._note(f"#{talk.room}: {', '.join(map(one_line, names))} joined")
        elif name == "participant.renamed" and talk:
            self._names.add(payload["participant"]["name"])
            was, now = one_line(payload["previous"]), one_line(payload["participant"]["name"])
            self._note(f"#{talk.room}: {was} is now called {now}")

    def _later(self, talk: Talk) -> None:
        self._start(self._fill(talk))

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._syncing.add(task)
        task.add_done_callback(self._syncing.discard)

    async def _tell_read(self, uid: str, seq: int) -> None:
        """It was shown: an earlier conversation has nothing unread that was shown here."""
        with contextlib.suppress(BridgeError, NotConnected):
            await self._client.command("receipt.read", connection=uid, seq=seq)

    async def _fill(self, talk: Talk) -> None:
        await asyncio.sleep(GATHER)
        try:
            await self._sync(talk)
        except (BridgeError, NotConnected):
            # The next event, or the next socket, asks again.
            return

    async def _sync(self, talk: Talk) -> None:
        """What this terminal missed."""
        more = True
        while more:
            reply = await self._client.command("connection.sync", connection=talk.uid, since=talk.revision)
            self._show(talk, reply["messages"])
            talk.revision, more = max(talk.revision, reply["revision"]), reply["has_more"]

    def _show(self, talk: Talk, messages: Iterable[Frame]) -> None:
        for message, change in talk.news(messages):
            if message["author"]:
                self._names.add(message["author"]["name"])
            self._terminal.show(talk.lines(message, change, width=self._terminal.width))
            if not talk.room and message["author"] and message["author"]["id"] != talk.me:
                self._start(self._tell_read(talk.uid, message["seq"]))

    def _checking(self) -> None:
        self._note("This chat checks new visitors: one moment…")

    def _note(self, text: str) -> None:
        self._terminal.show(note(text))

    def _wrong(self, text: str) -> None:
        self._terminal.show(note(text, "class:wrong"))
