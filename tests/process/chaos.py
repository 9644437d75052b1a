"""What goes wrong, at moments that a seed decides: processes die, and Discord misbehaves in every way it has."""

import asyncio
import os
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

from bridge.sandbox import defaults
from tests.process.crowd import Conversation, Crowd, persist
from tests.processes import Process, until

SEED = int(os.environ.get("CHAOS_SEED") or random.SystemRandom().randrange(1_000_000))
"""CHAOS_SEED repeats a run as far as the machine does."""
POST = "POST /channels/*/messages"
STRUCK_WITHIN = 8.0
"""Seconds that a fault waits for its victim; then it is tried again later."""

TOGETHER = 3
"""Faults that wait for their victims at once."""
LONGEST = 240.0
"""Seconds for one of each."""

DEFAULTS = {"route": POST, "event": None, "times": 1, "when": "before", "status": 500, "seconds": 3}

# Every fault of a request, by the name under which it is counted.
REQUESTS: dict[str, dict[str, Any]] = {
    "429": {"fault": "ratelimited", "seconds": 0.5, "everywhere": False},
    "429 for the whole bot": {"fault": "ratelimited", "seconds": 0.5, "everywhere": True},
    "429 without Via": {"fault": "banned", "seconds": 1},
    "500 before": {"fault": "error", "status": 500},
    "500 after it was stored": {"fault": "error", "status": 500, "when": "after"},
    "503 before": {"fault": "error", "status": 503},
    "503 after it was stored": {"fault": "error", "status": 503, "when": "after"},
    "time-out before": {"fault": "timeout"},
    "time-out after it was stored": {"fault": "timeout", "when": "after"},
    "cut before": {"fault": "cut"},
    "cut after it was stored": {"fault": "cut", "when": "after"},
    "answered late": {"fault": "delay", "seconds": 3, "when": "after"},
    "takes effect late": {"fault": "delay", "seconds": 3},
    "takes effect when the bot has given up": {"fault": "delay", "seconds": 24},
    "500 on reading": {"fault": "error", "status": 500, "route": "GET /channels/*/messages"},
    "cut on reading": {"fault": "cut", "route": "GET /channels/*/messages"},
}
# And those that only changes of messages meet.
CHANGES: dict[str, dict[str, Any]] = {
    "500 after an edit": {
        "fault": "error",
        "status": 500,
        "when": "after",
        "route": "PATCH /channels/*/messages/*",
    },
    "cut before an edit": {"fault": "cut", "route": "PATCH /channels/*/messages/*"},
    "500 after a reaction": {
        "fault": "error",
        "status": 500,
        "when": "after",
        "route": "PUT /channels/*/messages/*/reactions/*/@me",
    },
    "cut before a reaction": {"fault": "cut", "route": "PUT /channels/*/messages/*/reactions/*/@me"},
}
MESSAGES = {"route": None, "event": "MESSAGE_CREATE", "times": 4}
EVENTS: dict[str, dict[str, Any]] = {
    "event doubled": {**MESSAGES, "fault": "duplicate"},
    "event out of order": {**MESSAGES, "fault": "reorder"},
}


class Killer:
    """`kill -9` for each part at random moments, and again when it has come back."""

    def __init__(self, crowd: Crowd, chance: random.Random) -> None:
        self.crowd, self.site, self.chance = crowd, crowd.site, chance
        self.kills: Counter[str] = Counter()

    async def rounds(self, count: int) -> None:
        """Each part `count` times, in a new order each time; the next may die while the last still starts."""
        for _ in range(count):
            for name in self.chance.sample(["web", "bot", "valkey", "sandbox"], 4):
                await asyncio.sleep(self.chance.uniform(0.5, 4))
                await self.kill(name)
        for part in self.site.parts:
            await asyncio.to_thread(part.wait_until_ready)

    async def kill(self, name: str) -> None:
        """In the middle of something: everybody writes, and a moment later it is dead."""
        if name == "valkey":
            await asyncio.to_thread(until, self.site.valkeys, "a Valkey to kill")
            await self._in_the_middle()
            self.site.kill_valkey()
        else:
            part: Process = getattr(self.site, name)
            await asyncio.to_thread(part.wait_until_ready)
            await self._in_the_middle()
            part.kill()
            await asyncio.sleep(self.chance.uniform(0, 3))
            part.start(wait=False)
        self.kills[name] += 1

    async def _in_the_middle(self) -> None:
        self.crowd.hurry()
        await asyncio.sleep(self.chance.uniform(0, 0.2))


class Discord:
    """Injects each fault of the sandbox at least so many times."""

    def __init__(self, crowd: Crowd, chance: random.Random) -> None:
        self.crowd, self.sandbox, self.chance = crowd, crowd.sandbox, chance
        self.struck: Counter[str] = Counter()
        self.last_landing = 0.0

    async def misbehave(self, *, times: int = 1, changes: bool = False) -> None:
        """Every fault, in a random order, each until it struck; with `changes` those of edits and reactions too."""
        acts: dict[str, Callable[[], Awaitable[bool]]] = {
            "gateway dropped, resumable": lambda: self._drop(resumable=True, code=4000),
            "gateway dropped, session lost": lambda: self._drop(resumable=False, code=4000),
            "gateway torn down": lambda: self._drop(resumable=True, code=0),
            "events withheld, session lost": self._withhold,
            "thread archived": self._archive,
            "thread locked and unlocked": self._lock,
        }
        names = [*REQUESTS, *EVENTS, *acts, *(CHANGES if changes else ())]
        waiting = [name for _ in range(times) for name in self.chance.sample(names, len(names))]
        end = time.monotonic() + LONGEST * times
        while waiting:
            assert time.monotonic() < end, f"found nobody to strike: {waiting}"
            name = waiting.pop(0)
            if name in acts:
                struck = [name] if await acts[name]() else []
                tried = [name]
            else:
                tried = [name, *dict.fromkeys(each for each in waiting if each not in (*acts, name))][
                    :TOGETHER
                ]
                for each in tried[1:]:
                    waiting.remove(each)
                struck = await self._strike(tried)
            self.struck.update(struck)
            waiting += [each for each in tried if each not in struck]
            await asyncio.sleep(self.chance.uniform(0, 0.5))

    async def open_badly(self) -> None:
        """The first conversations open while their cards and threads meet faults."""
        thread = "POST /channels/*/messages/*/threads"
        for rule in (
            {"fault": "error", "status": 500, "when": "after"},
            {"fault": "cut", "when": "after"},
            {"fault": "cut", "when": "before"},
        ):
            await self.sandbox.fault(**rule, route=thread, times=1)  # type: ignore[arg-type]
        await self.sandbox.fault("cut", route=POST, when="after", times=1)

    async def hold_one(self) -> None:
        """The bot may not write in a thread, until somebody has seen why the line is held and mends it.

        Before anything dies: a bot that starts without its rights says so and ends.
        """
        bot = self.crowd.site.bot
        await asyncio.to_thread(
            until, lambda: "Connected to Discord" in bot.log.read_text(), "its first look"
        )
        async with asyncio.timeout(LONGEST):
            while not (threads := await self.sandbox.threads()):  # noqa: ASYNC110
                await asyncio.sleep(0.2)
        thread = threads[0]["id"]
        support = defaults.SUPPORT_CHANNEL_ID
        await persist(lambda: self.sandbox.permit(support, "manage_threads", False))
        await persist(lambda: self.sandbox.lock(thread))
        async with asyncio.timeout(LONGEST):
            while not any("locked" in trouble for trouble in await self.crowd.troubles()):  # noqa: ASYNC110
                await asyncio.sleep(0.2)
        await persist(lambda: self.sandbox.permit(support, "manage_threads", True))
        await persist(lambda: self.sandbox.unlock(thread))
        self.struck["line held for a right"] += 1
        self.struck["opening"] += sum(rule["struck"] for rule in await self.sandbox.faults())
        await self.sandbox.clear_faults()

    async def delete_thread(self, conversation: Conversation) -> None:
        """With all that is in it. What is said from now on goes to its successor."""
        thread = await self.crowd.thread(conversation)
        conversation.lost.add(thread)
        await persist(lambda: self.sandbox.remove(thread))
        self.struck["thread deleted"] += 1

    async def _strike(self, names: list[str]) -> list[str]:
        """Let each of these faults meet a request or an event, and return those that did."""
        rules = [DEFAULTS | (REQUESTS | EVENTS | CHANGES)[name] for name in names]
        for rule in rules:
            await persist(lambda rule=rule: self.sandbox.fault(**rule))  # type: ignore[misc]
        longest = max(rule["seconds"] for rule in rules)
        self.last_landing = max(self.last_landing, time.monotonic() + STRUCK_WITHIN + longest)
        end = time.monotonic() + STRUCK_WITHIN
        struck = [0] * len(names)
        while time.monotonic() < end and any(struck[i] < rule["times"] for i, rule in enumerate(rules)):
            await asyncio.sleep(0.1)
            # A sandbox that was killed has forgotten its rules.
            for known in await persist(self.sandbox.faults):
                index = next(i for i, rule in enumerate(rules) if rule.items() <= known.items())
                struck[index] = max(struck[index], known["struck"])
        await persist(self.sandbox.clear_faults)
        return [name for name, count in zip(names, struck, strict=True) if count]

    async def _drop(self, *, resumable: bool, code: int) -> bool:
        return await persist(lambda: self.sandbox.drop_gateway(resumable=resumable, code=code)) > 0

    async def _withhold(self) -> bool:
        """Events that a session never brought, before it was lost: nobody will ever send them again."""
        if not await persist(self.sandbox.connected):
            return False
        await persist(lambda: self.sandbox.fault("withhold", event="*"))
        await asyncio.sleep(1.5)
        withheld = sum(each["struck"] for each in await persist(self.sandbox.faults))
        # The session first: an event that got through after the withheld ones would hide them.
        await persist(lambda: self.sandbox.drop_gateway(resumable=False, code=0))
        await persist(self.sandbox.clear_faults)
        return withheld > 0

    async def _archive(self) -> bool:
        thread = await self.crowd.thread(self.chance.choice(self.crowd.conversations))
        await persist(lambda: self.sandbox.archive(thread))
        return True

    async def _lock(self) -> bool:
        thread = await self.crowd.thread(self.chance.choice(self.crowd.conversations))
        await persist(lambda: self.sandbox.lock(thread))
        await asyncio.sleep(1)
        await persist(lambda: self.sandbox.unlock(thread))
        return True
