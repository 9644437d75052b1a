"""The owner of the gateway stops before its lease can be another's, however the database fails."""

import asyncio
import selectors
import threading
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import OperationalError

from bridge.infra.clock import Clock
from bridge.services.discord.bot import lease
from bridge.services.discord.bot.runner import Runner


class Leaping(asyncio.SelectorEventLoop):
    """A loop whose time leaps to the next timer as soon as there is nothing else to do."""

    def __init__(self) -> None:
        self.now = 0.0
        super().__init__(Leap(self))

    def time(self) -> float:
        return self.now


class Leap(selectors.DefaultSelector):
    def __init__(self, loop: Leaping) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> Any:
        self._loop.now += timeout or 0.0
        return super().select(0)


class LoopClock(Clock):
    def uptime(self) -> float:
        return asyncio.get_running_loop().time()


class Failing:
    """A database that fails at once a few times and then hangs."""

    def __init__(self, *, failures: int) -> None:
        self.failures = failures
        self.asked: list[float] = []

    async def run(self, *_: Any, **__: Any) -> bool:
        self.asked.append(asyncio.get_running_loop().time())
        if len(self.asked) > self.failures:
            await asyncio.Event().wait()
        raise OperationalError("away")


@pytest.mark.parametrize("failures", [0, 1, 2, 100])
def test_failures_that_come_late_do_not_add_up(failures: int) -> None:
    database = Failing(failures=failures)

    async def renew() -> float:
        runner = Runner(LoopClock())
        runner._database = database  # type: ignore[assignment]
        await runner._renew(SimpleNamespace(is_up_to_date=False))  # type: ignore[arg-type]
        return asyncio.get_running_loop().time()

    with asyncio.Runner(loop_factory=Leaping) as running:
        ended = running.run(renew())
    assert database.asked[0] == lease.RENEW_EVERY
    assert ended == pytest.approx(lease.GIVE_UP_AFTER)
    assert ended < lease.TERM.total_seconds()


async def test_a_database_that_hangs_does_not_hold_up_who_waits_for_it() -> None:
    """The thread may hang for as long as it likes: whoever gave up goes on."""
    runner, thread_ends = Runner(), threading.Event()
    try:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await runner._database.run(thread_ends.wait, 60)
        assert not thread_ends.is_set()
    finally:
        thread_ends.set()
        await runner._database.close()
