"""Sockets that come and vanish leave nothing behind: counted to the last, and in the memory of a server."""

import asyncio
import gc
from typing import Any

import psutil
import pytest
from channels.layers import get_channel_layer
from websockets.asyncio.client import connect

from bridge.infra import redis
from bridge.live.worker import Worker
from bridge.models import Inbox
from bridge.presence import online
from tests.processes import Site
from tests.web.conftest import Open

HUNDREDS = 200
"""Of each that left something one would be counted: so many are enough to come in several crowds."""
THOUSAND = 1000
MOST_ROUNDS = 6


async def _come_and_vanish(browser: Open, count: int, *, token: str | None) -> None:
    """Half of them properly; the others' application is cut off, as by a server that lost them."""
    sockets = []
    for _ in range(0, count, 50):
        # Opened when they start: a socket has to start its session within seconds.
        crowd = [browser(token=token) for _ in range(50)]
        await asyncio.gather(*(each.start() for each in crowd))
        sockets += crowd
    for index, each in enumerate(sockets):
        if index % 2:
            await each.leave()
        else:
            each._socket.future.cancel()
    await asyncio.gather(*(each._socket.future for each in sockets), return_exceptions=True)


@pytest.mark.timeout(600)
async def test_no_member_no_presence_no_task_stays(browser: Open, settings_without_limits: None) -> None:
    first = browser()
    await first.start()
    await first.write("Hello")
    await first.event("connection.opened")
    process, layer = Worker.current(), get_channel_layer()
    await _come_and_vanish(browser, 50, token=first.token)
    gc.collect()
    tasks = len(asyncio.all_tasks())
    groups = {group: set(members) for group, members in layer.groups.items()}

    await _come_and_vanish(browser, HUNDREDS, token=first.token)

    assert len(process.sockets) == 1
    # By its conversation, by its visitor, and by its visitor in its inbox.
    assert [len(pages) for pages in process.hub.listeners.values()] == [1, 1, 1]
    assert sum(process.addresses.values()) == 1
    assert {group: set(members) for group, members in layer.groups.items()} == groups
    assert len(layer.channels) == 1
    assert len(asyncio.all_tasks()) <= tasks
    await process.presence.flush()
    inbox = await Inbox.objects.aget()
    assert await online.acount(inbox) == (1, 0, 1)
    await first.leave()
    await process.presence.flush()
    assert [key async for key in redis.client().scan_iter("*presence*")] == []
    assert await online.acount(inbox) == (0, 0, 0)


@pytest.mark.processes
@pytest.mark.timeout(600)
async def test_a_servers_memory_is_back_within_a_tenth(tmp_path: Any) -> None:
    limits = {"DJANGO_SETTINGS_MODULE": "tests.web.unlimited"}
    with Site(tmp_path, **limits) as site:
        site.web.start()
        server = psutil.Process(site.web.pid)
        url = f"ws://127.0.0.1:{site.web_port}/ws/chat/"
        # What a process makes once is made first: caches, threads, the high water of its heap. Python 3.13 is done
        # with that after two thousand, 3.11 after one; a process that leaks is never done with it.
        warm = [await _after_a_thousand(server, url)]
        while len(warm) < 2 or warm[-1] > warm[-2] * 1.03:
            assert len(warm) < MOST_ROUNDS, f"it grows each time: {warm}"
            warm.append(await _after_a_thousand(server, url))
        after = await _after_a_thousand(server, url)
    assert after <= warm[-1] * 1.1


async def _after_a_thousand(server: psutil.Process, url: str) -> int:
    """Resident bytes, once a thousand sockets have come together and gone."""
    await _round(url, THOUSAND)
    found = await _settled(server)
    print(f"{found / 2**20:.1f} MiB")
    return found


async def _round(url: str, count: int) -> None:
    async def one() -> Any:
        socket = await connect(url, subprotocols=["chatbridge.v1"], compression=None, open_timeout=60)  # type: ignore[list-item]
        await socket.send('{"command": "session.start", "id": "1"}')
        assert '"ok":true' in str(await socket.recv())
        return socket

    sockets = []
    for _ in range(0, count, 50):
        sockets += await asyncio.gather(*(one() for _ in range(50)))
    # No goodbye: the connections are cut.
    for socket in sockets:
        socket.transport.abort()


async def _settled(server: psutil.Process) -> int:
    """Resident bytes, once the process has let go of its sockets."""
    async with asyncio.timeout(60):
        while len([each for each in server.net_connections() if each.status == "ESTABLISHED"]) > 2:  # noqa: ASYNC110
            await asyncio.sleep(0.2)
    # daphne looks for finished applications once a second.
    await asyncio.sleep(2.5)
    return int(server.memory_info().rss)
