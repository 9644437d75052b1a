"""PostgreSQL goes away under a web server with a pool full of connections, and comes back: nobody sees a 500."""

import asyncio
import re
from collections import Counter
from collections.abc import Iterator

import aiohttp
import pytest

from tests import postgres
from tests.postgres import Restarted
from tests.processes import Site, answers

pytestmark = [pytest.mark.processes, pytest.mark.postgres, pytest.mark.timeout(240)]

AT_ONCE = 12
"""More than the pool has connections."""


@pytest.fixture(scope="module")
def server() -> Iterator[Restarted]:
    with postgres.restarted() as server:
        yield server


@pytest.fixture(scope="module")
def site(server: Restarted, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with Site(tmp_path_factory.mktemp("restarted") / "var", database_url=server.url) as site:
        command = ["manage.py", "run_web", "--port", str(site.web_port)]
        site.web = site._part("web", command, lambda: answers(f"{site.url}/"))
        site.parts = (site.web,)
        site.web.start()
        yield site


async def statuses(site: Site, path: str = "/") -> Counter[int]:
    """Of as many requests at once as fill the pool."""
    async with aiohttp.ClientSession() as browser:

        async def ask() -> int:
            async with browser.get(site.url + path) as response:
                return response.status

        return Counter(await asyncio.gather(*(ask() for _ in range(AT_ONCE))))


async def test_a_restart_under_a_full_pool_is_no_500_and_over_at_once(site: Site, server: Restarted) -> None:
    assert await statuses(site) == {200: AT_ONCE}
    server.stop()
    server.start()
    # Whoever comes first may be asked to come again, by nothing but a connection that was in the middle of being made.
    first = await statuses(site)
    assert first.keys() <= {200, 503}
    assert first[200]
    for _ in range(2):
        assert await statuses(site) == {200: AT_ONCE}


async def test_while_it_is_away_pages_come_again_by_themselves_and_the_api_says_unavailable(
    site: Site, server: Restarted
) -> None:
    assert await statuses(site) == {200: AT_ONCE}
    server.stop()
    try:
        for path in ("/", "/rooms/", "/avatars/0190a000-0000-7000-8000-000000000000.png"):
            assert await statuses(site, path) == {503: AT_ONCE}
        # A client keeps no cookies of a host without a name unless it is told to.
        jar = aiohttp.CookieJar(unsafe=True)
        async with aiohttp.ClientSession(cookie_jar=jar) as browser:
            async with browser.get(site.url) as response:
                page = await response.text()
                seconds = int(response.headers["Retry-After"])
                assert response.headers["X-Frame-Options"] == "SAMEORIGIN"
            assert f'data-again="{seconds}"' in page
            async with browser.get(site.url + "/admin/login/") as response:
                token = re.search(r'csrfmiddlewaretoken" value="(\w+)"', await response.text())
                assert token is not None
            form = {"username": "a", "password": "b", "csrfmiddlewaretoken": token[1]}
            async with browser.post(site.url + "/admin/login/", data=form) as response:
                # It may be sent again by a person only.
                assert (response.status, "data-again" in await response.text()) == (503, False)
            async with browser.post(site.url + "/api/session", json={}) as response:
                assert (response.status, (await response.json())["error"]["code"]) == (503, "unavailable")
    finally:
        server.start()
    assert (await statuses(site)).keys() <= {200, 503}
    assert await statuses(site) == {200: AT_ONCE}
    assert "Internal Server Error" not in site.web.tail(5000)
