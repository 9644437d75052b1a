"""Publishing never gets in the way, and what is published reaches the sockets that it is for."""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer

from bridge.chat import publishing
from bridge.chat.publishing import Change, Publisher
from bridge.live.hub import Hub
from bridge.live.send_queue import SendQueue
from bridge.protocol import CLOSE_TRY_LATER
from tests.web.browser import Browser


class Ear:
    """A socket as the hub sees it."""

    def __init__(self, name: str = "ear") -> None:
        self.name = name
        self.heard: list[str] = []
        self.news = asyncio.Event()
        self.ended: list[int] = []
        self.followed: list[str] = []

    def deliver(self, text: str) -> None:
        self.heard.append(text)
        self.news.set()

    def end(self, code: int) -> None:
        self.ended.append(code)

    def follow(self, connection: str) -> None:
        self.followed.append(connection)


@pytest_asyncio.fixture
async def hub(valkey_url: str) -> AsyncIterator[Hub]:
    publishing.use_loop(asyncio.get_running_loop())
    made = Hub()
    await made.start()
    yield made
    await made.stop()


async def _heard(ear: Ear, count: int) -> list[str]:
    async with asyncio.timeout(60):
        while len(ear.heard) < count:
            ear.news.clear()
            await ear.news.wait()
    return ear.heard


async def test_a_change_reaches_those_who_joined_and_nobody_else(hub: Hub) -> None:
    ear, stranger = Ear(), Ear()
    hub.join(ear, "a")
    hub.join(stranger, "b")
    publishing.publish([Change("a", b"one"), Change("b", b"two")])
    assert await _heard(ear, 1) == ["one"]
    assert await _heard(stranger, 1) == ["two"]


async def test_a_change_for_a_visitor_makes_his_sockets_follow(hub: Hub) -> None:
    ear = Ear()
    hub.join(ear, "v")
    publishing.publish([Change("a", b"opened", visitor="v"), Change("b", b"x", visitor="w")])
    hub.join(ear, "last")
    publishing.publish([Change("last", b"end")])
    await _heard(ear, 1)
    assert ear.followed == ["a"]


def test_what_was_too_long_on_its_way_ends_the_sockets_that_it_was_for() -> None:
    hub, ear, stranger = Hub(), Ear(), Ear()
    hub.join(ear, "a")
    hub.join(stranger, "b")
    hub.hand_out([("a", None, "", b"old")], stale=True)
    assert (ear.ended, ear.heard) == ([CLOSE_TRY_LATER], [])
    assert (stranger.ended, stranger.heard) == ([], [])


async def test_the_socket_that_wrote_is_skipped(hub: Hub) -> None:
    writer, reader = Ear("writer"), Ear("reader")
    hub.join(writer, "a")
    hub.join(reader, "a")
    publishing.publish([Change("a", b"mine", skip="writer"), Change("a", b"end")])
    assert await _heard(writer, 1) == ["end"]
    assert await _heard(reader, 2) == ["mine", "end"]


async def test_what_one_turn_of_the_loop_brings_is_one_frame(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames: list[Any] = []
    original = Publisher._send

    async def counted(self: Publisher, group: str, message: Any) -> None:
        frames.append((group, message))
        await original(self, group, message)

    monkeypatch.setattr(Publisher, "_send", counted)
    ear = Ear()
    hub.join(ear, "a")
    for number in range(50):
        publishing.publish([Change("a", b"%d" % number)], nudge=True)
    assert await _heard(ear, 50) == [str(number) for number in range(50)]
    assert [group for group, _ in frames] == ["web", "bot"]


async def test_a_thread_without_a_loop_publishes(hub: Hub) -> None:
    ear = Ear()
    hub.join(ear, "a")
    await sync_to_async(publishing.publish, thread_sensitive=False)([Change("a", b"from a thread")])
    assert await _heard(ear, 1) == ["from a thread"]


async def test_a_command_without_any_loop_publishes_before_it_ends(hub: Hub, settings: Any) -> None:
    ear = Ear()
    hub.join(ear, "a")
    code = (
        "import django; django.setup()\n"
        "from django.conf import settings\n"
        f"settings.CHANNEL_LAYERS['default']['CONFIG']['hosts'][0]['address'] = {settings.REDIS_URL!r}\n"
        "from bridge.chat import publishing\n"
        "publishing.publish([publishing.Change('a', b'from a command')])\n"
    )
    environment = {"DJANGO_SETTINGS_MODULE": "tests.settings", "PATH": "/usr/bin:/bin"}
    await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", code], env=environment, cwd=settings.BASE_DIR, check=True
    )
    assert await _heard(ear, 1) == ["from a command"]


async def test_a_layer_that_hangs_holds_up_nobody_and_is_counted(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Hanging:
        async def group_send(self, group: str, message: Any) -> None:
            await asyncio.Event().wait()

    monkeypatch.setattr(publishing, "get_channel_layer", Hanging)
    monkeypatch.setattr(publishing, "PUBLISH_TIMEOUT", 0.05)
    publisher = publishing.use_loop(asyncio.get_running_loop())
    # It waits for nothing: it is no coroutine, and what hangs is a task's.
    publishing.publish([Change("a", b"lost")])
    assert not publisher.failures
    async with asyncio.timeout(60):
        while not publisher.failures:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert "was not published" in caplog.text


async def test_what_waits_to_be_published_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publishing, "MOST_WAITING", 10)
    publisher = Publisher(asyncio.get_running_loop())
    monkeypatch.setattr(publisher, "_start", lambda: None)
    for number in range(30):
        publisher.add([Change("a", b"%d" % number)])
    entries, _ = publisher._take()
    assert [int(entry.frame) for entry in entries] == list(range(20, 30))


def test_publishing_at_the_end_of_a_process_raises_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Ended:
        def add(self, *_: Any) -> None:
            raise RuntimeError("Event loop is closed")

    monkeypatch.setattr(publishing, "_current", Ended)
    publishing.publish([Change("a", b"late")])
    assert "process is ending" in caplog.text


async def test_frames_that_come_too_late_close_their_sockets_instead(
    visitor: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def no_probe_of_its_own(hub: Hub) -> None: ...

    monkeypatch.setattr(Hub, "probe", no_probe_of_its_own)
    await visitor.write("Hello")
    await visitor.event("connection.opened")
    layer = get_channel_layer()
    await layer.group_send("web", {"type": "web.probe", "at": time.monotonic() - 11})
    await layer.group_send("web", {"type": "web.frame", "entries": [(visitor.connection, b"{}", None, "")]})
    assert await visitor.closed() == 1013


async def test_another_machines_clock_says_nothing_of_a_frames_age(visitor: Browser) -> None:
    await visitor.write("Hello")
    await visitor.event("connection.opened")
    entries = [(visitor.connection, b'{"event":"typing.started"}', None, "")]
    frame = {"type": "web.frame", "at": time.time() - 3600, "entries": entries}
    await get_channel_layer().group_send("web", frame)
    assert await visitor.event("typing.started")


async def test_one_sockets_trouble_is_not_its_neighbours(hub: Hub, caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Ear):
        def deliver(self, text: str) -> None:
            raise ValueError("broken")

    ears = [Broken(), Ear(), Broken(), Ear()]
    for ear in ears:
        hub.join(ear, "a")
    publishing.publish([Change("a", b"x")])
    assert [await _heard(ear, 1) for ear in ears if type(ear) is Ear] == [["x"], ["x"]]
    assert "failed to handle" in caplog.text


async def test_who_left_is_forgotten(hub: Hub) -> None:
    ear = Ear()
    hub.join(ear, "a")
    hub.join(ear, "v")
    hub.leave(ear, "a", "never joined", "v")
    assert hub.listeners == {}


class Server:
    """The sending side of an ASGI server whose buffer is full while `room` is not set."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.room = asyncio.Event()
        self.room.set()

    async def send(self, message: Any) -> None:
        await self.room.wait()
        self.sent.append(message["text"])


async def test_frames_go_out_at_once_while_there_is_room_and_without_a_task() -> None:
    server = Server()
    outlet = SendQueue(server.send, lambda: None)
    tasks = len(asyncio.all_tasks())
    for number in range(3):
        outlet.put(str(number))
    assert server.sent == ["0", "1", "2"]
    assert len(asyncio.all_tasks()) == tasks


async def test_frames_wait_in_their_order_and_only_so_many() -> None:
    server, stalled = Server(), []
    outlet = SendQueue(server.send, lambda: stalled.append(True))
    outlet.put("0")
    server.room.clear()
    for number in range(1, 5):
        outlet.put(str(number))
    assert server.sent == ["0"]
    await asyncio.sleep(0)
    assert outlet.stalled_for(time.monotonic() + 11) > 10
    server.room.set()
    async with asyncio.timeout(60):
        await outlet.flushed()
    assert server.sent == ["0", "1", "2", "3", "4"]
    assert not outlet.stalled_for(time.monotonic() + 11)
    assert not stalled


async def test_a_socket_that_takes_nothing_is_given_up_before_memory_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server, stalled = Server(), []
    outlet = SendQueue(server.send, lambda: stalled.append(True))
    server.room.clear()
    for _ in range(40):
        outlet.put("x" * 64_000)
    assert stalled == [True]
    assert outlet._size <= 2 * 1024 * 1024
    await asyncio.sleep(0)
    outlet.put("more")
    assert server.sent == []


async def test_a_stalled_browser_is_closed_with_1013(visitor: Browser) -> None:
    from bridge.live.worker import Worker

    (socket,) = Worker.current().sockets
    hangs = asyncio.Event()
    original = socket._send_queue._send  # type: ignore[attr-defined]

    async def stuck(message: Any) -> None:
        await hangs.wait()
        await original(message)

    socket._send_queue._send = stuck  # type: ignore[attr-defined]
    socket.deliver("{}")
    socket.check(time.monotonic() + 5)
    socket.check(time.monotonic() + 11)
    assert await visitor.closed() == 1013


async def test_a_thousand_listeners_get_one_text_that_was_made_once(hub: Hub) -> None:
    ears = [Ear(str(number)) for number in range(1000)]
    for ear in ears:
        hub.join(ear, "a")
    publishing.publish([Change("a", json.dumps({"event": "x"}).encode())])
    await _heard(ears[0], 1)
    assert len({id(ear.heard[0]) for ear in ears}) == 1
