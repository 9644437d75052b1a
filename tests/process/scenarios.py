"""The scenarios: what is done to the parts of a site. Each proves at its end that all sides hold the same."""

import asyncio
import itertools
import os
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests import postgres
from tests.process.chaos import POST, SEED, Discord, Killer, persist
from tests.process.crowd import Conversation, Counts, Crowd
from tests.processes import Process, Site, until

ROUNDS = int(os.environ.get("CHAOS_ROUNDS") or 2)


def site_in(folder: Path, *, database_url: str = "") -> Site:
    # Each visitor has an address of his own, given by one proxy: throttles count by address.
    return Site(folder, database_url=database_url, TRUSTED_PROXIES="1")


async def start(site: Site) -> None:
    for part in site.parts:
        await asyncio.to_thread(part.start)


async def chaos_on_sqlite(folder: Path) -> str:
    """200 messages each way; every part dies, Discord misbehaves in every way, on SQLite."""
    with shown(site_in(folder)) as site:
        return await _chaos(site, visitors=10, rounds=ROUNDS)


async def chaos_on_postgres(folder: Path) -> str:
    """100 messages each way; every part dies, Discord misbehaves in every way, on PostgreSQL."""
    with (
        postgres.server() as server,
        postgres.database(server) as url,
        shown(site_in(folder, database_url=url)) as site,
    ):
        return await _chaos(site, visitors=5, rounds=max(1, ROUNDS // 2))


async def _chaos(site: Site, *, visitors: int, rounds: int) -> str:
    began = time.monotonic()
    await start(site)
    async with Crowd(site, size=visitors, chance=random.Random(SEED)) as crowd:
        discord, killer = Discord(crowd, random.Random(SEED + 1)), Killer(crowd, random.Random(SEED + 2))
        await crowd.sandbox.settings(seed=SEED)
        await discord.open_badly()
        over = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            for conversation in crowd.conversations:
                group.create_task(crowd.talk(conversation, messages=20, pace=3, until=over))
            await discord.hold_one()
            await asyncio.gather(
                killer.rounds(rounds),
                discord.misbehave(times=max(1, rounds // 2)),
                _delete_one(crowd, discord),
            )
            over.set()
        noisy = time.monotonic() - began
        await crowd.settle()
        # A request that was held up on its way may land only now.
        await asyncio.sleep(max(0.0, discord.last_landing - time.monotonic()))
        counts = await crowd.prove()
    assert counts.to_discord >= 20 * visitors
    struck = ", ".join(f"{name} {count}" for name, count in discord.struck.items())
    return "\n".join(
        [
            told(counts),
            f"kill -9: {_list(killer.kills)}",
            f"faults: {struck}",
            f"{noisy:.0f} s of chaos, all quiet and equal after {time.monotonic() - began:.0f} s",
        ]
    )


async def _delete_one(crowd: Crowd, discord: Discord) -> None:
    victim = crowd.chance.choice(crowd.conversations)
    await crowd.thread(victim)
    await asyncio.sleep(crowd.chance.uniform(10, 25))
    await discord.delete_thread(victim)


async def all_at_once(folder: Path) -> str:
    """All parts die at once in the middle of a chat, and start again in each order."""
    began, chance = time.monotonic(), random.Random(SEED)
    with shown(site_in(folder)) as site:
        await start(site)
        orders = list(itertools.permutations(site.parts))
        async with Crowd(site, size=len(orders), chance=random.Random(SEED)) as crowd:
            for conversation, order in zip(crowd.conversations, orders, strict=True):
                talk = asyncio.create_task(crowd.talk(conversation, messages=4, pace=0.7))
                await asyncio.sleep(chance.uniform(0.5, 3))
                crowd.hurry()
                await asyncio.sleep(chance.uniform(0, 0.2))
                site.kill_valkey()
                for part in site.parts:
                    part.kill()
                for part in order:
                    part.start(wait=False)
                    await asyncio.sleep(chance.uniform(0, 0.5))
                for part in order:
                    await asyncio.to_thread(part.wait_until_ready)
                await talk
            counts = await crowd.settle()
    return f"{told(counts)}\norders: {len(orders)}; {time.monotonic() - began:.0f} s"


async def valkey_alone(folder: Path) -> str:
    """Valkey dies again and again in the middle of a chat; nobody's socket closes, nobody waits for it."""
    began, kills, slowest = time.monotonic(), 4, 0.0
    with shown(site_in(folder)) as site:
        await start(site)
        async with Crowd(site, size=4, chance=random.Random(SEED)) as crowd:

            async def say(conversation: Conversation) -> None:
                nonlocal slowest
                for number in range(15):
                    await asyncio.sleep(crowd.chance.uniform(0, 2))
                    asked = time.monotonic()
                    await crowd.say(conversation, f"visitor {conversation.number} message {number}")
                    await crowd.answer(conversation, f"staff to {conversation.number} answer {number}")
                    slowest = max(slowest, time.monotonic() - asked)

            async with asyncio.TaskGroup() as group:
                for conversation in crowd.conversations:
                    group.create_task(say(conversation))
                for _ in range(kills):
                    await asyncio.sleep(crowd.chance.uniform(1, 5))
                    await asyncio.to_thread(until, site.valkeys, "a Valkey to kill")
                    site.kill_valkey()
            counts = await crowd.settle()
    assert counts.reconnects == 0, "a socket closed while Valkey was away"
    return (
        f"{told(counts)}\nkill -9: valkey {kills}; slowest message and answer: {slowest:.1f} s;"
        f" {time.monotonic() - began:.0f} s"
    )


async def paused(folder: Path) -> str:
    """A bot that hangs for 40 s while another takes over, and a web server that hangs for 15 s, double nothing."""
    began = time.monotonic()
    with shown(site_in(folder)) as site:
        await start(site)
        heir = site.another_bot()
        await asyncio.to_thread(heir.start)
        async with Crowd(site, size=6, chance=random.Random(SEED)) as crowd:
            async with asyncio.TaskGroup() as group:
                for conversation in crowd.conversations:
                    group.create_task(crowd.talk(conversation, messages=12, pace=4))
                group.create_task(_hang(crowd, heir))
            counts = await crowd.settle()
        assert heir.alive
        assert site.bot.alive, "the bot that hung should wait for its turn"
        assert "lost the lease of the gateway" in site.bot.log.read_text(), (
            "the bot that hung did not give way"
        )
    return f"{told(counts)}\nthe bot hung for 40 s, web for 15 s; {time.monotonic() - began:.0f} s"


async def _pause(crowd: Crowd, part: Process) -> None:
    """Outside of a transaction: SQLite's lock cannot be taken from a process that hangs with it, so all would wait."""
    part.pause()
    while await asyncio.to_thread(crowd.ledger.hangs):
        part.resume()
        await asyncio.sleep(0.3)
        part.pause()


async def _hang(crowd: Crowd, heir: Process) -> None:
    """Some requests are on their way, and some wait inside discord.py to be written again when it wakes up."""
    bot, web = crowd.site.bot, crowd.site.web
    for conversation in crowd.conversations:
        await crowd.thread(conversation)
    await crowd.sandbox.fault("ratelimited", route=POST, times=2, seconds=4)
    await crowd.sandbox.fault("delay", route=POST, times=2, seconds=3)
    async with asyncio.timeout(60):
        while sum(each["struck"] for each in await persist(crowd.sandbox.faults)) < 4:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    try:
        await _pause(crowd, bot)
        await asyncio.sleep(20)
        await _pause(crowd, web)
        await asyncio.sleep(15)
        web.resume()
        await asyncio.sleep(5)
        assert "Connected to Discord" in heir.log.read_text(), "nobody took over while the bot hung"
    finally:
        web.resume()
        bot.resume()


async def hung_on_postgres(folder: Path) -> str:
    """A bot hangs in a transaction on PostgreSQL, while another takes over: nobody waits for its locks."""
    began = time.monotonic()
    with (
        postgres.server() as server,
        postgres.database(server) as url,
        shown(site_in(folder, database_url=url)) as site,
    ):
        await start(site)
        heir = site.another_bot()
        await asyncio.to_thread(heir.start)
        async with Crowd(site, size=5, chance=random.Random(SEED)) as crowd:
            over = asyncio.Event()
            async with asyncio.TaskGroup() as group:
                for conversation in crowd.conversations:
                    group.create_task(crowd.talk(conversation, messages=8, pace=4, until=over))
                tries = await _hang_in_a_transaction(crowd, site.bot)
                over.set()
            try:
                # The claim of what it was about to do runs out, and the heir looks for that: still it hangs.
                await crowd.settle(seconds=70)
            finally:
                site.bot.resume()
            await asyncio.sleep(5)
            counts = await crowd.prove()
    return f"{told(counts)}\ncaught in a transaction at try {tries}; {time.monotonic() - began:.0f} s"


async def _hang_in_a_transaction(crowd: Crowd, bot: Process) -> int:
    for conversation in crowd.conversations:
        await crowd.thread(conversation)
    for tries in itertools.count(1):
        assert tries < 200, "never caught in a transaction"
        crowd.hurry()
        await asyncio.sleep(crowd.chance.uniform(0, 0.1))
        bot.pause()
        await asyncio.sleep(0.25)
        if await asyncio.to_thread(crowd.ledger.hangs):
            return tries
        bot.resume()
        await asyncio.sleep(0.5)
    raise AssertionError


@contextmanager
def shown(site: Site) -> Iterator[Site]:
    """The prepared site; what its parts printed last is told with a failure."""
    with site:
        try:
            yield site
        except BaseException as failure:
            failure.add_note(site.tails())
            raise


def told(counts: Counts) -> str:
    return "\n".join(
        [
            f"page to Discord: {counts.to_discord} messages, in {counts.remote_messages} of Discord's;"
            f" Discord to page: {counts.to_page}; each once and in order on page, in database and in Discord",
            f"copies: 0 in one thread, {counts.copies} in a successor of what a deleted thread had;"
            f" of staff's words {counts.gone_with_their_thread} were deleted with their thread unread",
            f"visitors' reconnects: {counts.reconnects}, repeated sends: {counts.resends};"
            f" staff wrote {counts.while_away} while no bot was there",
        ]
    )


def _list(counted: "dict[str, int]") -> str:
    return ", ".join(f"{name} {count}" for name, count in counted.items())
