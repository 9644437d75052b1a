"""What an idle visitor costs, beside the plain consumer joined to two groups."""

import asyncio
import gc

from bench.client import Socket, connect
from bench.servers import Bench, resident

START = b'{"command":"session.start","id":"1","payload":{}}'


async def idle(bench: Bench, *, sockets: int) -> tuple[float, float]:
    """KiB a socket: the plain consumer's, ours with its session started."""
    plain = await _cost(bench.idle_url, bench.plain.pid, sockets, start=False)
    ours = await _cost(bench.chat_url, bench.web.pid, sockets, start=True)
    return plain, ours


async def _cost(url: str, pid: int, count: int, *, start: bool) -> float:
    # What the first ones make is not theirs alone.
    first = await _open(url, 100, start=start)
    await asyncio.sleep(1)
    before = resident(pid)
    sockets = await _open(url, count, start=start)
    await asyncio.sleep(2)
    cost = (resident(pid) - before) / count / 1024
    for socket in first + sockets:
        socket.transport.abort()
    gc.collect()
    return cost


async def _open(url: str, count: int, *, start: bool) -> list[Socket]:
    sockets: list[Socket] = []
    while len(sockets) < count:
        some = await asyncio.gather(*(connect(url) for _ in range(min(50, count - len(sockets)))))
        if start:
            await asyncio.gather(*(_start(socket) for socket in some))
        sockets += some
    return sockets


async def _start(socket: Socket) -> None:
    answered: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
    socket.heard = answered.set_result
    socket.send(START)
    assert b'"ok":true' in await asyncio.wait_for(answered, 60)
    socket.heard = lambda body: None
