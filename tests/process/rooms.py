"""A room in two web processes, of which one is killed."""

import asyncio
import json
import time
from pathlib import Path
from typing import Any, Self

from websockets.asyncio.client import ClientConnection, connect

from bridge.protocol import SUBPROTOCOL
from tests.processes import HOST, Site, answers, free_ports

MINUTE = 60.0
MAKE = """
from bridge.chat.actions import save_room
from bridge.models import Inbox, Room
room = Room(inbox=Inbox.objects.get(name="default"), slug="lobby", name="Lobby")
save_room(room, endpoints={"discord": "9" * 18}, is_open=True)
"""


class Member:
    """Somebody in the room, who keeps the events that he hears."""

    def __init__(self, port: int, token: str | None = None) -> None:
        self.token = token
        self.url = f"ws://{HOST}:{port}/ws/chat/"
        self.you: dict[str, Any] = {}

    async def __aenter__(self) -> Self:
        subprotocols: list[Any] = [SUBPROTOCOL]
        self.socket: ClientConnection = await connect(self.url, subprotocols=subprotocols)
        self.token = (await self.ask("session.start", token=self.token))["token"]
        self.joined = await self.ask("room.join", room="lobby")
        self.you = self.joined["you"]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.socket.close()

    async def ask(self, command: str, **payload: Any) -> dict[str, Any]:
        await self.socket.send(json.dumps({"command": command, "id": "1", "payload": payload}))
        while "reply" not in (frame := json.loads(await self.socket.recv())):
            pass
        assert frame["ok"], frame
        return dict(frame["payload"])

    async def hears(self, event: str) -> dict[str, Any]:
        """The next of these, with whatever else comes before it left out."""
        while (frame := json.loads(await self.socket.recv())).get("event") != event:
            pass
        return dict(frame["payload"])


async def lost_with_their_process(folder: Path) -> str:
    """Members of a web process that is killed are missed within a minute, once, and nobody else is."""
    with Site(folder / "var") as site:
        (port,) = free_ports(1)
        arguments = ["-m", "daphne", "-b", HOST, "-p", str(port), "chatbridge_site.asgi:application"]
        other = site._part("other", arguments, lambda: answers(f"http://{HOST}:{port}/"))
        site.parts = (*site.parts, other)
        site.manage("shell", "-c", MAKE)
        site.web.start()
        other.start()
        async with Member(port) as watcher, Member(site.web_port) as here, Member(site.web_port) as there:
            names = {here.you["id"], there.you["id"]}
            came: set[str] = set()
            while not names <= came:
                joined = await watcher.hears("participant.joined")
                came |= {each["id"] for each in joined["participants"]}
            # One of the two has a second tab, in the process that lives.
            async with Member(port, there.token) as tab:
                assert tab.you == there.you
                site.web.kill()
                killed = time.monotonic()
                left = await asyncio.wait_for(watcher.hears("participant.left"), MINUTE)
                taken = time.monotonic() - killed
                assert left["participants"] == [here.you["id"]], (left, here.you, there.you)
                assert not left["clean"]
                members = await watcher.ask("room.members", room=here.joined["room"]["uid"])
                assert {each["id"] for each in members["members"]} == {watcher.you["id"], there.you["id"]}
        return f"missed {taken:.0f} s after the kill; the one with a second tab elsewhere stayed"
