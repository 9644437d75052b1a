"""A site below a path: the same path for whatever server and proxy make of it, the same addresses in every thread."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.urls import reverse

from bridge.infra import addresses, notices
from bridge.web.mounting import Mounted


@pytest.fixture(autouse=True)
def _not_told_yet() -> None:
    notices.forget()


async def seen(path: str, root_path: str = "", kind: str = "http") -> tuple[str, str]:
    """What the application behind sees as its path, and as that of the site."""
    scopes: list[Any] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        scopes.append(scope)

    scope = {"type": kind, "path": path, "root_path": root_path, "headers": []}
    await Mounted(application)(scope, None, None)
    return scopes[0]["path"], scopes[0]["root_path"]


@pytest.mark.parametrize("kind", ["http", "websocket"])
@pytest.mark.parametrize("site", ["https://www.example.com/support", "https://www.example.com/support/"])
@pytest.mark.parametrize(
    ("path", "root_path"),
    [
        ("/support/rooms/", ""),  # the proxy leaves it there
        ("/rooms/", ""),  # it takes it away
        ("/rooms/", "/support"),  # daphne --root-path
        ("/support/rooms/", "/support"),  # uvicorn --root-path, which puts it in front
        ("/support/support/rooms/", "/support"),  # the same, where the proxy leaves it there
    ],
)
async def test_the_path_is_the_same_however_it_comes(
    settings: Any, kind: str, site: str, path: str, root_path: str
) -> None:
    settings.SITE_URL = site
    assert await seen(path, root_path, kind) == ("/support/rooms/", "/support")


@pytest.mark.parametrize("path", ["/", "/supporters/", "/supportive", "/rooms/support/"])
async def test_what_only_begins_alike_is_left_alone(settings: Any, path: str) -> None:
    settings.SITE_URL = "https://www.example.com/support"
    assert await seen(path) == (f"/support{path}", "/support")


async def test_without_a_path_nothing_is_changed(settings: Any) -> None:
    for settings.SITE_URL in ("", "https://chat.example.com", "https://chat.example.com/"):
        assert await seen("/support/rooms/") == ("/support/rooms/", "")


async def test_a_path_that_only_the_server_knows_is_taken_and_logged_once(
    settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.SITE_URL = "https://www.example.com"
    for _ in range(2):
        assert await seen("/support/rooms/", "/support") == ("/support/rooms/", "/support")
    assert [each.getMessage().count("SITE_URL") for each in caplog.records] == [1]


@pytest.mark.parametrize("prefix", ["", "/support"])
def test_an_address_is_the_same_in_every_thread(settings: Any, prefix: str) -> None:
    """Django has the path of the site in the thread of a request, and no other."""
    settings.SITE_URL = f"https://www.example.com{prefix}"
    with ThreadPoolExecutor(1) as pool:
        found = pool.submit(addresses.path_to, "bridge:files").result()
    assert found == addresses.path_to("bridge:files") == f"{prefix}/files/"
    assert addresses.whole(found) == f"https://www.example.com{prefix}/files/"


def test_a_project_of_its_own_says_it_with_djangos_setting(settings: Any) -> None:
    settings.SITE_URL, settings.FORCE_SCRIPT_NAME = "https://www.example.com", "/shop"
    assert addresses.path_to("bridge:files") == "/shop/files/"
    assert addresses.whole("/shop/files/") == "https://www.example.com/shop/files/"
    settings.SITE_URL = ""
    assert addresses.whole("/shop/files/") == ""


@pytest.mark.parametrize(
    ("headers", "lines"), [([], 0), ([(b"sec-websocket-key", b"x"), (b"sec-websocket-version", b"13")], 1)]
)
async def test_the_sockets_address_tells_what_is_no_websocket_and_logs_a_lost_upgrade_once(
    caplog: pytest.LogCaptureFixture, headers: list[tuple[bytes, bytes]], lines: int
) -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "path": "/ws/chat/", "root_path": "", "headers": headers}
    for _ in range(2):
        await Mounted(None)(scope, None, send)
    assert [each["status"] for each in sent if "status" in each] == [426, 426]
    assert caplog.text.count("Upgrade $http_upgrade") == lines
    # Elsewhere it is nobody's business.
    assert await seen(reverse("bridge:rooms")) == ("/rooms/", "")
