"""Behind a real nginx, set up as the docs say or as people do: each case works, or log and page name the cause.

Two web servers for all of it: one on its own host under uvicorn, one below a path, over HTTPS, under daphne.
"""

import json
import os
import re
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright, expect
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from bridge.identity.tokens import COOKIE_NAME, SECURE_COOKIE_NAME
from tests import nginx
from tests.chromium import ARGUMENTS
from tests.files.pictures import png
from tests.processes import Site, answers, fetch, free_ports
from tests.services.webhook.certificates import self_signed
from tests.web.test_servers import Tab

pytestmark = [pytest.mark.processes, pytest.mark.timeout(180), pytest.mark.asyncio(loop_scope="module")]

CASES = ("right", "no_port", "no_upgrade", "small", "tls", "no_proto", "again")
SERVER = """
server {{
    listen {listen}; server_name _; {more}
    location {location} {{
        proxy_pass http://127.0.0.1:{to}; proxy_http_version 1.1; proxy_read_timeout 60s;
        proxy_set_header Host {host}; {upgrade}
        proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; {proto}
    }}
}}
"""
USUAL = {
    "location": "/",
    "more": "",
    "host": "$http_host",
    "upgrade": "proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade;",
    "proto": "proxy_set_header X-Forwarded-Proto $scheme;",
}


@dataclass(frozen=True)
class Proxied:
    own: Site
    """Has its host for itself, and does not know its address."""
    below: Site
    """Below `/support`, over HTTPS."""
    ports: dict[str, int]
    tls: ssl.SSLContext

    def url(self, case: str, path: str = "/") -> str:
        secure = case in {"tls", "no_proto", "again"}
        return f"http{'s' if secure else ''}://localhost:{self.ports[case]}{path}"

    def log(self, site: Site) -> str:
        return site.web.log.read_text()


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxied]:
    if nginx.find() is None:
        message = "No nginx: `make browser` installs one"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    folder = tmp_path_factory.mktemp("proxied")
    ports = dict(zip(CASES, free_ports(len(CASES)), strict=True))
    believed = {"TRUSTED_PROXIES": "1", "ALLOWED_HOSTS": "localhost,127.0.0.1,chat.example.com"}
    with ExitStack() as stack:
        own = stack.enter_context(Site(folder / "own", **believed))
        address = f"https://localhost:{ports['tls']}/support"
        below = stack.enter_context(Site(folder / "below", SITE_URL=address, HTTPS="1", **believed))
        own.web = own._part(
            "web", ["manage.py", "run_web", "--port", str(own.web_port)], lambda: answers(own.url)
        )
        below.web._ready = lambda: (
            fetch(f"{below.url}/static/bridge/chat.js") is not None or _redirects(below)
        )
        for site in (own, below):
            site.parts = (site.web,)
            site.web.start(wait=False)
        certificate = self_signed(folder)
        stack.enter_context(nginx.running(folder, servers(ports, own, below, certificate)))
        for site in (own, below):
            site.web.wait_until_ready()
        tls = ssl.create_default_context()
        tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
        yield Proxied(own, below, ports, tls)


def _redirects(site: Site) -> bool:
    return "Listening on TCP address" in site.web.tail()


def servers(ports: dict[str, int], own: Site, below: Site, certificate: Path) -> str:
    def server(case: str, **changed: Any) -> str:
        return SERVER.format(**{**USUAL, "listen": ports[case], "to": own.web_port, **changed})

    for_host, for_path = nginx.documented()
    secure = f"{ports['tls']} ssl"
    files = {"ssl_certificate": str(certificate), "ssl_certificate_key": str(certificate)}
    host = nginx.replaced(
        for_host,
        listen=secure,
        proxy_pass=f"http://127.0.0.1:{own.web_port}",
        server_name="localhost",
        **files,
    )
    path = nginx.replaced(for_path, proxy_pass=f"http://127.0.0.1:{below.web_port}")
    with_tls = f"ssl_certificate {certificate}; ssl_certificate_key {certificate};"
    return "\n".join(
        [
            # The two of the docs are one server.
            f"{host.rstrip().removesuffix('}')}{path}}}",
            server("right"),
            server("no_port", host="$host"),
            server("no_upgrade", upgrade=""),
            server("small", more="client_max_body_size 100k;"),
            server("no_proto", listen=f"{ports['no_proto']} ssl", more=with_tls, proto="", to=below.web_port),
            # The path is taken away, and the Host is nginx' own.
            server(
                "again",
                listen=f"{ports['again']} ssl",
                more=with_tls,
                location="/support/",
                host="$proxy_host",
                to=f"{below.web_port}/",
            ),
        ]
    )


@asynccontextmanager
async def tab(proxied: Proxied, case: str, *, below: str = "", origin: str = "") -> AsyncIterator[Tab]:
    url = proxied.url(case, f"{below}/ws/chat/")
    secure = {"ssl": proxied.tls} if url.startswith("https") else {}
    origin = origin or proxied.url(case, "")
    async with connect(
        url.replace("http", "ws", 1),
        origin=origin,
        subprotocols=["chatbridge.v1"],
        **secure,  # type: ignore[arg-type, list-item]
    ) as socket:
        yield Tab(socket)


@asynccontextmanager
async def browser_of(proxied: Proxied) -> AsyncIterator[aiohttp.ClientSession]:
    connector = aiohttp.TCPConnector(ssl=proxied.tls)
    async with aiohttp.ClientSession(
        connector=connector, headers={"Sec-Fetch-Site": "same-origin"}
    ) as session:
        yield session


@pytest.mark.parametrize(
    ("case", "below"), [("right", ""), ("small", ""), ("tls", ""), ("tls", "/support"), ("again", "/support")]
)
async def test_a_visitor_chats_through_it(proxied: Proxied, case: str, below: str) -> None:
    # The site says where it is: its page may come from there alone.
    origin = proxied.url("tls", "") if below else ""
    async with tab(proxied, case, below=below, origin=origin) as visitor:
        assert await visitor.ok("session.start")
        assert (await visitor.write("Through the proxy"))["content"] == "Through the proxy"


@pytest.mark.parametrize(("case", "below"), [("tls", ""), ("tls", "/support"), ("again", "/support")])
async def test_every_address_on_the_page_is_there(proxied: Proxied, case: str, below: str) -> None:
    async with browser_of(proxied) as browser:
        async with browser.get(proxied.url(case, f"{below}/")) as response:
            page = await response.text()
            cookie = response.cookies[SECURE_COOKIE_NAME]
        assert (response.status, cookie["path"], COOKIE_NAME in response.cookies) == (200, "/", False)
        assert f'data-socket="{below}/ws/chat/"' in page
        assert f'data-emoji-pictures="{below}/emoji/"' in page
        found = set(re.findall(r'(?:href|src|data-[a-z-]+)="(/[^"]+)"', page))
        static = {each for each in found if "/static/" in each}
        assert len(static) >= 4
        assert [each for each in found if not each.startswith(f"{below}/")] == []
        for each in static:
            async with browser.get(proxied.url(case, each)) as response:
                assert response.status == 200, each
        async with browser.get(proxied.url(case, f"{below}/rooms/")) as response:
            assert response.status == 200


@pytest.mark.parametrize(("case", "below"), [("tls", ""), ("tls", "/support"), ("again", "/support")])
async def test_files_and_the_http_api_name_addresses_that_are_there(
    proxied: Proxied, case: str, below: str
) -> None:
    async with browser_of(proxied) as browser:
        async with browser.post(proxied.url(case, f"{below}/api/session"), json={}) as response:
            assert response.status == 201, await response.text()
            token = (await response.json())["token"]
        own = {"Authorization": f"Bearer {token}"}
        sent = browser.post(proxied.url(case, f"{below}/files/?name=a.png"), data=png(), headers=own)
        async with sent as response:
            assert response.status == 201, await response.text()
            attachment = await response.json()
        for each in filter(None, (attachment["url"], attachment["thumbnail"])):
            assert each.startswith(f"{below}/files/")
            async with browser.get(proxied.url(case, each), headers=own) as response:
                assert response.status == 200, each
        async with browser.get(proxied.url(case, f"{below}/api/openapi.json")) as response:
            assert (await response.json())["servers"][0]["url"] == (below or "/")
        async with browser.get(
            proxied.url(case, f"{below}/api/connections?limit=1"), headers=own
        ) as response:
            assert response.status == 200


async def test_staff_log_in_below_the_path(proxied: Proxied) -> None:
    async with browser_of(proxied) as browser:
        url = proxied.url("tls", "/support/admin/")
        async with browser.get(url) as response:
            assert str(response.url).endswith("/support/admin/login/?next=/support/admin/")
            token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', await response.text())
        assert token is not None
        form = {"username": "a", "password": "b", "csrfmiddlewaretoken": token[1]}
        headers = {"Origin": proxied.url("tls", ""), "Referer": str(response.url)}
        async with browser.post(str(response.url), data=form, headers=headers) as response:
            # Wrong, and not forged.
            assert response.status == 200
            assert "Please enter the correct username" in await response.text()


async def test_a_host_without_its_port_is_named_in_log_and_close_reason(proxied: Proxied) -> None:
    async with tab(proxied, "no_port") as visitor:
        assert await visitor.closed() == 4403
        assert visitor.socket.close_reason == "proxy_port"
    async with tab(proxied, "no_port") as visitor:
        assert await visitor.closed() == 4403
    log = proxied.log(proxied.own)
    assert log.count("proxy_set_header Host $http_host") == 1
    assert proxied.url("no_port", "") in log
    # Another site's page is told nothing, and no log is filled by it.
    async with tab(proxied, "no_port", origin="https://evil.example") as stranger:
        assert await stranger.closed() == 4403
        assert stranger.socket.close_reason == ""
    assert "evil.example" not in proxied.log(proxied.own)


async def test_a_proxy_without_upgrade_is_named_in_the_log(proxied: Proxied) -> None:
    for _ in range(2):
        with pytest.raises(InvalidStatus) as refused:
            async with tab(proxied, "no_upgrade"):
                pass
        assert refused.value.response.status_code == 426
        assert json.loads(refused.value.response.body or b"")["error"]["code"] == "unknown_command"
    assert proxied.log(proxied.own).count("proxy_set_header Upgrade $http_upgrade") == 1


async def test_redirects_that_would_never_end_are_a_page_that_says_why(proxied: Proxied) -> None:
    browsers = {"Host": "chat.example.com", "Sec-Fetch-Mode": "navigate"}
    async with browser_of(proxied) as browser:
        for _ in range(2):
            asked = browser.get(proxied.url("no_proto", "/support/"), headers=browsers, allow_redirects=False)
            async with asked as response:
                assert response.status == 503
                assert "X-Forwarded-Proto" in await response.text()
        # What says nothing of where it is may well be somewhere else.
        plain = {"Host": "chat.example.com"}
        asked = browser.get(proxied.url("no_proto", "/support/"), headers=plain, allow_redirects=False)
        async with asked as response:
            assert (response.status, response.headers["Location"]) == (
                301,
                "https://chat.example.com/support/",
            )
    assert proxied.log(proxied.below).count("cannot see that your request already uses it") == 1


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def chrome(chromium: str) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield browser
        await browser.close()


async def opened(chrome: Browser, url: str) -> Page:
    page = await (await chrome.new_context(ignore_https_errors=True)).new_page()
    page.set_default_timeout(30_000)
    await page.goto(url)
    return page


@pytest.mark.parametrize(
    ("case", "words"), [("no_port", "hides the port"), ("no_upgrade", "blocks WebSockets")]
)
async def test_the_page_names_the_cause(proxied: Proxied, chrome: Browser, case: str, words: str) -> None:
    page = await opened(chrome, proxied.url(case))
    await expect(page.locator("[data-banner-text]")).to_contain_text(words, timeout=30_000)
    await page.context.close()


@pytest.mark.parametrize(("case", "below"), [("small", ""), ("tls", "/support/")])
async def test_a_limit_of_the_proxys_is_not_called_ours(
    proxied: Proxied, chrome: Browser, case: str, below: str
) -> None:
    """Refused by nginx in HTML: the page must not name a limit that it does not know. Below it, files are sent."""
    page = await opened(chrome, proxied.url(case, below))
    await expect(page.locator("[data-chat]")).to_have_attribute("data-state", "ready", timeout=30_000)
    large = {"name": "large.txt", "mimeType": "text/plain", "buffer": b"word " * 40_000}
    await page.locator("[data-choose]").set_input_files([large])  # type: ignore[list-item]
    upload = page.locator("[data-upload]")
    await expect(upload).to_have_attribute(
        "data-state", "refused" if case == "small" else "ready", timeout=30_000
    )
    if case == "small":
        problem = upload.locator("[data-upload-problem]")
        await expect(problem).to_have_text("The proxy in front of this chat refuses files of this size")
    await page.context.close()


async def test_pages_speak_often_enough_for_the_documented_proxy() -> None:
    every = re.search(r"EVERY = ([\d_]+)", (nginx.HERE / "static/bridge/wire/heartbeat.js").read_text())
    assert every is not None
    for each in nginx.documented():
        (seconds,) = re.findall(r"proxy_read_timeout (\d+)s;", each)
        assert int(seconds) * 1000 >= 2 * int(every[1])
