"""The owner of the gateway stops before its lease can be another's, however the database fails."""

import time
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import OperationalError

from bridge.bot import lease
from bridge.bot.runner import Runner


async def test_failures_that_come_late_do_not_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two quick errors and then a database that hangs, at a tenth of the real times."""
    monkeypatch.setattr(lease, "RENEW_EVERY", lease.RENEW_EVERY / 10)
    monkeypatch.setattr(lease, "GIVE_UP_AFTER", lease.GIVE_UP_AFTER / 10)
    calls: list[float] = []
    runner = Runner()

    def acquire(*args: Any, **options: Any) -> bool:
        calls.append(time.monotonic())
        if len(calls) > 2:
            time.sleep(2)
        raise OperationalError("away")

    monkeypatch.setattr(lease, "acquire", acquire)
    began = time.monotonic()
    bot: Any = SimpleNamespace(is_up_to_date=False)
    await runner._renew(bot)
    took = time.monotonic() - began
    await runner._database.close()
    assert took < lease.TERM.total_seconds() / 10
