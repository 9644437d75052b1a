"""One tab after the other that sends what no page of ours would."""

import asyncio
import json
import re
import struct
from collections import Counter
from typing import Any

from bench.client import HEADERS
from bench.fuzz.hostile import Hostile
from bridge.live import groups, registry

PATIENCE = 20.0
ENOUGH = 30
"""Refusals, after which a socket is left for another: a few more, and it is closed for flooding."""
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
ERROR = re.compile(rb'"code":"(\w+)"')


class Tab:
    """A socket of which what comes back is counted: replies by their code, ends by theirs."""

    def __init__(self, hostile: Hostile, counts: Counter[str], *, host: str, port: int) -> None:
        self._hostile, self._chance, self._counts = hostile, hostile.chance, counts
        self._host, self._port = host, port
        self._schemas = {name: entry.payload.model_json_schema() for name, entry in registry.entries.items()}
        self.refused = 0

    async def run(self, frames: int) -> int:
        """Send up to so many; returns how many were sent before it was over."""
        reader, writer = await asyncio.open_connection(self._host, self._port)
        sent = 0
        try:
            writer.write(HEADERS.format(path="/ws/chat/", host=f"{self._host}:{self._port}").encode())
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE)
            self._counts[f"handshake {head[9:12].decode()}"] += 1
            hearing = asyncio.create_task(self._hear(reader))
            while sent < frames and not hearing.done() and self.refused < ENOUGH:
                burst = [self._frame(first=not sent) for _ in range(self._chance.choice((1, 1, 5, 12)))]
                writer.write(b"".join(burst))
                await asyncio.wait_for(writer.drain(), PATIENCE)
                sent += len(burst)
                await asyncio.wait([hearing], timeout=self._chance.choice((0, 0.02, 0.05)))
            writer.write(framed(b"", opcode=CLOSE))
            await asyncio.wait([hearing], timeout=PATIENCE)
            if not hearing.done():
                self._counts["close none in time"] += 1
                hearing.cancel()
        except (OSError, asyncio.IncompleteReadError, TimeoutError) as error:
            self._counts[f"socket {type(error).__name__}"] += 1
        finally:
            writer.transport.abort()
        return sent

    async def _hear(self, reader: asyncio.StreamReader) -> None:
        try:
            while True:
                first, length = await reader.readexactly(2)
                if length == 126:
                    (length,) = struct.unpack("!H", await reader.readexactly(2))
                elif length == 127:
                    (length,) = struct.unpack("!Q", await reader.readexactly(8))
                body = await reader.readexactly(length)
                if first & 15 == CLOSE:
                    code = struct.unpack("!H", body[:2])[0] if body else 1005
                    self._counts[f"close {code}"] += 1
                    return
                if first & 15 == TEXT:
                    self._count(body)
        except (OSError, asyncio.IncompleteReadError):
            self._counts["close 1006"] += 1

    def _count(self, body: bytes) -> None:
        if body.startswith(b'{"event"'):
            self._counts["event"] += 1
        elif b'"ok":true' in body[:80]:
            self._counts["reply ok"] += 1
        else:
            self.refused += 1
            found = ERROR.search(body)
            self._counts[f"reply {found[1].decode() if found else 'odd'}"] += 1
        if self._chance.random() < 0.05:
            self._hostile.learn(json.loads(body))

    def _frame(self, *, first: bool) -> bytes:
        dice = self._chance.random()
        if first and dice < 0.9:
            token = self._hostile.known.get("token")
            payload = {"token": self._chance.choice(token)} if token and dice < 0.5 else {}
            return framed(json.dumps({"command": "session.start", "id": "0", "payload": payload}).encode())
        return self._command() if dice < 0.985 else self._broken()

    def _command(self) -> bytes:
        name = self._chance.choice(list(self._schemas))
        frame: Any = {
            "command": name,
            "id": self._hostile.word()[:20],
            "payload": self._hostile.like(self._schemas[name]),
        }
        dice = self._chance.random()
        if dice < 0.2:
            frame["payload"] = self._hostile.mutated(frame["payload"])
        elif dice < 0.23:
            frame = self._hostile.mutated(frame)
        elif dice < 0.24:
            frame = self._hostile.odd()
        # A refused command costs its socket some of its life: most are to get in.
        body = self._hostile.text(frame) if dice < 0.25 else json.dumps(frame).encode()
        return framed(body[:70_000])

    def _broken(self) -> bytes:
        """A frame that the protocol allows and we do not, or that it does not allow."""
        body = self._hostile.word().encode("utf-8", "surrogatepass")
        match self._chance.randrange(12):
            case 0:
                return framed(body, opcode=BINARY)
            case 1:
                return framed(body[:125], opcode=self._chance.choice((PING, PONG)))
            case 2:
                return framed(
                    struct.pack("!H", self._chance.choice((0, 999, 1000, 1005, 1012, 4999, 65535)))
                    + body[:50],
                    opcode=CLOSE,
                )
            case 3:
                return framed(b"", opcode=CLOSE)
            case 4:
                return framed(body, opcode=self._chance.choice((3, 7, 11, 15)))
            case 5:
                return framed(body, masked=False)
            case 6:
                return framed(b"\xff\xfe\xc0\xaf" + body)
            case 7:
                return framed(body, reserved=self._chance.choice((0x10, 0x20, 0x40)))
            case 8:
                return (
                    b"\x81\xff" + struct.pack("!Q", self._chance.choice((70_000, 2**31, 2**63))) + b"\0\0\0\0"
                )
            case 9:
                return (
                    framed(b"{", fin=False)
                    + b"".join(framed(b"", opcode=0, fin=False) for _ in range(50))
                    + framed(b"}", opcode=0)
                )
            case 10:
                return framed(b"x" * self._chance.choice((65_536, 65_537, 300_000)))
            case _:
                return framed(body * 200, opcode=self._chance.choice((PING, 0)))


def framed(
    body: bytes, *, opcode: int = TEXT, fin: bool = True, masked: bool = True, reserved: int = 0
) -> bytes:
    mask = 0x80 if masked else 0
    head = bytes([(0x80 if fin else 0) | reserved | opcode])
    if len(body) < 126:
        head += bytes([mask | len(body)])
    elif len(body) < 65_536:
        head += struct.pack("!BH", mask | 126, len(body))
    else:
        head += struct.pack("!BQ", mask | 127, len(body))
    return head + (b"\0\0\0\0" if masked else b"") + body


assert groups  # declares the commands
