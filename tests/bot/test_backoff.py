"""How long the bot waits before it tries the gateway again."""

import discord.client

from bridge.bot.client import point_at_discord


def test_the_gateway_is_tried_again_within_a_minute_however_long_discord_was_away() -> None:
    point_at_discord()
    backoff = discord.client.ExponentialBackoff()
    assert 0 < max(backoff.delay() for _ in range(50)) <= 60
