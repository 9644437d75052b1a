"""A public server: static files under hashed names, one strict policy on every page, HTTPS through a proxy."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, Request, build_opener

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client

from bridge import services
from chatbridge_site.environment import BASE_DIR
from chatbridge_site.middleware import POLICY, content_security_policy
from tests.processes import Process, free_ports

IMPORT = re.compile(r"""\bfrom\s*["'](\.[^"']+)["']""")


@dataclass
class Site:
    process: Process
    var: Path
    url: str

    def get(self, path: str, **headers: str) -> tuple[int, Message, bytes]:
        """Status, headers and body, redirects not followed. Host and X-Forwarded-* as the proxy sets them."""
        request = Request(f"{self.url}{path}", headers={"Host": "chat.example.com", **headers})
        try:
            with build_opener(Stay).open(request, timeout=20) as response:
                return response.status, response.headers, response.read()
        except HTTPError as error:
            with error:
                return error.code, error.headers, error.read()

    def page(self, path: str) -> tuple[int, Message, bytes]:
        return self.get(path, **{"X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.1"})


class Stay(HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """uvicorn behind a proxy, as docs/settings.md describes it."""
    var, port = tmp_path_factory.mktemp("public"), free_ports(1)[0]
    env = {
        **os.environ,
        "VAR_DIR": str(var),
        "DATABASE_URL": "",
        "ALLOWED_HOSTS": "chat.example.com",
        "TRUSTED_PROXIES": "1",
        "DJANGO_SETTINGS_MODULE": "chatbridge_site.settings",
    }
    for command in (["migrate", "-v0"], ["collectstatic", "--noinput", "-v0"]):
        subprocess.run([sys.executable, "manage.py", *command], env=env, cwd=BASE_DIR, check=True)
    made = Site(url=f"http://127.0.0.1:{port}", var=var, process=None)  # type: ignore[arg-type]
    made.process = Process(
        "web",
        ["-m", "uvicorn", "chatbridge_site.asgi:application", "--port", str(port)],
        env=env,
        log=var / "web.log",
        ready=lambda: answers(made),
    )
    made.process.start()
    yield made
    made.process.kill()


def answers(site: Site) -> bool:
    try:
        return site.page("/")[0] == 200
    except OSError:
        return False


@pytest.mark.processes
def test_every_module_is_imported_under_its_hashed_name(site: Site) -> None:
    _, _, page = site.page("/")
    waiting = re.findall(r'<script[^>]+src="(/static/[^"]+\.js)"', page.decode())
    assert waiting
    seen: set[str] = set()
    while waiting:
        path = waiting.pop()
        assert re.search(r"\.[0-9a-f]{12}\.js$", path), path
        status, headers, body = site.page(path)
        assert status == 200, path
        assert "immutable" in headers["Cache-Control"]
        seen.add(path)
        for name in IMPORT.findall(body.decode()):
            neighbour = os.path.normpath(os.path.join(os.path.dirname(path), name))
            if neighbour not in seen:
                waiting.append(neighbour)
    assert len(seen) > 5


@pytest.mark.processes
def test_plain_http_is_sent_to_https_and_the_proxys_word_is_taken(site: Site) -> None:
    status, headers, _ = site.get("/")
    assert status == 301
    assert headers["Location"] == "https://chat.example.com/"
    status, headers, _ = site.page("/")
    assert status == 200
    assert "max-age=3600" in headers["Strict-Transport-Security"]
    assert all("Secure" in cookie for cookie in headers.get_all("Set-Cookie") or [])


@pytest.mark.processes
def test_another_host_is_refused(site: Site) -> None:
    assert site.get("/", Host="evil.example")[0] == 400


@pytest.mark.processes
@pytest.mark.parametrize("path", ["/", "/admin/login/", "/nothing-here"])
def test_every_page_has_the_policy_and_nothing_inline(site: Site, path: str) -> None:
    _, headers, body = site.page(path)
    assert headers["Content-Security-Policy"] == POLICY
    text = body.decode()
    assert not re.search(r"<script(?![^>]*\bsrc=)[^>]*>\s*\S", text)
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=", text)


@pytest.mark.processes
def test_a_browser_gets_an_icon_for_pages_that_name_none(site: Site) -> None:
    status, headers, _ = site.page("/favicon.ico")
    assert status == 302
    assert site.page(headers["Location"])[:1] == (200,)


@pytest.mark.processes
def test_the_server_has_nothing_to_complain_about(site: Site) -> None:
    site.page("/")
    log = (site.var / "web.log").read_text()
    assert not re.search(r"Warning:", log), log


def test_the_policy_allows_nothing_inline_and_nothing_from_elsewhere_but_avatars() -> None:
    assert "unsafe" not in POLICY
    assert "default-src 'none'" in POLICY
    origins = [origin for service in services.classes().values() for origin in service.image_origins]
    assert re.findall(r"https?://\S+", POLICY.replace(";", "")) == origins


def test_a_view_may_bring_a_policy_of_its_own() -> None:
    def view(request: HttpRequest) -> HttpResponse:
        return HttpResponse(headers={"Content-Security-Policy": "default-src 'self'"})

    answer = content_security_policy(view)(HttpRequest())
    assert isinstance(answer, HttpResponse)
    assert answer["Content-Security-Policy"] == "default-src 'self'"


@pytest.mark.django_db
def test_pages_served_synchronously_have_the_policy_too(client: Client) -> None:
    assert client.get("/admin/login/")["Content-Security-Policy"] == POLICY
