"""Bodies that are too large, too slow or too many: refused before anything reads them, on every address."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

import pytest
from asgiref.testing import ApplicationCommunicator
from django.urls import URLPattern, URLResolver, get_resolver

from bridge.infra import bodies
from bridge.protocol import MAX_FRAME
from bridge.web import guard
from bridge.web.guard import Guard, Slots
from tests.files.pictures import png
from tests.web.browser import Browser
from tests.web.files import http, upload

HUGE = 150 * 2**20
PIECE = 64 * 1024
WORDS = {
    "uuid": "00000000-0000-4000-8000-000000000000",
    "slug": "lobby",
    "str": "x",
    "int": "1",
    "path": "x/y",
}


def addresses(patterns: Any, before: str = "/") -> Iterator[str]:
    """Each address of the site, as its URLs say."""
    for each in patterns:
        text = re.sub(r"\(\?P<\w+>[^)]*\)", "123456789012345678", str(each.pattern)).replace("\\.", ".")
        text = re.sub(r"<(?:(\w+):)?\w+>", lambda found: WORDS.get(found[1] or "str", "x"), text)
        path = before + re.sub(r"[\^$\\]|\(\?:.*\)", "", text)
        if isinstance(each, URLResolver):
            yield from addresses(each.url_patterns, path)
        elif isinstance(each, URLPattern):
            yield path


def all_addresses() -> list[str]:
    found = sorted(set(addresses(get_resolver().url_patterns)))
    # What a project has in front of it, and what nobody has.
    return [*found, "/", "/nothing/here", "/files", "/api/nowhere", "/static/x.js"]


class Client:
    """Sends a body without end to an ASGI application, and counts what is asked of it."""

    def __init__(self, application: Any, path: str, *, method: str = "POST", **headers: str) -> None:
        self._application, self.took = application, 0
        self.status, self.headers, self.body = 0, dict[bytes, bytes](), b""
        sent = {"host": "testserver"} | {name.replace("_", "-"): value for name, value in headers.items()}
        self.scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
            "path": path, "raw_path": path.encode(), "query_string": b"", "root_path": "",
            "headers": [(name.encode(), value.encode()) for name, value in sent.items()],
            "client": ("192.0.2.1", 50000), "server": ("testserver", 80),
        }  # fmt: skip

    async def receive(self) -> Mapping[str, Any]:
        if self.status:
            return {"type": "http.disconnect"}
        self.took += PIECE
        assert self.took <= HUGE, "it reads for ever"
        return {"type": "http.request", "body": b"x" * PIECE, "more_body": True}

    async def send(self, message: Mapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], dict(message["headers"])
        self.body += message.get("body", b"")

    async def run(self) -> int:
        await self._application(self.scope, self.receive, self.send)
        return self.status


class Silent(Client):
    """One that begins a body and then says a byte now and then, or nothing."""

    def __init__(self, *args: Any, says: float | None = None, **headers: str) -> None:
        super().__init__(*args, **headers)
        self._says = says

    async def receive(self) -> Mapping[str, Any]:
        if self.status:
            return {"type": "http.disconnect"}
        if self._says is None:
            await asyncio.Event().wait()
        await asyncio.sleep(self._says or 0)
        self.took += 1
        return {"type": "http.request", "body": b"x", "more_body": True}


@pytest.fixture
def site(browser: Any) -> Any:
    from chatbridge_site.asgi import application

    return application


@pytest.mark.parametrize("path", all_addresses())
async def test_no_address_reads_one_byte_of_a_body_that_says_that_it_is_huge(site: Any, path: str) -> None:
    client = Client(site, path, content_length=str(HUGE))
    assert await client.run() == 413
    assert client.took == 0
    assert (b'"too_large"' in client.body) is (bodies.largest_of(path) is not None)
    # Nothing more is read from whoever goes on sending.
    assert client.headers[b"connection"] == b"close"


@pytest.mark.parametrize("path", all_addresses())
async def test_a_body_of_unknown_length_is_read_as_far_as_it_may_go_and_no_further(
    site: Any, path: str
) -> None:
    client = Client(site, path, transfer_encoding="chunked")
    largest = bodies.largest_of(path) or 2_621_440
    # Refused for its size, or before that for who sends it.
    assert await client.run() in {401, 403, 413}
    assert client.took <= largest + PIECE


@pytest.mark.parametrize("says", [None, 0.005])
@pytest.mark.parametrize(
    "path", ["/api/session", "/admin/login/", "/services/email/postmark/", "/rooms/", "/nothing"]
)
async def test_a_body_that_does_not_come_or_trickles_ends_with_408(
    site: Any, path: str, says: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "GRACE", 0.1)
    client = Silent(site, path, says=says, content_length="1000")
    assert await client.run() == 408
    # 0.1 s, and what so few bytes are worth.
    assert client.took < 1000


async def test_a_file_that_trickles_ends_too(visitor: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    from chatbridge_site.asgi import application

    monkeypatch.setattr(bodies, "GRACE", 0.1)
    client = Silent(
        application, "/files/", says=0.005, content_length="1000", authorization=f"Bearer {visitor.token}"
    )
    assert await client.run() == 408
    assert b'"slow"' in client.body


def test_who_sends_as_fast_as_the_slowest_phone_has_the_time_for_it() -> None:
    megabyte = 2**20
    assert bodies.seconds_for(0) == bodies.GRACE
    assert bodies.seconds_for(megabyte) == bodies.GRACE + 128
    assert bodies.seconds_for(1000 * megabyte) == bodies.LONGEST


async def test_time_that_the_server_takes_is_not_the_senders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "GRACE", 0.2)
    taken: list[bytes] = []

    async def slow_pages(scope: Any, receive: Any, send: Any) -> None:
        for _ in range(5):
            taken.append((await receive())["body"])
            await asyncio.sleep(0.1)
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    client = Client(Guard(slow_pages, elsewhere=HUGE), "/nothing", content_length="1000")
    assert await client.run() == 204
    assert len(taken) == 5


async def everything(scope: Any, receive: Any, send: Any) -> None:
    """Another project's pages, which take what they are sent."""
    size = 0
    while size < HUGE:
        size += len((await receive())["body"])
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(size).encode()})


@pytest.mark.parametrize("path", ["/media/upload/", "/shop/import", "/filesystem/", "/apis/x"])
async def test_another_projects_own_uploads_are_left_alone(path: str) -> None:
    client = Client(Guard(everything), path, content_length=str(HUGE))
    assert await client.run() == 200
    assert int(client.body) == HUGE


@pytest.mark.parametrize("path", ["/api/session", "/files/", "/rooms/"])
async def test_the_chats_addresses_are_guarded_in_another_project_too(path: str) -> None:
    client = Client(Guard(everything), path, content_length=str(HUGE))
    assert await client.run() == 413
    assert client.took == 0


async def test_below_a_prefix_the_addresses_are_the_same() -> None:
    client = Client(Guard(everything), "/support/api/session", content_length=str(HUGE))
    client.scope["root_path"] = "/support"
    assert await client.run() == 413


@pytest.mark.parametrize("method", ["GET", "POST", "HEAD"])
@pytest.mark.parametrize("path", ["/", "/admin/", "/api/session"])
async def test_an_address_of_kilobytes_is_refused_with_414(site: Any, path: str, method: str) -> None:
    client = Client(site, path, method=method)
    client.scope["query_string"] = b"q=" + b"x" * bodies.LONGEST_ADDRESS
    assert await client.run() == 414


@pytest.mark.parametrize("path", ["/api/session", "/services/webhook/" + WORDS["uuid"] + "/"])
async def test_a_body_of_just_the_size_gets_to_the_page(site: Any, path: str) -> None:
    headers = {"content-type": "application/json", "content-length": str(MAX_FRAME)}
    answer = await http("POST", path, body=b" " * MAX_FRAME, headers=headers)
    assert answer.status not in {408, 413, 500}


@pytest.mark.parametrize("depth", [100, 1_000, 20_000])
@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'{"nick":'])
async def test_json_however_deep_is_refused_and_no_fault(site: Any, depth: int, opening: bytes) -> None:
    closing = b"]" if opening == b"[" else b"1" + b"}"
    for body in (opening * depth, opening * depth + closing * depth):
        answer = await http(
            "POST", "/api/session", body=body[:MAX_FRAME], headers={"content-type": "application/json"}
        )
        assert 400 <= answer.status < 500


# --------------------------------------------------------------------- places


async def test_twenty_trickling_uploads_leave_room_for_everybody_else(
    visitor: Browser, stranger: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    from chatbridge_site.asgi import application

    slow = [
        Silent(application, "/files/", content_length="1000", authorization=f"Bearer {visitor.token}")
        for _ in range(guard.LARGE_FROM_ONE_ADDRESS + 5)
    ]
    running = [asyncio.create_task(each.run()) for each in slow]
    try:
        done, _ = await asyncio.wait(running, timeout=0.5)
        # Those that one visitor may send at once are waited for; the others were told to come again.
        assert {each.result() for each in done} <= {429}
        assert (await upload(stranger.token, "cat.png", png(), address="198.51.100.7")).status == 201
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
    # Nothing is left over of them.
    assert (await upload(visitor.token, "cat.png", png())).status == 201


def test_a_place_is_one_persons_one_addresss_and_everybodys() -> None:
    slots = Slots(3, 2)
    with slots.one_of("ada"), slots.one_of("ada"):
        with pytest.raises(bodies.Refused) as refused, slots.one_of("ada"):
            pass
        assert (refused.value.status, refused.value.details["retry_after"] > 0) == (429, True)
        with slots.one_of("bob"), pytest.raises(bodies.Refused), slots.one_of("eve"):
            pass
    with slots.one_of("ada"), slots.one_of(None):
        assert slots._taken == {"ada": 1}
    assert not slots._taken


# -------------------------------------------------------------- slow readers


async def test_who_does_not_read_what_they_asked_for_holds_no_file_open(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(guard, "READ_WITHIN", 0.05)
    closed = asyncio.Event()

    async def pieces() -> AsyncIterator[bytes]:
        try:
            for _ in range(100):
                yield b"x"
        finally:
            closed.set()

    async def pages(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        stream = pieces()
        try:
            async for piece in stream:
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        finally:
            await stream.aclose()  # type: ignore[attr-defined]

    async def deaf(message: Mapping[str, Any]) -> None:
        if message["type"] == "http.response.body":
            await asyncio.Event().wait()

    client = Client(Guard(pages), f"/files/{WORDS['uuid']}/", method="GET")
    client.send = deaf  # type: ignore[method-assign]
    with pytest.raises(OSError, match="does not read"):
        await client.run()
    assert closed.is_set()


async def test_a_real_client_that_waits_for_its_answer_is_not_counted_as_slow(
    site: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its body has ended: what comes after it is only that it leaves."""
    monkeypatch.setattr(bodies, "GRACE", 0.05)

    async def long_answer(scope: Any, receive: Any, send: Any) -> None:
        assert (await receive())["body"] == b"{}"
        waiting = asyncio.create_task(receive())
        await asyncio.sleep(0.2)
        assert not waiting.done()
        waiting.cancel()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    client = Client(Guard(long_answer), "/api/session", content_length="2")
    there = ApplicationCommunicator(Guard(long_answer), client.scope)
    await there.send_input({"type": "http.request", "body": b"{}", "more_body": False})
    assert (await there.receive_output(30))["status"] == 200
    await there.receive_output(30)
    await there.wait(30)


async def test_who_is_refused_once_all_has_come_is_not_listened_to_any_longer(visitor: Browser) -> None:
    """A client that keeps its connection open sends nothing more, so to wait for it would hold a slot."""
    from chatbridge_site.asgi import application

    client = Client(application, "/files/", content_length="5", authorization=f"Bearer {visitor.token}")
    client.scope["query_string"] = b"inbox=default&name=cat.png"
    sent = iter([{"type": "http.request", "body": b"short", "more_body": False}])

    async def receive() -> Mapping[str, Any]:
        piece = next(sent, None)
        assert piece is not None, "it reads on"
        return piece

    client.receive = receive  # type: ignore[method-assign]
    assert await client.run() == 422
    assert b"mismatch" in client.body
