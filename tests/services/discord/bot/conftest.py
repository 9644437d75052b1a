"""The real bot in the test's own loop, against a real sandbox on loopback and the real database and Valkey."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bridge.models import Inbox
from bridge.sandbox import defaults, door, routes
from bridge.sandbox.client import SandboxClient
from bridge.sandbox.server import Server
from bridge.services.discord.bot import client, runner
from tests.services.discord.bot.stage import HastyBot, Stage, TimeMachine


@pytest.fixture
def clock() -> TimeMachine:
    return TimeMachine()


@pytest.fixture
def inbox(transactional_db: None) -> Inbox:
    return Inbox.objects.get(name="default")


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    running = Server(host="127.0.0.1", port=0, state=tmp_path / "state")
    await running.start()
    yield running
    await running.stop()


@pytest.fixture
async def sandbox(server: Server) -> AsyncIterator[SandboxClient]:
    async with SandboxClient(server.url) as client:
        yield client


@pytest.fixture
async def stage(
    inbox: Inbox,
    server: Server,
    sandbox: SandboxClient,
    clock: TimeMachine,
    settings: Any,
    valkey_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Stage]:
    """Everything but the bot itself: `await stage.start()` brings that up."""
    settings.DISCORD_TOKEN = defaults.TOKEN
    settings.DISCORD_CHANNEL_ID = str(defaults.SUPPORT_CHANNEL_ID)
    settings.DISCORD_API_URL = defaults.api_url(server.url)
    settings.DISCORD_GATEWAY_URL = defaults.gateway_url(server.url)
    settings.SITE_URL = "https://chat.example.com"
    base, gateway = client.Route.BASE, client.DiscordWebSocket.DEFAULT_GATEWAY
    monkeypatch.setattr(runner, "BridgeBot", HastyBot)
    monkeypatch.setattr(runner, "WAIT_FOR_LEASE", 0.05)
    stage = Stage(server, sandbox, clock)
    answer = routes.answer

    def watched(request: routes.Request) -> routes.Answer:
        stage.bodies.append((request.method, request.path, request.json))
        for refuses in stage.refusals:
            if (refused := refuses(request)) is not None:
                return refused
        return answer(request)

    monkeypatch.setattr(door, "answer", watched)
    yield stage
    await stage.stop()
    client.Route.BASE, client.DiscordWebSocket.DEFAULT_GATEWAY = base, gateway


@pytest.fixture
async def up(stage: Stage) -> Stage:
    """The same with the bot connected and caught up."""
    await stage.start()
    return stage
