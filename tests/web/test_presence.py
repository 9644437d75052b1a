"""Whether the team is online. Of visitors: tests/web/test_online.py."""

import pytest

from bridge.live.worker import Worker
from bridge.models import Inbox
from bridge.presence import team
from tests.presence.clock import Clock
from tests.web.browser import Browser
from tests.web.conftest import Open


async def test_the_team_is_online_while_the_bot_is_and_one_of_them_spoke_lately(valkey_url: str) -> None:
    assert not await team.staff_online(1)
    await team.gateway_up()
    assert not await team.staff_online(1)
    await team.staff_seen(1)
    assert await team.staff_online(1)
    assert not await team.staff_online(2)
    await team.gateway_down()
    assert not await team.staff_online(1)


async def test_the_team_is_away_once_the_bot_died_or_none_of_them_has_spoken_for_long(
    valkey_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch)
    await team.staff_seen(1)
    await team.gateway_up()
    clock.go_on(team.GATEWAY_TTL - 1)
    assert await team.staff_online(1)
    clock.go_on(1)
    assert not await team.staff_online(1)
    await team.gateway_up()
    assert await team.staff_online(1)
    clock.go_on(team.STAFF_TTL - team.GATEWAY_TTL - 1)
    await team.gateway_up()
    assert await team.staff_online(1)
    clock.go_on(1)
    assert not await team.staff_online(1)
    await team.staff_seen(1)
    assert await team.staff_online(1)


async def test_visitors_are_told_when_the_team_comes_and_goes(
    browser: Open, inbox: Inbox, visitor: Browser
) -> None:
    other = browser()
    await Inbox.objects.acreate(name="other")
    await other.start(inbox="other")
    process = Worker.current()
    await team.gateway_up()
    await team.staff_seen(inbox.pk)
    await process._beat()
    assert (await visitor.event("presence.changed"))["payload"] == {"staff_online": True}
    late = browser()
    assert (await late.start())["staff_online"]
    await process._beat()
    await team.gateway_down()
    await process._beat()
    assert (await visitor.event("presence.changed"))["payload"] == {"staff_online": False}
    assert (await late.event("presence.changed"))["payload"] == {"staff_online": False}
    assert await other.hears_nothing()
