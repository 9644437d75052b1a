"""A sandbox in the test's own process, its control client, and the HTTP API as a bot calls it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bridge.sandbox.client import SandboxClient
from bridge.sandbox.server import Server
from tests.sandbox.api import Api


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
async def api(server: Server) -> AsyncIterator[Api]:
    async with Api(server.url) as client:
        yield client
