"""Four delivery workers on one PostgreSQL: a claim that ignores its compare-and-swap shows in real processes only."""

import asyncio
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from bridge.sandbox.client import SandboxClient
from tests.processes import Process, Site
from tests.visitor import Visitor

VISITORS = 12
MESSAGES = 25
KILLS = 5
SEED = 7


def worker_of(site: Site, number: int) -> Process:
    log = site.folder / f"worker{number}.log"
    command = ["-m", "tests.delivery.worker", f"worker{number}"]

    def works() -> bool:
        return log.exists() and "works" in log.read_text()

    return Process(f"worker{number}", command, env=site.env, log=log, ready=works)


async def converse(
    site: Site, workers: list[Process]
) -> tuple[dict[str, list[str]], list[dict[str, Any]], Counter[str]]:
    """What each visitor said by his conversation's code, what each thread holds, and requests by what they posted."""
    dice = random.Random(SEED)
    async with SandboxClient(site.sandbox_url) as sandbox:
        visitors = [Visitor(site.url) for _ in range(VISITORS)]
        killing = asyncio.create_task(kill_some(workers, dice))
        said = await asyncio.gather(*(talk(visitor, number) for number, visitor in enumerate(visitors)))
        await killing
        wanted = {
            visitor.connection[:8]: lines
            for visitor, lines in zip(visitors, said, strict=True)
            if visitor.connection
        }
        threads = await holding_all(sandbox, wanted)
        requests = Counter(
            str(request["nonce"])
            for request in await sandbox.requests()
            if request["method"] == "POST" and request["path"].endswith("/messages")
        )
        return wanted, threads, requests


async def kill_some(workers: list[Process], dice: random.Random) -> None:
    for _ in range(KILLS):
        await asyncio.sleep(dice.uniform(0.2, 0.6))
        victim = dice.choice(workers)
        await asyncio.to_thread(victim.restart, wait=False)


async def talk(visitor: Visitor, number: int) -> list[str]:
    lines = [f"v{number}m{each}" for each in range(MESSAGES)]
    async with visitor:
        for line in lines:
            await visitor.say(line)
            await asyncio.sleep(0.05)
    return lines


async def holding_all(sandbox: SandboxClient, wanted: dict[str, list[str]]) -> list[dict[str, Any]]:
    """The threads with their lines, once they hold as many lines as were said, or when that takes too long."""
    for _ in range(300):
        threads = [
            {"name": thread["name"], "lines": lines_of(await sandbox.messages(thread["id"]))}
            for thread in await sandbox.threads()
        ]
        if sum(len(thread["lines"]) for thread in threads) >= sum(map(len, wanted.values())):
            break
        await asyncio.sleep(0.5)
    return threads


def lines_of(messages: list[dict[str, Any]]) -> list[str]:
    return [line for message in messages for line in message["content"].split("\n") if line]


@pytest.mark.processes
@pytest.mark.postgres
@pytest.mark.timeout(300)
def test_four_workers_on_one_database_carry_each_message_once_and_in_order(
    tmp_path: Path, postgres_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with Site(tmp_path, database_url=postgres_url) as site:
        workers = [worker_of(site, number) for number in range(4)]
        try:
            site.sandbox.start()
            for worker in workers:
                worker.start()
            site.web.start()
            wanted, threads, requests = asyncio.run(converse(site, workers))
        finally:
            for worker in workers:
                worker.stop()
    assert len(threads) == len(wanted) == VISITORS
    for thread in threads:
        assert thread["lines"] == wanted[thread["name"].rpartition(" ")[2]]
    repeated = sum(count - 1 for count in requests.values())
    with capsys.disabled():
        print(
            f"\n{VISITORS * MESSAGES} messages of {VISITORS} visitors, 4 workers, {KILLS} kills: "
            f"all there, once, in order; {len(requests)} posts, {repeated} repeated"
        )
    # At most what was in hand when a worker was killed: one request on each of its lines.
    assert repeated <= KILLS * VISITORS
