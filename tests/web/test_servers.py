"""The same socket behind real servers, and a Redis that dies in the middle."""

import asyncio
import json
import socket
import sys
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from io import BytesIO
from typing import Any

import aiohttp
import psutil
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from bench.client import HEADERS, framed
from bridge.identity.tokens import COOKIE_NAME
from tests.files.pictures import png
from tests.processes import HOST, Site, answers

pytestmark = [pytest.mark.processes, pytest.mark.timeout(180)]


@pytest.fixture(params=["daphne", "uvicorn"], scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Site]:
    """One of each for all tests here."""
    folder = tmp_path_factory.mktemp("site")
    with Site(folder, DJANGO_SETTINGS_MODULE="tests.web.unlimited") as made:
        if request.param == "uvicorn":
            command = ["manage.py", "run_web", "--port", str(made.web_port)]
            made.web = made._part("web", command, lambda: answers(f"{made.url}/"))
            made.parts = (made.web,)
        yield made


@pytest.fixture
def site(installation: Site) -> Site:
    """A web server runs."""
    if not installation.web.alive:
        installation.web.start()
    return installation


@pytest.fixture
def fresh_site(installation: Site) -> Site:
    """The same with a server that has not needed any memory yet."""
    installation.web.stop()
    installation.web.start()
    return installation


class Tab:
    """A browser tab over TCP."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.events: list[dict[str, Any]] = []
        self._last = 0

    async def ok(self, command: str, **payload: Any) -> dict[str, Any]:
        self._last += 1
        await self.socket.send(json.dumps({"command": command, "id": str(self._last), "payload": payload}))
        while True:
            frame = await self.hear()
            if "reply" in frame:
                assert frame["ok"], frame
                return dict(frame["payload"])
            self.events.append(frame)

    async def hear(self) -> dict[str, Any]:
        return dict(json.loads(await asyncio.wait_for(self.socket.recv(), 60)))

    async def write(self, content: str) -> dict[str, Any]:
        sent = await self.ok("message.send", client_id=str(uuid.uuid4()), content=content)
        return dict(sent["message"])

    async def event_with(self, content: str) -> dict[str, Any]:
        while True:
            for frame in self.events:
                if any(each["content"] == content for each in frame["payload"].get("messages", ())):
                    return frame
            self.events.append(await self.hear())

    async def closed(self) -> int:
        try:
            while True:
                await self.hear()
        except ConnectionClosed as close:
            return close.rcvd.code if close.rcvd else 1006


@asynccontextmanager
async def tab(site: Site, **arguments: Any) -> AsyncIterator[Tab]:
    url = f"ws://{HOST}:{site.web_port}/ws/chat/"
    arguments.setdefault("origin", site.url)
    async with connect(url, subprotocols=["chatbridge.v1"], **arguments) as socket:  # type: ignore[list-item]
        yield Tab(socket)


async def test_a_visitor_writes_and_his_other_tab_sees_it(site: Site) -> None:
    async with tab(site) as here, tab(site) as there:
        started = await here.ok("session.start")
        assert here.socket.subprotocol == "chatbridge.v1"
        # permessage-deflate was offered, and is not worth its memory.
        assert not here.socket.response.headers.get("Sec-WebSocket-Extensions")  # type: ignore[union-attr]
        await there.ok("session.start", token=started["token"])
        message = await here.write("Grüße 👋")
        event = await there.event_with("Grüße 👋")
        assert event["revision"] == message["revision"]
        page = await there.ok("history.page", connection=message["connection"])
        assert [each["content"] for each in page["messages"]] == ["Grüße 👋"]


async def test_another_origin_hears_4403_and_no_subprotocol_4400(site: Site) -> None:
    async with tab(site, origin="https://evil.example") as foreign:
        assert await foreign.closed() == 4403
    async with connect(f"ws://{HOST}:{site.web_port}/ws/chat/", origin=site.url) as socket:  # type: ignore[arg-type]
        assert await Tab(socket).closed() == 4400


async def test_a_frame_over_our_limit_closes_with_1009(site: Site) -> None:
    async with tab(site) as visitor:
        await visitor.ok("session.start")
        await visitor.socket.send("x" * 70_000)
        assert await visitor.closed() == 1009


async def test_a_frame_of_ten_megabytes_ends_the_socket_and_takes_no_memory(fresh_site: Site) -> None:
    site = fresh_site
    server = psutil.Process(site.web.pid)
    async with tab(site) as visitor:
        await visitor.ok("session.start")
        before = server.memory_info().rss
        # It may be cut off while it is still sending.
        with suppress(ConnectionClosed):
            await visitor.socket.send("x" * 10_000_000)
        # daphne drops the connection, uvicorn says why.
        assert await visitor.closed() in {1006, 1009}
    assert server.memory_info().rss - before < 8 * 2**20
    async with tab(site) as next_one:
        assert await next_one.ok("session.start")


async def test_a_server_that_is_told_to_stop_closes_with_1012(site: Site) -> None:
    async with tab(site) as visitor:
        await visitor.ok("session.start")
        await visitor.write("Hello")
        stopping = asyncio.create_task(asyncio.to_thread(site.web.stop))
        assert await visitor.closed() == 1012
        await stopping


async def test_redis_dies_and_comes_back_and_nobody_notices_for_long(site: Site) -> None:
    async with tab(site) as here, tab(site) as there:
        started = await here.ok("session.start")
        await there.ok("session.start", token=started["token"])
        await here.write("before")
        await there.event_with("before")
        for killing in range(2):
            site.kill_valkey()
            # Stored and answered meanwhile; the other tab's pong tells it what it missed.
            during = await here.write(f"during {killing}")
            heads = (await there.ok("ping"))["heads"]
            assert heads[during["connection"]] == during["revision"]
            await _until_events_flow(here, there, f"after {killing}")
        # The process looks at Redis every two seconds; until then it sends newcomers away.
        async with asyncio.timeout(60):
            while await _newcomer(site) is not None:  # noqa: ASYNC110
                await asyncio.sleep(0.2)
        page = await here.ok("history.page", connection=during["connection"])
        seqs = [each["seq"] for each in page["messages"]]
        assert seqs == list(range(1, len(seqs) + 1))


async def _until_events_flow(here: Tab, there: Tab, name: str) -> None:
    """The hub heard again what is published: within the time that a Valkey takes to be started again."""
    end = time.monotonic() + 60
    for number in range(1000):
        content = f"{name}, try {number}"
        await here.write(content)
        try:
            async with asyncio.timeout(1):
                await there.event_with(content)
                return
        except TimeoutError:
            assert time.monotonic() < end, f"no event reached the other tab for 60 s\n{sys.argv}"


async def test_new_sockets_are_told_to_come_later_while_redis_is_away(site: Site) -> None:
    async with tab(site) as visitor:
        await visitor.ok("session.start")
        (valkey,) = site.valkeys()
        valkey.suspend()
        try:
            async with asyncio.timeout(60):
                while (code := await _newcomer(site)) is None:  # noqa: ASYNC110
                    await asyncio.sleep(0.2)
            assert code == 1013
            # Who is here goes on.
            assert (await visitor.write("Still here"))["seq"] == 1
        finally:
            # Its guard may have ended it and started another by now.
            with suppress(psutil.NoSuchProcess):
                valkey.resume()


async def _newcomer(site: Site) -> int | None:
    """The code that somebody who comes now is closed with, None where he is served."""
    async with tab(site) as newcomer:
        try:
            await newcomer.ok("session.start")
        except ConnectionClosed as close:
            return close.rcvd.code if close.rcvd else 1006
        return None


async def test_a_tab_that_does_not_read_is_let_go_before_it_costs_memory(fresh_site: Site) -> None:
    site = fresh_site
    server = psutil.Process(site.web.pid)
    async with tab(site) as here:
        started = await here.ok("session.start")
        await here.write("Hello")
        loop = asyncio.get_running_loop()
        deaf = socket.socket()
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.setblocking(False)
        await loop.sock_connect(deaf, (HOST, site.web_port))
        port = deaf.getsockname()[1]
        command = {"command": "session.start", "id": "1", "payload": {"token": started["token"]}}
        request = HEADERS.format(path="/ws/chat/", host=f"{HOST}:{site.web_port}")
        await loop.sock_sendall(deaf, request.encode() + framed(json.dumps(command).encode()))
        await asyncio.sleep(1)
        before = server.memory_info().rss
        # More than may wait for it, and some more until it is gone.
        for _ in range(400):
            await here.write("😀" * 4000)
        async with asyncio.timeout(150):
            while _is_connected(server, port):
                await here.write("😀" * 4000)
                await asyncio.sleep(0.2)
        assert server.memory_info().rss - before < 48 * 2**20
        deaf.close()
        assert await here.ok("ping")


def _is_connected(server: psutil.Process, port: int) -> bool:
    connections = server.net_connections("tcp")
    return any(
        each.raddr and each.raddr.port == port and each.status == "ESTABLISHED" for each in connections
    )


def request_head(site: Site, cookie: str, *, length: int) -> bytes:
    """The beginning of an upload: everything but the file."""
    return (
        f"POST /files/?name=film.mp4 HTTP/1.1\r\nHost: {HOST}:{site.web_port}\r\nOrigin: {site.url}\r\n"
        f"Cookie: {cookie}\r\nContent-Length: {length}\r\n\r\n"
    ).encode()


async def test_a_file_goes_up_and_down_and_100_megabytes_do_not(
    site: Site, request: pytest.FixtureRequest
) -> None:
    async with aiohttp.ClientSession(headers={"Origin": site.url}) as session:
        async with session.get(site.url) as page:
            cookie = f"{COOKIE_NAME}={page.cookies[COOKIE_NAME].value}"
        async with session.post(
            f"{site.url}/files/?name=cat.png",
            data=BytesIO(png(900, 700, noise=True)),
            headers={"Cookie": cookie},
        ) as up:
            assert up.status == 201, await up.text()
            file = await up.json()
        for address in (file["url"], file["thumbnail"]):
            async with session.get(site.url + address, headers={"Cookie": cookie}) as down:
                assert (down.status, len(await down.read()) > 1000) == (200, True)
            async with session.get(site.url + address, headers={"Cookie": ""}) as strangers:
                assert strangers.status == 404
    reader, writer = await asyncio.open_connection(HOST, site.web_port)
    # uvicorn hands on what comes in: the answer is there before the file. daphne waits for all of it.
    early = "uvicorn" in request.node.name
    length = 100 << 20 if early else 26 << 20
    writer.write(request_head(site, cookie, length=length))
    if not early:
        writer.write(bytes(length))
    answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 60)
    assert answer.startswith(b"HTTP/1.1 413")
    writer.close()
    kept = [path for path in (site.folder / "files").rglob("*") if path.is_file()]
    assert len(kept) == 2


@pytest.mark.parametrize("path", ["/api/session", "/admin/login/", "/services/email/postmark/", "/files/"])
@pytest.mark.parametrize("framing", ["Content-Length: 157286400", "Transfer-Encoding: chunked"])
async def test_a_huge_body_is_refused_while_it_comes_in(site: Site, path: str, framing: str) -> None:
    reader, writer = await asyncio.open_connection(HOST, site.web_port)
    head = f"POST {path} HTTP/1.1\r\nHost: {HOST}:{site.web_port}\r\nAuthorization: Basic eDp4\r\n{framing}\r\n\r\n"
    writer.write(head.encode())
    answered = asyncio.create_task(reader.readuntil(b"\r\n\r\n"))
    sent, piece = 0, bytes(2**20)
    with suppress(ConnectionError):
        while not answered.done() and sent < 150 * 2**20:
            writer.write(piece if "Length" in framing else b"100000\r\n" + piece + b"\r\n")
            await writer.drain()
            sent += len(piece)
            await asyncio.sleep(0)
    # The postmark webhook of a site that has none, and a file of nobody's, need not be read at all.
    assert (await asyncio.wait_for(answered, 60))[9:12] in {b"413", b"403", b"404", b"401"}
    assert sent <= 110 * 2**20
    writer.close()
    assert not [each for each in psutil.Process(site.web.pid).open_files() if "(deleted)" in each.path]


async def test_the_http_api_is_the_same_chat_over_either_server(site: Site) -> None:
    async def begin(session: aiohttp.ClientSession) -> dict[str, str]:
        async with session.post(f"{site.url}/api/session", json={}) as answer:
            assert answer.status == 201
            return {"Authorization": f"Bearer {(await answer.json())['token']}"}

    async with aiohttp.ClientSession() as session:
        ada, stranger = await begin(session), await begin(session)

        async def write(number: int) -> Any:
            body = {"client_id": str(uuid.uuid4()), "content": f"Message {number}"}
            async with session.post(f"{site.url}/api/messages", json=body, headers=ada) as answer:
                assert answer.status == 201
                return (await answer.json())["message"]

        said = await asyncio.gather(*map(write, range(20)))
        assert len({each["connection"] for each in said}) == 1
        assert sorted(each["seq"] for each in said) == list(range(1, 21))
        address = f"{site.url}/api/connections/{said[0]['connection']}/messages"
        async with session.head(address, headers=ada) as answer:
            assert (answer.status, await answer.read()) == (200, b"")
        async with session.get(address, headers=stranger) as answer:
            assert (answer.status, (await answer.json())["error"]["code"]) == (404, "not_found")

        async def in_pieces() -> AsyncIterator[bytes]:
            for _ in range(20):
                yield b" " * 8192

        for data in (b" " * 100_000, in_pieces()):
            async with session.post(address, data=data, headers=ada) as answer:
                assert (answer.status, (await answer.json())["error"]["code"]) == (413, "too_large")
