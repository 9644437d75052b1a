"""However many mails come at once, what one process has of them in memory is no more than the largest one takes."""

import base64
import json
import tracemalloc
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from threading import Barrier, Event
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpRequest, HttpResponse

from bridge.infra.bodies import Budget, Refused
from bridge.services.email import providers, views

AT_ONCE = 6
SIZE = providers.LARGEST // 2 + 1
"""Two of them are more than one of the largest."""
SECRET = "postmark's secret"


def request_with(body: bytes, content_type: str, *, length: str | None = None) -> HttpRequest:
    """As from a server that has taken the body: `body` is not copied."""
    basic = base64.b64encode(f"postmark:{SECRET}".encode()).decode()
    environ: dict[str, Any] = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "HTTP_AUTHORIZATION": f"Basic {basic}",
        "CONTENT_TYPE": content_type,
        "CONTENT_LENGTH": str(len(body)) if length is None else length,
        "wsgi.input": BytesIO(body),
    }
    return WSGIRequest(environ)


def in_form() -> tuple[bytes, str]:
    return urlencode({"from": "a@b.c"}).encode() + b"&body-plain=" + b"a" * SIZE, (
        "application/x-www-form-urlencoded"
    )


def in_parts() -> tuple[bytes, str]:
    head = b'--x\r\nContent-Disposition: form-data; name="a"; filename="a.bin"\r\n\r\n'
    return head + bytes(SIZE) + b"\r\n--x--\r\n", "multipart/form-data; boundary=x"


def in_json() -> tuple[bytes, str]:
    return json.dumps({"MessageID": "1", "TextBody": "a" * SIZE}).encode(), "application/json"


@pytest.fixture(autouse=True)
def _keys(settings: Any) -> None:
    settings.MAILGUN_SIGNING_KEY, settings.POSTMARK_SECRET = "mailgun's key", SECRET


@pytest.fixture
def peak() -> Iterator[Callable[[], int]]:
    """Bytes that were held at most since it was last asked, beside what was there."""
    tracemalloc.start()
    before = 0

    def ask() -> int:
        nonlocal before
        most = tracemalloc.get_traced_memory()[1] - before
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        return most

    yield ask
    tracemalloc.stop()


@pytest.mark.parametrize(
    ("view", "mail"),
    [(views.mailgun, in_form), (views.mailgun, in_parts), (views.postmark, in_json)],
    ids=["form", "parts", "json"],
)
def test_of_large_mails_at_once_one_is_in_memory(
    view: Callable[[HttpRequest], HttpResponse],
    mail: Callable[[], tuple[bytes, str]],
    peak: Callable[[], int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(views, "PATIENCE", 300.0)
    body, kind = mail()
    peak()
    refused = view(request_with(body, kind)).status_code
    one = peak()
    together = Barrier(AT_ONCE)

    def come_in(_: int) -> int:
        request = request_with(body, kind)
        together.wait(60)
        return view(request).status_code

    with ThreadPoolExecutor(AT_ONCE) as threads:
        found = list(threads.map(come_in, range(AT_ONCE)))
    # Each was read, for it is refused for what it says.
    assert found == [refused] * AT_ONCE
    assert 400 <= refused < 500
    assert one > SIZE
    assert peak() < 1.5 * one


FILLS = [
    b"a",
    b"%41",
    b"%",
    b"%%",
    b"%f0%9f%98%80",
    b"+",
    b"&",
    b"&a",
    b"a=&",
    b"=",
    b"\r\n",
    b"\r",
    b"--x",
    b"\r\n--x",
    b"\xff",
]


@pytest.mark.parametrize("fill", FILLS)
@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x"])
def test_a_form_takes_a_few_times_its_size_whatever_fills_it(
    kind: str, fill: bytes, peak: Callable[[], int]
) -> None:
    """Whoever sent it: what proves that is one of its fields."""
    size = 2**19
    head = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n' if "multipart" in kind else b"a="
    body = head + fill * (size // len(fill))
    peak()
    assert views.mailgun(request_with(body, kind)).status_code == 406
    # 25 times with Python's own way to read “%41”.
    assert peak() < 8 * size


PERCENT = [
    b"%41",
    b"a%41",
    b"aa%41",
    b"%f0%9f%98%80",
    b"%",
    b"%4",
    b"%zz+",
    "日本".encode(),
    b"%2",
    b"x" * (2**12 - 1) + b"%41",
]


@pytest.mark.parametrize("fill", PERCENT)
def test_a_form_is_read_as_python_reads_it(fill: bytes) -> None:
    body = b"first=1&&=none&" + fill * 3 + b"=x&text=" + fill * (2**16 // len(fill)) + b"&same=1&same=2"
    fields = providers.read_urlencoded(body)
    expected = dict(parse_qsl(body.decode(errors="replace"), keep_blank_values=True))
    del expected[""]
    assert fields == expected


def test_a_form_that_nobody_signed_is_not_taken_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    unquoted = providers._unquoted
    monkeypatch.setattr(providers, "_unquoted", lambda value: read.append(len(value)) or unquoted(value))
    body = b"timestamp=1&token=x&signature=y&body-plain=" + b"%" * 2**20
    assert views.mailgun(request_with(body, "application/x-www-form-urlencoded")).status_code == 406
    assert 0 < sum(read) < 1000


@pytest.mark.parametrize("length", [None, "", "-1", "9" * 50])
def test_a_large_mail_that_finds_no_room_is_to_come_again_and_leaves_room(
    length: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views, "PATIENCE", 0.0)
    body = b"{}".ljust(SIZE)
    with views._in_memory.of(SIZE, patience=0):
        assert views.postmark(request_with(body, "application/json", length=length)).status_code == 503
        # Small ones, which nearly all are, do not wait for it.
        assert views.postmark(request_with(b"{}", "application/json")).status_code == 403
    assert views.postmark(request_with(body, "application/json", length=length)).status_code == 403


def test_whatever_ends_a_mail_gives_its_bytes_back() -> None:
    budget = Budget(10)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), budget.of(99, patience=0):
            raise ZeroDivisionError
    with budget.of(6, patience=0), budget.of(4, patience=0), pytest.raises(Refused), budget.of(1, patience=0):
        pass
    with budget.of(10, patience=0):
        pass


def test_who_waits_goes_on_as_soon_as_there_is_room() -> None:
    budget, entered = Budget(10), Event()

    def wait() -> None:
        with budget.of(5, patience=300):
            entered.set()

    with ThreadPoolExecutor(1) as threads:
        with budget.of(6, patience=0):
            waiting = threads.submit(wait)
            assert not entered.is_set()
        waiting.result(60)
    assert entered.is_set()
