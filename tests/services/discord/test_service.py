"""Discord keeps the contract: the real discord.py, without a gateway, against the sandbox."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import discord
import pytest
from django.utils import timezone

from bridge import services
from bridge.admin.words import reason
from bridge.chat.actions.receiving import Incoming, RemoteAuthor, receive_message
from bridge.models import Connection, Endpoint, Inbox
from bridge.sandbox import defaults, door, routes
from bridge.sandbox.client import POSTS, SandboxClient
from bridge.sandbox.server import Server
from bridge.services.discord.bot.client import point_at_discord
from bridge.services.discord.errors import http_trace
from bridge.services.discord.service import DiscordService
from bridge.web.headers import POLICY
from tests.services.contract import Rig, ServiceContract, Trouble, Wiring
from tests.services.discord.bot.stage import db
from tests.test_locks import without_simcord

BLOCKED = (400, {"code": 200000, "message": "Message was blocked by AutoMod"})
FAULTS: dict[Trouble, dict[str, object]] = {
    "away": {"fault": "cut", "when": "before"},
    "answer lost": {"fault": "cut", "when": "after", "times": 1},
}


class DiscordRig(Rig):
    def __init__(self, client: discord.Client, sandbox: SandboxClient, wiring: Wiring) -> None:
        super().__init__(DiscordService(client), wiring)
        self._sandbox = sandbox
        self._written: dict[int, str] = {}
        self._refuses = False

    async def held(self, endpoint: Endpoint) -> list[str]:
        if endpoint.remote_id is None:
            return []
        said = await self._sandbox.messages(endpoint.remote_id)
        return [each["content"] for each in said if each["author"]["bot"]]

    async def have(self, trouble: Trouble | None) -> None:
        await self._sandbox.clear_faults()
        self._refuses = trouble == "refused"
        if trouble in FAULTS:
            await self._sandbox.fault(route=POSTS, **FAULTS[trouble])  # type: ignore[arg-type]

    def answer(self, request: routes.Request) -> routes.Answer:
        posts = request.method == "POST" and request.path.endswith("/messages")
        return BLOCKED if self._refuses and posts else routes.answer(request)

    async def write(self, endpoint: Endpoint, text: str, *, key: int) -> None:
        if key not in self._written:
            assert endpoint.remote_id is not None
            said = await self._sandbox.post_as("ada", endpoint.remote_id, text)
            self._written[key] = str(said["id"])
        author = RemoteAuthor(remote_id="7", nick="Ada")
        incoming = Incoming(self._written[key], author, text, created_at=timezone.now())
        await db(receive_message, endpoint.pk, incoming)


@pytest.mark.parametrize(
    ("server", "kind", "url"),
    [
        ("7", Connection.Kind.PRIVATE, "https://discord.com/channels/7/1000"),
        ("", Connection.Kind.PRIVATE, ""),
        ("7", Connection.Kind.ROOM, ""),
    ],
)
def test_a_thread_is_a_link_where_its_server_is_known(server: str, kind: str, url: str) -> None:
    connection = Connection(kind=kind, inbox=Inbox(discord_server_id=server))
    endpoint = Endpoint(connection=connection, service="discord", remote_id="1000")
    assert DiscordService.url_of(endpoint) == url


def test_a_project_that_names_no_services_has_this_one(settings: Any) -> None:
    del settings.BRIDGE_SERVICES
    assert services.classes() == {"discord": DiscordService}


def test_whose_bot_is_to_use_the_sandbox_without_it_is_told_what_to_install(tmp_path: Path) -> None:
    ended = without_simcord("manage.py", "run_discord_bot", "--sandbox", folder=tmp_path)
    assert ended.returncode == 1
    assert "django-chatbridge[sandbox]" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_page_shows_the_avatars_of_staff() -> None:
    assert "img-src 'self' data: blob: https://cdn.discordapp.com;" in POLICY


def test_staff_are_told_what_its_reasons_mean() -> None:
    expected = "The Discord server's AutoMod blocked the text: change its rule, then try again."
    assert reason("blocked_by_automod") == expected


class TestDiscord(ServiceContract):
    path = "bridge.services.discord.service.DiscordService"

    @pytest.fixture
    async def rig(
        self, wiring: Wiring, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> AsyncIterator[Rig]:
        server = Server(host="127.0.0.1", port=0, state=tmp_path / "state")
        await server.start()
        wiring.settings.DISCORD_CHANNEL_ID = str(defaults.SUPPORT_CHANNEL_ID)
        wiring.settings.DISCORD_API_URL = defaults.api_url(server.url)
        monkeypatch.setattr("discord.http.Route.BASE", "")
        point_at_discord()
        trace = http_trace(lambda: None)
        client = discord.Client(intents=discord.Intents.none(), http_trace=trace)
        await client.login(defaults.TOKEN)
        async with SandboxClient(server.url) as sandbox:
            rig = DiscordRig(client, sandbox, wiring)
            monkeypatch.setattr(door, "answer", rig.answer)
            yield rig
        await client.close()
        await server.stop()
