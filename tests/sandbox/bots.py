"""A real discord.py bot that keeps a diary, for tests of the sandbox."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from unittest.mock import patch

import discord
import yarl

from bridge.sandbox import defaults


class Prompt(discord.Client):
    """Ready once its one server has come.

    discord.py is ready when no further server has come for two seconds. That time cannot just be made short: on a
    busy machine it would be over before the first one is there. `server_within`: how long it waits where none comes.
    """

    server_within = 60.0

    def dispatch(self, event: str, /, *args: Any, **options: Any) -> None:
        if event == "socket_event_type" and args[0] in {"READY", "GUILD_CREATE"}:
            self._connection.guild_ready_timeout = self.server_within if args[0] == "READY" else 0.01
        super().dispatch(event, *args, **options)

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        """discord.py waits five seconds before it identifies again; the sandbox needs no such patience."""


class Bot(Prompt):
    """Writes down what it hears; `until` waits for it."""

    def __init__(self, **options: Any) -> None:
        intents = discord.Intents.default()
        intents.message_content = True
        intents.members = True
        super().__init__(intents=options.pop("intents", intents), **options)
        self.heard: list[tuple[str, str]] = []
        self.ended: BaseException | None = None
        self._news = asyncio.Event()

    def on_end(self, task: "asyncio.Task[None]") -> None:
        self.ended = None if task.cancelled() else task.exception()
        self.write("ended")

    def write(self, event: str, detail: str = "") -> None:
        self.heard.append((event, detail))
        self._news.set()

    async def until(self, event: str, detail: str = "", *, times: int = 1) -> None:
        async with asyncio.timeout(60):
            while self.heard.count((event, detail)) < times:
                self._news.clear()
                await self._news.wait()

    def said(self, event: str = "message") -> list[str]:
        return [detail for each, detail in self.heard if each == event]

    async def on_ready(self) -> None:
        self.write("ready")

    async def on_resumed(self) -> None:
        self.write("resumed")

    async def on_message(self, message: discord.Message) -> None:
        self.write("message", message.content)

    async def on_raw_message_edit(self, payload: discord.RawMessageUpdateEvent) -> None:
        self.write("edit", payload.message.content)

    async def on_raw_message_delete(self, payload: discord.RawMessageDeleteEvent) -> None:
        self.write("delete", str(payload.message_id))

    async def on_raw_reaction_add(self, payload: discord.RawReactionActionEvent) -> None:
        self.write("react", str(payload.emoji))

    async def on_raw_reaction_remove(self, payload: discord.RawReactionActionEvent) -> None:
        self.write("unreact", str(payload.emoji))

    async def on_raw_typing(self, payload: discord.RawTypingEvent) -> None:
        self.write("typing", str(payload.user_id))

    async def on_thread_create(self, thread: discord.Thread) -> None:
        self.write("thread", thread.name)

    async def on_raw_thread_update(self, payload: discord.RawThreadUpdateEvent) -> None:
        self.write("thread update", str(payload.data["thread_metadata"]["archived"]))

    async def on_raw_thread_delete(self, payload: discord.RawThreadDeleteEvent) -> None:
        self.write("thread delete", str(payload.thread_id))

    def support(self) -> discord.TextChannel:
        channel = self.get_channel(defaults.SUPPORT_CHANNEL_ID)
        assert isinstance(channel, discord.TextChannel)
        return channel

    def forum(self) -> discord.ForumChannel:
        channel = self.get_channel(defaults.FORUM_CHANNEL_ID)
        assert isinstance(channel, discord.ForumChannel)
        return channel

    async def open_thread(self, name: str = "A visitor") -> discord.Thread:
        card = await self.support().send(name)
        return await card.create_thread(name=name)


@asynccontextmanager
async def running(bot: Bot, url: str, *, token: str = defaults.TOKEN) -> AsyncIterator[Bot]:
    """Point discord.py at the sandbox, run the bot until the block ends, and raise what ended it before."""
    gateway = yarl.URL(defaults.gateway_url(url))
    with (
        patch.object(discord.http.Route, "BASE", defaults.api_url(url)),
        patch.object(discord.gateway.DiscordWebSocket, "DEFAULT_GATEWAY", gateway),
    ):
        task = asyncio.create_task(bot.start(token))
        task.add_done_callback(bot.on_end)
        ready = asyncio.create_task(bot.until("ready"))
        await asyncio.wait((task, ready), return_when=asyncio.FIRST_COMPLETED)
        try:
            if task.done():
                ready.cancel()
                await task
            yield bot
        finally:
            await bot.close()
            await asyncio.gather(task, return_exceptions=True)
