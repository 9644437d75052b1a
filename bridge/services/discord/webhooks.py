"""Our webhooks in channels: finds or creates them, and uses another one while one has to rest.

Their tokens are secrets and are only kept in memory. Discord returns them again, so the database contains none.
"""

import asyncio
import time
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Any

import discord
from discord.http import MultipartParameters, Route

from bridge.errors import DeliveryFailed
from bridge.services.attempts import beside, current_attempt
from bridge.services.discord.errors import UNKNOWN_WEBHOOK, not_permitted, rate_limited
from bridge.services.discord.reading import id_of
from bridge.services.requests import Delete, Edit

NAME = "ChatBridge"
MOST = 4
"""Per channel, which may have 15. Each accepts about 30 messages a minute."""
WORTH_WAITING = 2.0
"""Seconds for which a worker waits for a rate limit. For a longer time, the line is postponed."""
TRIES = 6
TOO_MANY_WEBHOOKS = 30007
WEBHOOK = "/webhooks/{webhook_id}/{webhook_token}"


@dataclass
class Webhook:
    pk: int
    token: str
    rests_until: float = 0.0

    @property
    def in_path(self) -> dict[str, Any]:
        return {"webhook_id": self.pk, "webhook_token": self.token}


class Webhooks:
    def __init__(self, client: discord.Client) -> None:
        self._client = client
        self._channels: dict[int, dict[int, Webhook]] = {}

    async def post(self, channel_id: int, params: MultipartParameters) -> tuple[Webhook, dict[str, Any]]:
        """Post once, through any webhook that is ready. Returns it with the message."""
        for _ in range(TRIES):
            webhook = await self._ready(channel_id)
            try:
                return webhook, await self._execute(webhook, params)
            except discord.NotFound as error:
                if error.code != UNKNOWN_WEBHOOK:
                    raise
                # Somebody deleted it. Find out which ones are left.
                self._channels.pop(channel_id, None)
            except DeliveryFailed as failure:
                if failure.reason != "rate_limited" or not failure.certain:
                    raise
        raise rate_limited()

    async def change(
        self, request: Edit | Delete, method: str, params: MultipartParameters | None = None
    ) -> bool:
        """Edit or delete through the webhook that posted it, as no other can. Returns False if it was deleted."""
        channel_id = int(request.thread)
        webhook = await self._find(channel_id, int(request.sender))
        if webhook is None:
            return False
        path = f"{WEBHOOK}/messages/{{message_id}}"
        route = Route(method, path, **webhook.in_path, message_id=int(request.remote_id))
        try:
            await self._request(route, params)
        except discord.NotFound as error:
            if error.code != UNKNOWN_WEBHOOK:
                raise
            self._channels.pop(channel_id, None)
            return False
        return True

    async def _find(self, channel_id: int, webhook_id: int) -> Webhook | None:
        if webhook_id not in await self._of(channel_id):
            # Another process may have created it, or it was moved here.
            self._channels.pop(channel_id, None)
        return (await self._of(channel_id)).get(webhook_id)

    async def _of(self, channel_id: int) -> dict[int, Webhook]:
        if channel_id not in self._channels:
            webhooks = await _permitted(self._client.http.channel_webhooks(channel_id))
            ours = [
                Webhook(int(payload["id"]), payload["token"])
                for payload in webhooks
                if self._is_ours(payload)
            ]
            self._channels[channel_id] = {webhook.pk: webhook for webhook in ours}
        return self._channels[channel_id]

    def _is_ours(self, webhook: Any) -> bool:
        ours = id_of(webhook) is not None and id_of(webhook, "application_id") == self._client.application_id
        return ours and webhook.get("name") == NAME and bool(webhook.get("token"))

    async def _ready(self, channel_id: int) -> Webhook:
        webhooks = await self._of(channel_id)
        rested = any(webhook.rests_until <= time.monotonic() for webhook in webhooks.values())
        if not rested and len(webhooks) < MOST and (made := await self._make(channel_id)) is not None:
            webhooks[made.pk] = made
            return made
        if not webhooks:
            raise not_permitted(
                "The channel has the maximum number of webhooks: delete one that is not needed."
            )
        # The one that has rested longest, so that all take turns.
        first = min(webhooks.values(), key=lambda webhook: webhook.rests_until)
        pause = first.rests_until - time.monotonic()
        if pause > WORTH_WAITING:
            raise rate_limited()
        await asyncio.sleep(max(0.0, pause))
        return first

    async def _make(self, channel_id: int) -> Webhook | None:
        """Create a webhook. Returns None if the channel has the maximum number of webhooks."""
        try:
            # If this creates a second one by mistake, it is found and used like the first.
            with beside():
                made = await _permitted(self._client.http.create_webhook(channel_id, name=NAME))
        except discord.HTTPException as error:
            if error.code != TOO_MANY_WEBHOOKS:
                raise
            return None
        return Webhook(int(made["id"]), str(made["token"]))

    async def _execute(self, webhook: Webhook, params: MultipartParameters) -> dict[str, Any]:
        route = Route("POST", WEBHOOK, **webhook.in_path)
        if (attempt := current_attempt()) is not None:
            # It has no nonce, so a second request would post a second message. And another webhook may be ready.
            attempt.repeatable = attempt.patient = False
            attempt.rest = 0.0
        try:
            message: dict[str, Any] = await self._request(route, params, wait="true")
            return message
        finally:
            if attempt is not None and attempt.rest:
                webhook.rests_until = time.monotonic() + attempt.rest

    async def _request(self, route: Route, params: MultipartParameters | None, **query: str) -> Any:
        """Make a request. discord.py's own webhooks would wait for a rate limit before they return the answer."""
        http = self._client.http
        if params is None:
            return await http.request(route, params=query)
        if params.files:
            # Another webhook may have read them already.
            for file in params.files:
                file.reset()
            return await http.request(route, files=params.files, form=params.multipart, params=query)
        return await http.request(route, json=params.payload, params=query)


async def _permitted(request: Awaitable[Any]) -> Any:
    try:
        return await request
    except discord.Forbidden as error:
        raise not_permitted(
            "For a room, the bot needs “Manage Webhooks” in its channel: grant it this permission."
        ) from error
