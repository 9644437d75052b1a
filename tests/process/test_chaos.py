"""The promise: 200 messages each way while every part dies and Discord misbehaves. Nothing lost, doubled, out of order.

CHAOS_SEED repeats a run, CHAOS_ROUNDS makes it longer: each round kills every part once more and injects every
fault once more.
"""

import asyncio
import os
import random
import time

import pytest

from tests.process.chaos import Discord, Killer, seed
from tests.process.conftest import MakeSite
from tests.process.crowd import Counts, Crowd
from tests.processes import Site

pytestmark = pytest.mark.processes
VISITORS = 10
ROUNDS = int(os.environ.get("CHAOS_ROUNDS") or 2)
MESSAGES = 200 // VISITORS * max(1, ROUNDS // 2)
"""Each way and visitor."""


@pytest.mark.timeout(300 + 120 * ROUNDS)
async def test_both_sides_hold_the_same_however_the_parts_die_and_discord_misbehaves(
    make_site: MakeSite, capsys: pytest.CaptureFixture[str]
) -> None:
    site, number = make_site(), seed()
    with capsys.disabled():
        print(f"\nCHAOS_SEED={number} CHAOS_ROUNDS={ROUNDS}")
    report = await run(site, number)
    with capsys.disabled():
        print(report)


async def run(site: Site, number: int) -> str:
    chance, began = random.Random(number), time.monotonic()
    for part in site.parts:
        await asyncio.to_thread(part.start)
    async with Crowd(site, size=VISITORS, chance=random.Random(number + 1)) as crowd:
        discord, killer = Discord(crowd, random.Random(number + 2)), Killer(site, chance)
        await crowd.sandbox.settings(seed=number)
        await discord.open_badly()
        async with asyncio.TaskGroup() as group:
            for conversation in crowd.conversations:
                group.create_task(crowd.talk(conversation, messages=MESSAGES, pace=2.5))
            group.create_task(killer.rounds(ROUNDS))
            group.create_task(discord.misbehave(times=max(1, ROUNDS // 2)))
            group.create_task(_delete_one(crowd, discord, chance))
        noisy = time.monotonic() - began
        await crowd.settle()
        # A request that was held up on its way may land only now.
        await asyncio.sleep(max(0.0, discord.last_landing - time.monotonic()))
        counts = await crowd.prove()
        return table(counts, killer, discord, noisy=noisy, seconds=time.monotonic() - began)


async def _delete_one(crowd: Crowd, discord: Discord, chance: random.Random) -> None:
    victim = chance.choice(crowd.conversations)
    await crowd.thread(victim)
    await asyncio.sleep(chance.uniform(10, 25))
    await discord.delete_thread(victim)


def table(counts: Counts, killer: Killer, discord: Discord, *, noisy: float, seconds: float) -> str:
    struck = ", ".join(f"{name} {count}" for name, count in discord.struck.items())
    kills = ", ".join(f"{name} {count}" for name, count in killer.kills.items())
    return "\n".join(
        [
            f"page to Discord: {counts.to_discord} messages in {counts.remote_messages} of Discord's,"
            f" Discord to page: {counts.to_page}; each once, in order, on all three sides",
            f"copies: {counts.copies} in a thread that was deleted meanwhile, else 0;"
            f" staff's words that went with that thread unread: {counts.gone_with_their_thread}",
            f"kill -9: {kills}",
            f"faults: {struck}",
            f"visitors' reconnects: {counts.reconnects}, repeated sends: {counts.resends}",
            f"{noisy:.0f} s of chaos, all quiet and equal after {seconds:.0f} s",
        ]
    )
