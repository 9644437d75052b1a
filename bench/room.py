"""A room: a message's way to all its members beside Channels' own `group_send`, and the price of coming in.

`python -m bench.room URL MEMBERS WRITERS SECONDS PID` is the client program: it prints one line of JSON. Writers are
in the room besides the members; each writes again once all members have what he wrote. Every member's socket gets
every frame, but a frame that all of them get is looked into once.
"""

import asyncio
import itertools
import json
import re
import statistics
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from typing import Any

from bench.client import Socket, connect, cpu_seconds
from bench.servers import Bench
from tests.processes import HERE

Row = dict[str, Any]
MARK = re.compile(rb"way:(\d+):")
PATIENCE = 120.0
JOINS = 40
AT_ONCE = 25
MAKE = """
from bridge.chat.actions import save_room
from bridge.models import Inbox, Room
room = Room(inbox=Inbox.objects.get(name="default"), slug="bench", name="Bench")
save_room(room, endpoints={"discord": "9" * 18}, is_open=True)
"""
FILL = """
from bridge.models import Connection
from tests.seeding import seed
seed(messages={messages}, connections=1)
Connection.objects.order_by("-id")[:1].get()
newest = Connection.objects.latest("id").pk
Connection.objects.filter(pk=newest).update(kind="room", slug="bench", name="Bench", visitor=None)
"""


def spread(
    bench: Bench, *, members: int, writers: list[int], seconds: float, rounds: int
) -> list[tuple[int, Row, Row]]:
    """For each number of writers: the plain consumer's and ours, in turn; the median round by what was delivered."""
    bench.manage("shell", "-c", MAKE)
    found = []
    for count in writers:
        pairs = []
        for _ in range(rounds):
            plain = client(bench.group_url, members, count, seconds, bench.plain.pid)
            pairs.append((plain, client(bench.chat_url, members, count, seconds, bench.web.pid)))
        pairs.sort(key=lambda pair: pair[1]["per_second"] / pair[0]["per_second"])
        found.append((count, *pairs[len(pairs) // 2]))
    return found


def client(url: str, members: int, writers: int, seconds: float, pid: int) -> Row:
    arguments = ["-m", "bench.room", url, str(members), str(writers), str(seconds), str(pid)]
    done = subprocess.run(
        [sys.executable, *arguments], cwd=HERE, capture_output=True, text=True, timeout=seconds + 300
    )
    if done.returncode != 0:
        raise SystemExit(f"the client failed:\n{done.stderr}")
    return dict(json.loads(done.stdout))


def joining(few: Bench, many: Bench, *, messages: int) -> tuple[float, float]:
    """Milliseconds in which a newcomer joins a room of ten thousand messages, and one of `messages`."""
    for bench, count in ((few, 10_000), (many, messages)):
        bench.manage("shell", "-c", FILL.format(messages=count))
        bench.web.start()
    taken: tuple[list[float], list[float]] = ([], [])
    # In turn, since other work on the machine comes and goes.
    for _ in range(JOINS):
        for bench, times in zip((few, many), taken, strict=True):
            times.append(asyncio.run(_join_once(bench.chat_url)))
    return statistics.median(taken[0]) * 1000, statistics.median(taken[1]) * 1000


async def _join_once(url: str) -> float:
    socket = await connect(url)
    await ask(socket, "session.start")
    start = time.perf_counter()
    joined = await ask(socket, "room.join", room="bench")
    taken = time.perf_counter() - start
    assert len(joined["messages"]) == 50, len(joined["messages"])
    socket.transport.abort()
    return taken


async def ask(socket: Socket, command: str, **payload: Any) -> Any:
    answered: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def heard(body: bytes) -> None:
        if body.startswith(b'{"reply"') and not answered.done():
            answered.set_result(body)

    socket.heard = heard
    socket.send(json.dumps({"command": command, "id": "1", "payload": payload}).encode())
    reply = json.loads(await asyncio.wait_for(answered, PATIENCE))
    assert reply["ok"], reply
    return reply["payload"]


class Crowd:
    """The members, who count what reaches them, and the writers."""

    def __init__(self, members: int) -> None:
        self.members = members
        self.times: list[tuple[float, float]] = []
        self._left: dict[bytes, int] = {}
        self._waiting: dict[bytes, tuple[float, asyncio.Future[None]]] = {}
        self._looked_into: dict[bytes, list[bytes]] = {}
        self._numbers = itertools.count()

    def heard(self, body: bytes) -> None:
        marks = self._looked_into.get(body)
        if marks is None:
            if len(self._looked_into) > 200:
                self._looked_into.clear()
            # Of those that tell that it was carried on, which the plain one has none of, nobody waits for any.
            posted = b'"message.posted"' in body or body.startswith(b"way:")
            marks = self._looked_into[body] = MARK.findall(body) if posted else []
        for mark in marks:
            left = self._left[mark] = self._left[mark] - 1
            if left == 0:
                self._arrived(mark)

    def _arrived(self, mark: bytes) -> None:
        del self._left[mark]
        sent, future = self._waiting.pop(mark)
        now = time.perf_counter()
        self.times.append((now, now - sent))
        if not future.done():
            future.set_result(None)

    async def write(self, send: Callable[[str], None]) -> None:
        """Until all members have it."""
        number = str(next(self._numbers))
        mark = number.encode()
        self._left[mark] = self.members
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[mark] = (time.perf_counter(), future)
        send(f"way:{number}: Hello, is the blue one in stock?")
        await asyncio.wait_for(future, PATIENCE)


async def run(url: str, members: int, writers: int, seconds: float, pid: int) -> Row:
    crowd = Crowd(members)
    sockets = await _come_in(url, members)
    for socket in sockets:
        socket.heard = crowd.heard
    speakers = await _come_in(url, writers)
    for socket in speakers:
        socket.heard = lambda body: None
    room = speakers[0].room if hasattr(speakers[0], "room") else ""
    sends = [_speaker(socket, room) for socket in speakers]
    # Those who came are told of, and nothing else is going on.
    await asyncio.sleep(1.5)
    end = time.perf_counter() + 0.5 + seconds

    async def go_on(send: Callable[[str], None]) -> None:
        while time.perf_counter() < end:
            await crowd.write(send)

    going = [asyncio.ensure_future(go_on(send)) for send in sends]
    await asyncio.sleep(0.5)
    start, cpu = time.perf_counter(), cpu_seconds(pid)
    await asyncio.gather(*going)
    taken, cpu = time.perf_counter() - start, cpu_seconds(pid) - cpu
    ways = sorted(way for at, way in crowd.times if at >= start)
    for socket in [*sockets, *speakers]:
        socket.transport.abort()
    return {
        "per_second": len(ways) * members / taken,
        "messages": len(ways) / taken,
        "p50": ways[len(ways) // 2] * 1000,
        "p99": ways[int(len(ways) * 0.99)] * 1000,
        "cpu": cpu / len(ways) * 1000,
    }


async def _come_in(url: str, count: int) -> list[Any]:
    """Some at a time, and those who are in keep their sockets alive meanwhile: it may take minutes."""
    found: list[Any] = []
    heard_at = time.monotonic()
    while len(found) < count:
        some = await asyncio.gather(*(connect(url) for _ in range(min(AT_ONCE, count - len(found)))))
        if "/ws/chat/" in url:
            await asyncio.gather(*(_join(socket) for socket in some))
            if time.monotonic() - heard_at > 20:
                heard_at = time.monotonic()
                for socket in found:
                    socket.send(b'{"command":"ping","id":"p","payload":{}}')
        found += some
    return found


async def _join(socket: Any) -> None:
    await ask(socket, "session.start")
    socket.room = (await ask(socket, "room.join", room="bench"))["room"]["uid"]


def _speaker(socket: Socket, room: str) -> Callable[[str], None]:
    def send(text: str) -> None:
        if not room:
            socket.send(text.encode())
            return
        payload = {"connection": room, "client_id": str(uuid.uuid4()), "content": text}
        socket.send(json.dumps({"command": "message.send", "id": "1", "payload": payload}).encode())

    return send


if __name__ == "__main__":
    try:
        import uvloop

        runner = uvloop.run
    except ImportError:
        runner = asyncio.run
    address, *numbers = sys.argv[1:]
    row = runner(run(address, int(numbers[0]), int(numbers[1]), float(numbers[2]), int(numbers[3])))
    print(json.dumps(row), flush=True)
