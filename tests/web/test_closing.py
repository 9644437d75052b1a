"""Each way in which a socket ends has its code."""

import asyncio
import time
from typing import Any

import pytest

from bridge.live import consumers
from bridge.live.worker import Worker
from tests.web.browser import Browser
from tests.web.clock import Clock
from tests.web.conftest import Open


def _later(seconds: float) -> None:
    """What the process does every two seconds, as if so much time had passed."""
    for socket in tuple(Worker.current().sockets):
        socket.check(time.monotonic() + seconds)


@pytest.mark.parametrize("offered", [(), ("chat",), ("chatbridge.v2", "chat")])
async def test_a_socket_without_our_subprotocol_is_closed_with_4400(
    browser: Open, offered: tuple[str, ...]
) -> None:
    other = browser(subprotocols=offered)
    # One of those it offered, or a browser would hear no code.
    assert await other.open() == next(iter(offered), None)
    assert await other.closed() == 4400


async def test_ours_is_chosen_among_several(browser: Open) -> None:
    assert await browser(subprotocols=("x", "chatbridge.v1")).open() == "chatbridge.v1"


async def test_a_socket_that_starts_no_session_is_closed_with_4401(browser: Open) -> None:
    silent = browser()
    await silent.open()
    _later(consumers.START_WITHIN / 2)
    assert await silent.refused("ping") == "not_identified"
    _later(consumers.START_WITHIN + 1)
    assert await silent.closed() == 4401


async def test_a_socket_that_sends_nothing_is_closed_with_4408(visitor: Browser) -> None:
    _later(consumers.HEARTBEAT / 2)
    await visitor.ok("ping")
    _later(consumers.HEARTBEAT + 5)
    assert await visitor.closed() == 4408


async def test_a_socket_that_pings_stays_however_long_it_does(
    visitor: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr(consumers, "time", clock)
    for _ in range(8):
        clock.ahead += consumers.HEARTBEAT / 3
        await visitor.ok("ping")
        # Just before the next one is due: long after the socket was opened, not after the last frame.
        for socket in tuple(Worker.current().sockets):
            socket.check(clock.monotonic() + consumers.HEARTBEAT / 3)
    assert clock.ahead > 2 * consumers.HEARTBEAT
    # Any frame counts, also one that is refused.
    clock.ahead += consumers.HEARTBEAT - 1
    await visitor.send_text("x")
    assert (await visitor.receive())["error"]["code"] == "invalid_frame"
    for socket in tuple(Worker.current().sockets):
        socket.check(clock.monotonic() + consumers.HEARTBEAT - 1)
    await visitor.ok("ping")
    for socket in tuple(Worker.current().sockets):
        socket.check(clock.monotonic() + consumers.HEARTBEAT + 1)
    assert await visitor.closed() == 4408


async def test_a_flood_of_refused_frames_is_closed_with_4429(visitor: Browser) -> None:
    for _ in range(consumers.MOST_REFUSALS + 10):
        await visitor.send_text("x")
    refused = [await visitor.receive() for _ in range(consumers.MOST_REFUSALS)]
    assert {each["error"]["code"] for each in refused} == {"invalid_frame"}
    assert await visitor.closed() == 4429


async def test_of_a_burst_of_sockets_no_more_get_in_than_may(browser: Open, settings: Any) -> None:
    """Also where all of them arrive before the first was looked at: it is counted before anything is waited for."""
    settings.BRIDGE_SOCKETS_PER_ADDRESS = 5
    burst = [browser() for _ in range(12)]
    await asyncio.gather(*(each.open() for each in burst))
    ends = await asyncio.gather(*(_end_of(each) for each in burst))
    assert sorted(ends, key=str) == [4429] * 7 + [None] * 5
    assert Worker.current().addresses["192.0.2.1"] == 5


async def test_a_burst_from_another_site_is_counted_before_that_is_looked_up(
    browser: Open, settings: Any
) -> None:
    settings.BRIDGE_SOCKETS_PER_ADDRESS = 5
    burst = [browser(origin="https://evil.example") for _ in range(12)]
    await asyncio.gather(*(each.open() for each in burst))
    ends = await asyncio.gather(*(each.closed() for each in burst))
    assert sorted(ends) == [4403] * 5 + [4429] * 7
    assert not Worker.current().addresses


async def test_a_full_process_sends_newcomers_away_before_any_work(
    browser: Open, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.BRIDGE_SOCKETS = 3
    # Two that never start a session take their place as well.
    inside = [browser(address=f"203.0.113.{number}") for number in range(3)]
    await inside[0].start()
    for each in inside[1:]:
        await each.open()
    asked: list[Any] = []
    monkeypatch.setattr(Worker.current().database, "run", lambda *call: asked.append(call))
    for number in range(3):
        outside = browser(address=f"198.51.100.{number}", origin="https://elsewhere.example")
        await outside.open()
        message = await outside._socket.receive_output(60)
        assert (message["type"], message["code"]) == ("websocket.close", 1013)
        assert "reconnect" in message["reason"]
    assert asked == []
    monkeypatch.undo()
    await inside[1].leave()
    newcomer = browser(address="198.51.100.9")
    await newcomer.start()


async def _end_of(socket: Browser) -> int | None:
    """The close code, None where it stays."""
    return None if await socket._socket.receive_nothing(0.5) else await socket.closed()


async def test_more_sockets_than_one_address_may_have_are_closed_with_4429(
    browser: Open, settings: Any
) -> None:
    settings.BRIDGE_SOCKETS_PER_ADDRESS = 2
    first, second, third = browser(), browser(), browser()
    await first.start()
    await second.start()
    await third.open()
    assert await third.closed() == 4429
    elsewhere = browser(address="203.0.113.9")
    await elsewhere.start()
    await first.leave()
    fourth = browser()
    assert await fourth.start()


async def test_a_stopping_server_writes_what_waits_and_closes_with_1012(visitor: Browser) -> None:
    from bridge.models import Message

    await visitor.write("Hello")
    await visitor.send(
        {
            "command": "message.send",
            "id": "9",
            "payload": {"client_id": "0" * 32, "content": "on its way"},
        }
    )
    while len(Worker.current().writer) == 0:  # noqa: ASYNC110  # it is there at the next turn
        await asyncio.sleep(0)
    # What daphne does at its end.
    visitor._socket.future.cancel()
    assert await visitor.closed() == 1012
    assert await Message.objects.acount() == 2


async def test_a_page_behind_a_proxy_is_counted_by_its_own_address(browser: Open, settings: Any) -> None:
    settings.BRIDGE_SOCKETS_PER_ADDRESS = 1

    def behind(forwarded: str) -> Browser:
        return browser(address="10.0.0.1", headers=((b"x-forwarded-for", forwarded.encode()),))

    # Nobody stands in front: anybody may have written that header.
    await behind("1.1.1.1").start()
    liar = behind("2.2.2.2")
    await liar.open()
    assert await liar.closed() == 4429
    settings.TRUSTED_PROXIES = 2
    await behind("6.6.6.6, 1.1.1.1, 10.0.0.2").start()
    again = behind("7.7.7.7, 1.1.1.1, 10.0.0.2")
    await again.open()
    assert await again.closed() == 4429
    await behind("6.6.6.6, 2001:db8:1:2::1, 10.0.0.2").start()
    same_household = behind("2001:db8:1:2:ffff::9, 10.0.0.2")
    await same_household.open()
    assert await same_household.closed() == 4429
