"""Our webhooks in a channel: found again or made, and taken in turn where one has to rest.

A webhook's token is a secret that Discord tells its application whenever it asks: it is kept in memory only, so that
a copy of the database opens nothing.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import discord
from discord.http import MultipartParameters, Route

from bridge.errors import DeliveryFailed
from bridge.services.base import NOT_PERMITTED, attempting, current_attempt
from bridge.services.discord.errors import UNKNOWN_WEBHOOK
from bridge.services.discord.reading import id_of

NAME = "ChatBridge"
MOST = 4
"""In a channel, which has room for 15: each takes about 30 messages a minute."""
WORTH_WAITING = 2.0
"""Seconds. A longer rest is waited for by the line, not by its worker."""
TRIES = 6
TOO_MANY_WEBHOOKS = 30007


@dataclass
class Webhook:
    pk: int
    token: str
    rests_until: float = 0.0


class Webhooks:
    def __init__(self, client: discord.Client) -> None:
        self._client = client
        self._channels: dict[int, list[Webhook]] = {}

    async def post(self, channel_id: int, params: MultipartParameters) -> tuple[Webhook, dict[str, Any]]:
        """Post once, through whichever may; return it with the message."""
        for _ in range(TRIES):
            webhook = await self._ready(channel_id)
            try:
                return webhook, await self._execute(webhook, params)
            except discord.NotFound as error:
                if error.code != UNKNOWN_WEBHOOK:
                    raise
                # Somebody deleted it: look what is left.
                self._channels.pop(channel_id, None)
            except DeliveryFailed as failure:
                if failure.reason != "rate_limited" or not failure.certain:
                    raise
        raise _resting()

    async def change(
        self,
        channel_id: int,
        webhook_id: str,
        method: str,
        message_id: str,
        params: MultipartParameters | None,
    ) -> bool:
        """Edit or delete through the webhook that posted it: nobody else may. False where that one is gone."""
        webhook = await self._find(channel_id, int(webhook_id))
        if webhook is None:
            return False
        path = "/webhooks/{webhook_id}/{webhook_token}/messages/{message_id}"
        route = Route(
            method, path, webhook_id=webhook.pk, webhook_token=webhook.token, message_id=int(message_id)
        )
        try:
            await self._request(route, params)
        except discord.NotFound as error:
            if error.code != UNKNOWN_WEBHOOK:
                raise
            self._channels.pop(channel_id, None)
            return False
        return True

    async def _find(self, channel_id: int, webhook_id: int) -> Webhook | None:
        for known in (True, False):
            if not known:
                # Another process may have made it, or it was moved here.
                self._channels.pop(channel_id, None)
            for webhook in await self._of(channel_id):
                if webhook.pk == webhook_id:
                    return webhook
        return None

    async def _of(self, channel_id: int) -> list[Webhook]:
        if channel_id not in self._channels:
            found = await _permitted(lambda: self._client.http.channel_webhooks(channel_id))
            self._channels[channel_id] = [
                Webhook(int(each["id"]), each["token"]) for each in found if self._is_ours(each)
            ]
        return self._channels[channel_id]

    def _is_ours(self, webhook: Any) -> bool:
        mine = id_of(webhook) is not None and id_of(webhook, "application_id") == self._client.application_id
        return mine and webhook.get("name") == NAME and bool(webhook.get("token"))

    async def _ready(self, channel_id: int) -> Webhook:
        webhooks = await self._of(channel_id)
        rested = [each for each in webhooks if each.rests_until <= time.monotonic()]
        if not rested and len(webhooks) < MOST and (made := await self._make(channel_id)) is not None:
            webhooks.append(made)
            return made
        if not webhooks:
            raise DeliveryFailed(
                NOT_PERMITTED,
                "The channel has the maximum number of webhooks: delete one that is not needed.",
                permanent=False,
                certain=True,
            )
        # The one that has rested longest, so that all take turns.
        first = min(webhooks, key=lambda each: each.rests_until)
        pause = first.rests_until - time.monotonic()
        if pause > WORTH_WAITING:
            raise _resting()
        await asyncio.sleep(max(0.0, pause))
        return first

    async def _make(self, channel_id: int) -> Webhook | None:
        """None where the channel is full of webhooks."""
        attempt = current_attempt()
        try:
            # A second one by mistake would be found and used like the first.
            if attempt is None:
                made = await _permitted(lambda: self._client.http.create_webhook(channel_id, name=NAME))
            else:
                with attempting(attempt.beside()):
                    made = await _permitted(lambda: self._client.http.create_webhook(channel_id, name=NAME))
        except discord.HTTPException as error:
            if error.code != TOO_MANY_WEBHOOKS:
                raise
            return None
        return Webhook(int(made["id"]), str(made["token"]))

    async def _execute(self, webhook: Webhook, params: MultipartParameters) -> dict[str, Any]:
        route = Route(
            "POST",
            "/webhooks/{webhook_id}/{webhook_token}",
            webhook_id=webhook.pk,
            webhook_token=webhook.token,
        )
        if (attempt := current_attempt()) is not None:
            # It takes no nonce: a second request would make a second message. And there may be another to use.
            attempt.repeatable = attempt.patient = False
            attempt.rest = 0.0
        try:
            said: dict[str, Any] = await self._request(route, params, wait="true")
        finally:
            if attempt is not None and attempt.rest:
                webhook.rests_until = time.monotonic() + attempt.rest
        return said

    async def _request(self, route: Route, params: MultipartParameters | None, **query: str) -> Any:
        """Not by discord.py's own webhooks: those sleep out a limit before they hand over the answer."""
        http = self._client.http
        if params is None:
            return await http.request(route, params=query)
        if params.files:
            # Another webhook may have read them already.
            for file in params.files:
                file.reset()
            return await http.request(route, files=params.files, form=params.multipart, params=query)
        return await http.request(route, json=params.payload, params=query)


async def _permitted(ask: Callable[[], Awaitable[Any]]) -> Any:
    try:
        return await ask()
    except discord.Forbidden as error:
        raise DeliveryFailed(
            NOT_PERMITTED,
            "For a room, the bot needs “Manage Webhooks” in its channel: grant it this permission.",
            permanent=False,
            certain=True,
        ) from error


def _resting() -> DeliveryFailed:
    return DeliveryFailed(
        "rate_limited", "Discord limits the rate of requests.", permanent=False, certain=True
    )
