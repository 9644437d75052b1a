"""(c) page to Discord and (d) Discord to page, by way of the bot and the sandbox."""

import asyncio
import json
import time
import uuid
from typing import Any

from bench.client import Socket, connect, cpu_seconds
from bench.servers import Bench
from bridge.sandbox.client import SandboxClient

DISCORD_EPOCH = 1_420_070_400.0
PATIENCE = 60.0

Row = dict[str, Any]


class Visitor:
    """A conversation with its thread; counts what was said by the text of it."""

    def __init__(self, socket: Socket, number: int) -> None:
        self.socket, self.number, self.thread = socket, number, ""
        self.sent: dict[str, float] = {}
        self.count = 0
        self._waiting: dict[str, asyncio.Future[float]] = {}
        socket.heard = self._heard

    def _heard(self, body: bytes) -> None:
        frame = json.loads(body)
        if "reply" in frame:
            assert frame["ok"], frame
            self._arrived(f"reply {frame['reply']}")
        elif frame["event"] in {"message.delivered", "message.posted"}:
            for message in frame["payload"]["messages"]:
                self._arrived(f"{frame['event']} {message['content']}")

    def _arrived(self, name: str) -> None:
        waiting = self._waiting.pop(name, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(time.time())

    async def until(self, name: str) -> float:
        """When it arrived."""
        self._waiting[name] = asyncio.get_running_loop().create_future()
        return await asyncio.wait_for(self._waiting[name], PATIENCE)

    async def ask(self, command: str, **payload: Any) -> None:
        self.count += 1
        self.socket.send(json.dumps({"command": command, "id": str(self.count), "payload": payload}).encode())
        await self.until(f"reply {self.count}")

    async def to_discord(self) -> None:
        """Write, and wait until the bot says that it stands in the thread."""
        text = f"visitor {self.number} message {self.count}"
        self.sent[text] = time.time()
        delivered = asyncio.ensure_future(self.until(f"message.delivered {text}"))
        await asyncio.sleep(0)
        await self.ask("message.send", client_id=str(uuid.uuid4()), content=text)
        await delivered

    async def from_discord(self, sandbox: SandboxClient) -> float:
        """Staff write; seconds until it is here."""
        self.count += 1
        text = f"staff to {self.number} message {self.count}"
        arriving = asyncio.ensure_future(self.until(f"message.posted {text}"))
        await asyncio.sleep(0)
        start = time.time()
        await sandbox.post_as("ada", self.thread, text)
        return await arriving - start


async def both(bench: Bench, *, visitors: int, seconds: float) -> dict[str, Row]:
    async with SandboxClient(bench.sandbox_url) as sandbox:
        await sandbox.settings(rate_limits=False)
        everybody = [Visitor(await connect(bench.chat_url), number) for number in range(visitors)]
        for visitor in everybody:
            await visitor.ask("session.start")
        # The first one opens the thread.
        await asyncio.gather(*(visitor.to_discord() for visitor in everybody))
        for visitor in everybody:
            visitor.sent.clear()
        there = await _for(seconds, everybody, lambda visitor: visitor.to_discord(), bench)
        arrived = await _arrivals(sandbox, everybody)
        there |= _spread([arrived[text] - at for each in everybody for text, at in each.sent.items()])
        back_taken: list[float] = []

        async def back(visitor: Visitor) -> None:
            back_taken.append(await visitor.from_discord(sandbox))

        here = await _for(seconds, everybody, back, bench) | _spread(back_taken)
        for visitor in everybody:
            visitor.socket.transport.abort()
        return {"c": there, "d": here}


async def _for(seconds: float, everybody: list[Visitor], act: Any, bench: Bench) -> Row:
    count, end = 0, time.monotonic() + seconds

    async def go_on(visitor: Visitor) -> None:
        nonlocal count
        while time.monotonic() < end:
            await act(visitor)
            count += 1

    start = time.monotonic()
    pids = (bench.web.pid, bench.bot.pid)
    cpu = sum(map(cpu_seconds, pids))
    await asyncio.gather(*(go_on(visitor) for visitor in everybody))
    taken = time.monotonic() - start
    return {
        "count": count,
        "per_second": count / taken,
        "cpu": (sum(map(cpu_seconds, pids)) - cpu) / count * 1000,
    }


async def _arrivals(sandbox: SandboxClient, everybody: list[Visitor]) -> dict[str, float]:
    """When each text was stored by the sandbox, as its snowflake says; and whose thread is whose."""
    arrived: dict[str, float] = {}
    for thread in await sandbox.threads():
        for message in await sandbox.messages(thread["id"]):
            at = (int(message["id"]) >> 22) / 1000 + DISCORD_EPOCH
            for line in message["content"].splitlines():
                arrived[line] = at
                if line.startswith("visitor "):
                    everybody[int(line.split()[1])].thread = thread["id"]
    return arrived


def _spread(taken: list[float]) -> Row:
    ordered = sorted(taken)
    return {"p50": ordered[len(ordered) // 2] * 1000, "p99": ordered[int(len(ordered) * 0.99)] * 1000}
