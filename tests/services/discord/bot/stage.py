"""What the tests of the bot act with: a clock that can be turned, and the parts of a conversation in one place."""

import asyncio
import contextlib
import time
import uuid
from collections.abc import Callable, Sequence
from typing import Any

from bridge.chat import actions, publishing
from bridge.chat.actions import Opening, Post
from bridge.chat.actions.changing import delete_message, edit_message
from bridge.chat.speaking import Busy
from bridge.infra.clock import Clock
from bridge.models import Connection, Delivery, Endpoint, Inbox, Message
from bridge.sandbox import routes
from bridge.sandbox.client import SandboxClient
from bridge.sandbox.server import Server
from bridge.services.discord.bot.client import BridgeBot
from bridge.services.discord.bot.runner import Runner
from tests.sandbox.bots import Prompt
from tests.time_machine import PATIENCE, TimeMachine, db, eventually

VISITOR = uuid.UUID(int=1)
STRANGER = uuid.UUID(int=2)

Refusal = Callable[[routes.Request], routes.Answer | None]


class HastyBot(Prompt, BridgeBot):
    latest: "HastyBot"

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        HastyBot.latest = self

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        """All but discord.py's patience."""
        await self.spare_sessions()


def store(posts: Sequence[Post]) -> list[Message]:
    """On PostgreSQL the bot may hold the conversation just now: as the web's writer, this tries again."""
    results = actions.post_messages(posts)
    while any(isinstance(result, Busy) for result in results):
        time.sleep(0.01)
        results = actions.post_messages(posts)
    return [Message.objects.get(pk=result.id) for result in results]  # type: ignore[union-attr]


async def held(inbox: str) -> str:
    """What holds an inbox, as the admin says it; empty where nothing does."""
    return await db(lambda: Inbox.objects.get(name=inbox).discord_trouble)


async def look_around(stage: "Stage") -> None:
    """Let the bot look at everything, as it does every few minutes and after each change that it hears of."""
    cog: Any = stage.bot.cogs["RelayCog"]
    cog._changed = True
    await cog.inspect()
    await stage.until_caught_up()


class Stage:
    def __init__(self, server: Server, sandbox: SandboxClient, clock: TimeMachine) -> None:
        self.server, self.sandbox, self.clock = server, sandbox, clock
        # Every request that the sandbox's world answered, with its body.
        self.bodies: list[tuple[str, str, Any]] = []
        self.refusals: list[Refusal] = []
        self.runner: Runner | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def bot(self) -> HastyBot:
        return HastyBot.latest

    @property
    def world(self) -> Any:
        return self.server.sandbox.world

    # ------------------------------------------------------------- the bot

    async def start(self, *, wait: bool = True) -> None:
        self.runner = Runner(self.clock)
        self._task = asyncio.create_task(self.runner.run())
        if wait:
            await self.until_caught_up()

    async def until_caught_up(self) -> None:
        assert self._task is not None
        await eventually(lambda: self._task.done() or self._is_up(), "the bot is connected")
        if self._task.done():
            await self._task

    def _is_up(self) -> bool:
        return hasattr(HastyBot, "latest") and self.bot.is_up_to_date and not self.bot.is_closed()

    async def ended(self) -> None:
        """Wait until the bot ends by itself, and raise why."""
        assert self._task is not None
        async with asyncio.timeout(PATIENCE):
            await self._task

    async def stop(self) -> None:
        if self._task is None or self.runner is None:
            return
        self.runner.stop()
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(self._task, return_exceptions=True)
        self._task = None
        with contextlib.suppress(AssertionError):
            await eventually(publishing._current().idle, seconds=2)

    def pass_time(self, seconds: float) -> None:
        """Turn the clocks and let the outbox look."""
        self.clock.advance(seconds)
        self.bot.outbox.nudge()

    # --------------------------------------------------------- the visitor

    async def say(self, *texts: str, visitor: uuid.UUID = VISITOR, **known: Any) -> list[Message]:
        """The visitor writes; all texts in one transaction, as they wait together in the web's writer."""
        return await db(self._say, texts, visitor, known)

    def _say(self, texts: tuple[str, ...], visitor: uuid.UUID, known: dict[str, Any]) -> list[Message]:
        inbox = Inbox.objects.get(name=known.pop("inbox", "default"))
        answered = known.pop("reply_to", None)
        reply_to = Message.objects.get(content=answered).uid if answered else None
        opening = Opening(inbox=inbox.pk, visitor=visitor, **{"nick": "Visitor", **known})
        posts = [Post(opening=opening, content=text, reply_to=reply_to) for text in texts]
        return store(posts)

    async def edit(self, message: Message, content: str) -> None:
        await db(edit_message, message.pk, content=content)

    async def take_back(self, message: Message) -> None:
        await db(delete_message, message.pk)

    # ----------------------------------------------------------- both sides

    async def endpoint(self, visitor: uuid.UUID = VISITOR) -> Endpoint:
        return await db(
            lambda: (
                Endpoint.objects.select_related("connection").filter(connection__visitor=visitor).latest("pk")
            )
        )

    async def thread(self, visitor: uuid.UUID = VISITOR) -> str:
        """The id of the visitor's thread, once it is open."""

        async def opened() -> str | None:
            return (await self.endpoint(visitor)).remote_id

        return await eventually(opened, "the thread is opened")

    async def converse(self, *texts: str, visitor: uuid.UUID = VISITOR, **known: Any) -> str:
        """Say it, wait until it arrived, and return the thread."""
        await self.say(*texts, visitor=visitor, **known)
        await self.delivered()
        return await self.thread(visitor)

    async def converse_with(self, visitor: uuid.UUID, text: str) -> str:
        """The same where other lines are stuck."""
        await self.say(text, visitor=visitor)
        thread = await self.thread(visitor)
        await self.discord_shows(thread, text)
        return thread

    async def delivered(self) -> None:
        """Nothing waits for Discord any more."""
        unsettled = Delivery.objects.filter(settled_at__isnull=True)
        waiting = Endpoint.objects.filter(due__isnull=False)
        await eventually(
            lambda: db(lambda: not unsettled.exists() and not waiting.exists()), "everything is delivered"
        )

    async def texts(self, thread: str) -> list[str]:
        """What is said in a thread, oldest first, without the line for its card and without small print."""
        said = await self.sandbox.messages(thread)
        texts = [each["content"] for each in said if each["type"] in {0, 19}]
        return [text for text in texts if not text.startswith("-# ")]

    async def small_print(self, thread: str) -> list[str]:
        """What nobody said but happened."""
        said = [each["content"] for each in await self.sandbox.messages(thread)]
        return [text.removeprefix("-# ") for text in said if text.startswith("-# ")]

    async def page(self, visitor: uuid.UUID = VISITOR) -> list[str]:
        """What the visitor reads, in order."""
        shown = Message.objects.filter(connection__visitor=visitor, deleted_at__isnull=True).exclude(
            kind=Message.Kind.EVENT
        )
        return await db(
            lambda: list(shown.order_by("connection_id", "seq").values_list("content", flat=True))
        )

    async def page_shows(self, *texts: str, visitor: uuid.UUID = VISITOR) -> None:
        async def same() -> bool:
            return await self.page(visitor) == list(texts)

        try:
            await eventually(same)
        except AssertionError:
            assert await self.page(visitor) == list(texts)

    async def discord_shows(self, thread: str, *texts: str) -> None:
        async def same() -> bool:
            return await self.texts(thread) == list(texts)

        try:
            await eventually(same)
        except AssertionError:
            assert await self.texts(thread) == list(texts)

    async def change_inbox(self, **fields: Any) -> None:
        await db(lambda: Inbox.objects.filter(name="default").update(**fields))

    async def close_connection(self, visitor: uuid.UUID = VISITOR) -> None:
        await db(lambda: actions.close_connection(Connection.objects.get(visitor=visitor, state="open")))

    def asked(self, route: str) -> int:
        """How many requests of this shape reached the sandbox's door."""
        return self.server.sandbox.log.counts[route]
