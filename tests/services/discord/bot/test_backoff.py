"""How long the bot waits before it tries the gateway again."""

from types import SimpleNamespace

import discord.client
import pytest

from bridge.services.discord.bot.client import point_at_discord


def test_the_gateway_is_tried_again_within_a_minute_however_long_discord_was_away() -> None:
    point_at_discord()
    backoff = discord.client.ExponentialBackoff()
    assert 0 < max(backoff.delay() for _ in range(50)) <= 60


def test_after_some_calm_minutes_the_gateway_is_tried_again_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SimpleNamespace(now=0.0, monotonic=lambda: clock.now)
    monkeypatch.setattr("discord.backoff.time", clock)
    point_at_discord()
    backoff = discord.client.ExponentialBackoff()
    for _ in range(20):
        for _ in range(10):
            backoff.delay()
        clock.now += 121
        assert backoff.delay() <= 2
