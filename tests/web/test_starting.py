"""Sessions that are refused, or fail half-way."""

from typing import Any

import pytest
from django.db import OperationalError

from bridge.chat import listing
from bridge.identity.tokens import issue
from bridge.live.worker import Worker
from tests.web.conftest import Open


async def test_a_control_character_in_the_inbox_name_is_refused_before_any_database(browser: Open) -> None:
    someone = browser()
    await someone.open()
    reply = await someone.ask("session.start", inbox="def\x00ault")
    assert reply["error"]["code"] == "invalid_payload"


async def test_a_session_that_could_not_start_leaves_nobody_behind(
    browser: Open,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def away(*args: Any, **options: Any) -> None:
        raise OperationalError("the database is away")

    someone = browser()
    await someone.open()
    with monkeypatch.context() as patch:
        patch.setattr(listing, "latest", away)
        for _ in range(2):
            reply = await someone.ask("session.start", token=issue().text)
            assert reply["error"]["code"] == "unavailable"
    await someone.leave()
    assert Worker.current().hub.listeners == {}
