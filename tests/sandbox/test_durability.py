"""What the sandbox answered or announced is still there after `kill -9`."""

import asyncio
import random
import sys
import time
from pathlib import Path

import aiohttp
import pytest

from bridge.sandbox import defaults
from bridge.sandbox.client import SandboxClient, SandboxRefused
from bridge.sandbox.sandbox import Sandbox
from bridge.sandbox.server import Server
from tests.sandbox.api import Api

SUPPORT = defaults.SUPPORT_CHANNEL_ID
pytestmark = pytest.mark.processes


class Process:
    """The sandbox as a process of its own, on the same port each time."""

    def __init__(self, state: Path, port: int) -> None:
        self._arguments = ("-m", "bridge.sandbox", "--port", str(port), "--state", str(state))

    async def start(self) -> str:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, *self._arguments, stdout=asyncio.subprocess.PIPE
        )
        assert self._process.stdout is not None
        line = (await self._process.stdout.readline()).decode()
        return line.split()[-1].rstrip("/")

    async def kill(self) -> None:
        self._process.kill()
        await self._process.wait()

    async def terminate(self) -> int:
        self._process.terminate()
        return await asyncio.wait_for(self._process.wait(), 60)


async def test_nothing_answered_is_lost_when_it_is_killed_at_random_moments(
    tmp_path: Path, unused_tcp_port: int
) -> None:
    process = Process(tmp_path / "state", unused_tcp_port)
    answered: list[dict[str, str]] = []
    for _ in range(3):
        url = await process.start()
        async with SandboxClient(url) as sandbox:
            writer = asyncio.create_task(write(sandbox, answered))
            await asyncio.sleep(random.uniform(0.1, 0.4))
            await process.kill()
            with pytest.raises((aiohttp.ClientError, ConnectionError)):
                await writer
    async with SandboxClient(await process.start()) as sandbox:
        there = {each["id"]: each["content"] for each in await sandbox.messages(SUPPORT)}
    assert await process.terminate() == 0
    assert len(answered) > 30
    assert {each["id"]: each["content"] for each in answered}.items() <= there.items()
    # At most one was stored each time without its answer getting through.
    assert len(there) - len(answered) <= 3
    assert sorted(there, key=int) == list(there)


async def write(sandbox: SandboxClient, answered: list[dict[str, str]]) -> None:
    while True:
        answered.append(await sandbox.post_as("ada", SUPPORT, f"message {len(answered)}"))


async def restart(server: Server, state: Path) -> Server:
    await server.stop()
    again = Server(host="127.0.0.1", port=0, state=state)
    await again.start()
    return again


async def test_everything_in_the_world_comes_back(tmp_path: Path) -> None:
    server = Server(host="127.0.0.1", port=0, state=tmp_path / "state")
    await server.start()
    async with SandboxClient(server.url) as sandbox, Api(server.url) as api:
        place = {"channel_id": SUPPORT}
        card = await api.call(
            "POST /channels/{channel_id}/messages", json={"content": "card", "nonce": "n1"}, **place
        )
        place["message_id"] = int(card["id"])
        path = "/channels/{channel_id}/messages/{message_id}"
        await api.call(f"POST {path}/threads", status=201, json={"name": "Visitor"}, **place)
        await api.call(f"PUT {path}/reactions/{{emoji_name}}/@me", status=204, emoji_name="✅", **place)
        said = await sandbox.post_as("ada", card["id"], "Hello", reply_to=None)
        await sandbox.post_as("grace", card["id"], "Me too", reply_to=said["id"])
        gone = await sandbox.post_as("ada", card["id"], "Oops")
        await sandbox.edit(card["id"], said["id"], "Hello!")
        await sandbox.delete(card["id"], gone["id"])
        await sandbox.archive(card["id"])
        await sandbox.lock(card["id"])
        await sandbox.permit(SUPPORT, "send_messages", allowed=False)
        await sandbox.settings(intents_allowed=["members"], active_thread_cap=7)
        await sandbox.remove(defaults.GENERAL_CHANNEL_ID)
        await api.call("POST /channels/{channel_id}/webhooks", json={"name": "Web"}, channel_id=SUPPORT)
        before = await everything(sandbox)
    server = await restart(server, tmp_path / "state")
    async with SandboxClient(server.url) as sandbox, Api(server.url) as api:
        assert await everything(sandbox) == before
        hooks = await api.call("GET /channels/{channel_id}/webhooks", channel_id=SUPPORT)
        assert [each["name"] for each in hooks] == ["Web"]
        later = await sandbox.post_as("ada", SUPPORT, "Later")
        assert int(later["id"]) > max(int(message["id"]) for each in before["messages"] for message in each)
        with pytest.raises(SandboxRefused):
            await sandbox.post_as("ada", defaults.GENERAL_CHANNEL_ID, "Gone")
    await server.stop()


async def everything(sandbox: SandboxClient) -> dict[str, object]:
    world = await sandbox.world()
    channels = sorted(world["channels"], key=lambda each: int(each["id"]))
    messages = [await sandbox.messages(each["id"], deleted=True) for each in channels]
    return {"channels": channels, "settings": world["settings"], "messages": messages}


async def test_a_nonce_is_remembered_over_a_restart(tmp_path: Path) -> None:
    server = Server(host="127.0.0.1", port=0, state=tmp_path / "state")
    ids = set()
    body = {"content": "Hello", "nonce": "one", "enforce_nonce": True}
    await server.start()
    for _ in range(2):
        async with Api(server.url) as api:
            sent = await api.call("POST /channels/{channel_id}/messages", json=body, channel_id=SUPPORT)
            ids.add(sent["id"])
        server = await restart(server, tmp_path / "state")
    await server.stop()
    assert len(ids) == 1


async def test_a_torn_last_line_is_left_out(tmp_path: Path) -> None:
    state = tmp_path / "state"
    server = Server(host="127.0.0.1", port=0, state=state)
    await server.start()
    async with SandboxClient(server.url) as sandbox:
        await sandbox.post_as("ada", SUPPORT, "Whole")
    state.write_bytes(state.read_bytes() + b'["message",12,')
    server = await restart(server, state)
    async with SandboxClient(server.url) as sandbox:
        assert [each["content"] for each in await sandbox.messages(SUPPORT)] == ["Whole"]
    await server.stop()


async def test_it_ends_cleanly_when_asked(tmp_path: Path, unused_tcp_port: int) -> None:
    process = Process(tmp_path / "state", unused_tcp_port)
    url = await process.start()
    assert url == f"http://127.0.0.1:{unused_tcp_port}"
    assert await process.terminate() == 0


async def test_it_listens_on_loopback_only() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bridge.sandbox", "--host", "0.0.0.0", stderr=asyncio.subprocess.PIPE
    )
    _, said = await process.communicate()
    assert process.returncode == 2
    assert b"only listens on loopback" in said


async def test_ids_rise_though_the_clock_was_set_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = tmp_path / "state"
    ids = []
    now = time.time()
    for clock in (now, now - 3600):
        monkeypatch.setattr(time, "time", lambda clock=clock: clock)
        sandbox = Sandbox(base_url="http://127.0.0.1", state=state)
        ids += [sandbox.world.say(SUPPORT, defaults.ADA_ID, "Hello").id for _ in range(3)]
        sandbox.settle()
        sandbox.journal.close()
    assert ids == sorted(set(ids))
