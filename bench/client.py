"""The one client program: many sockets in a closed loop, each sending its next frame when it has its reply.

`python -m bench.client URL VISITORS SECONDS PID` prints one line of JSON; PID is the server whose CPU is counted.
It speaks just enough WebSocket to be no bottleneck: frames are masked with zeros, and only the first bytes of what
comes in are looked at.
"""

import asyncio
import json
import os
import struct
import sys
import time
import uuid
from collections.abc import Callable
from urllib.parse import urlsplit

HEADERS = (
    "GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Protocol: chatbridge.v1\r\n\r\n"
)
NO_MASK = b"\0\0\0\0"


def framed(body: bytes) -> bytes:
    """One masked text frame."""
    length = len(body)
    if length < 126:
        return struct.pack("!BB", 0x81, 0x80 | length) + NO_MASK + body
    if length < 65536:
        return struct.pack("!BBH", 0x81, 0xFE, length) + NO_MASK + body
    return struct.pack("!BBQ", 0x81, 0xFF, length) + NO_MASK + body


class Socket(asyncio.Protocol):
    """One socket. `heard` gets the body of each text frame."""

    def __init__(self, path: str, host: str) -> None:
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.heard: Callable[[bytes], None] = lambda body: None
        self.closed_with: bytes | None = None
        self._request = HEADERS.format(path=path, host=host).encode()
        self._buffer = b""
        self._upgraded = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: asyncio.Transport = transport  # type: ignore[assignment]
        transport.write(self._request)

    def connection_lost(self, error: Exception | None) -> None:
        if not self.opened.done():
            self.opened.set_exception(error or ConnectionError(self._buffer[:200].decode("latin-1")))

    def send(self, body: bytes) -> None:
        self.transport.write(framed(body))

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer + data if self._buffer else data
        if not self._upgraded:
            head, end, buffer = buffer.partition(b"\r\n\r\n")
            if not end:
                self._buffer = head
                return
            if b" 101 " not in head[:20]:
                self.opened.set_exception(ConnectionError(head.decode("latin-1")))
                return
            self._upgraded = True
            self.opened.set_result(None)
        at = 0
        while len(buffer) - at >= 2:
            length, start = buffer[at + 1], at + 2
            if length == 126:
                if len(buffer) < at + 4:
                    break
                length, start = struct.unpack_from("!H", buffer, at + 2)[0], at + 4
            elif length == 127:
                if len(buffer) < at + 10:
                    break
                length, start = struct.unpack_from("!Q", buffer, at + 2)[0], at + 10
            if len(buffer) < start + length:
                break
            opcode, body = buffer[at] & 15, buffer[start : start + length]
            at = start + length
            if opcode == 1:
                self.heard(body)
            elif opcode == 8:
                self.closed_with = body
            elif opcode == 9:
                self.transport.write(struct.pack("!BB", 0x8A, 0x80 | len(body)) + NO_MASK + body)
        self._buffer = buffer[at:]


async def connect(url: str) -> Socket:
    parts = urlsplit(url)
    _, socket = await asyncio.get_running_loop().create_connection(
        lambda: Socket(parts.path, parts.netloc), parts.hostname, parts.port
    )
    await socket.opened
    return socket


class Visitor:
    """Writes, waits for the acknowledgement, writes again."""

    def __init__(self, socket: Socket, times: list[tuple[float, float]]) -> None:
        self.socket = socket
        self.times = times
        self.running = True
        self._sent_at = 0.0
        self._count = 0
        self._name = os.urandom(8).hex()[:15].encode()
        self._waiting: asyncio.Future[bytes] | None = None
        socket.heard = self._heard

    async def ask(self, command: str, **payload: object) -> dict[str, object]:
        self._waiting = asyncio.get_running_loop().create_future()
        self.socket.send(json.dumps({"command": command, "id": "1", "payload": payload}).encode())
        reply = json.loads(await asyncio.wait_for(self._waiting, 30))
        self._waiting = None
        assert reply["ok"], reply
        return dict(reply["payload"])

    async def begin(self) -> None:
        await self.ask("session.start")
        await self.ask("message.send", client_id=str(uuid.uuid4()), content="The first message")

    def write(self) -> None:
        self._count += 1
        self._sent_at = time.perf_counter()
        # A UUID of version 7, as our page makes them.
        self.socket.send(
            b'{"command":"message.send","id":"%d","payload":{"client_id":"%012x7%03x8%s",'
            b'"content":"Hello, is the blue one in stock?"}}'
            % (self._count, int(time.time() * 1000), self._count & 0xFFF, self._name)
        )

    def _heard(self, body: bytes) -> None:
        if not body.startswith((b'{"reply"', b'{"command"')):
            return
        if self._waiting is not None:
            self._waiting.set_result(body)
            return
        now = time.perf_counter()
        if b'"ok":false' in body[:40]:
            raise SystemExit(f"refused: {body.decode()}")
        self.times.append((now, now - self._sent_at))
        if self.running:
            self.write()


def cpu_seconds(pid: int) -> float:
    """What a process and its threads used so far."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def run(url: str, visitors: int, seconds: float, pid: int, warm: float = 0.5) -> dict[str, float]:
    times: list[tuple[float, float]] = []
    everybody = [Visitor(await connect(url), times) for _ in range(visitors)]
    if "/ws/chat/" in url:
        for visitor in everybody:
            await visitor.begin()
    for visitor in everybody:
        visitor.write()
    await asyncio.sleep(warm)
    start, cpu = time.perf_counter(), cpu_seconds(pid)
    await asyncio.sleep(seconds)
    end, cpu = time.perf_counter(), cpu_seconds(pid) - cpu
    for visitor in everybody:
        visitor.running = False
    await asyncio.sleep(0.2)
    for visitor in everybody:
        visitor.socket.transport.close()
    taken = sorted(latency for at, latency in times if start <= at < end)
    assert taken, "no frame was answered"
    return {
        "count": len(taken),
        "per_second": len(taken) / (end - start),
        "p50": taken[len(taken) // 2] * 1000,
        "p99": taken[int(len(taken) * 0.99)] * 1000,
        "cpu": cpu / len(taken) * 1000,
    }


if __name__ == "__main__":
    # Browsers are other machines: here, too, a frame that arrives must not push the server off its core.
    os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    try:
        import uvloop

        runner = uvloop.run
    except ImportError:
        runner = asyncio.run
    print(
        json.dumps(runner(run(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])))),
        flush=True,
    )
