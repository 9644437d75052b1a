"""Visitors and staff who write numbered lines to each other, and who know afterwards what must be where."""

import asyncio
import contextlib
import itertools
import random
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, Self, TypeVar

import aiohttp

from bridge.sandbox.client import SandboxClient, SandboxRefused
from tests.process.ledger import Ledger
from tests.processes import Site
from tests.visitor import Visitor

T = TypeVar("T")
PATIENCE = 150.0
"""Seconds within which everything must be everywhere. A request of unknown fate alone waits for thirty."""
AWAY = (aiohttp.ClientError, OSError, TimeoutError)


async def persist(call: Callable[[], Awaitable[T]]) -> T:
    """Its answer, however often the sandbox is killed until then."""
    while True:
        try:
            return await call()
        except AWAY:
            await asyncio.sleep(0.2)


@dataclass
class Answer:
    """What staff wrote: where, and in which words."""

    thread: str
    text: str


@dataclass
class Conversation:
    number: int
    visitor: Visitor
    said: list[str] = field(default_factory=list)
    answered: list[Answer] = field(default_factory=list)
    threads: list[str] = field(default_factory=list)
    """Every thread that it ever had, the present one last."""
    lost: set[str] = field(default_factory=set)
    """Threads that were deleted, with all that was in them."""

    @property
    def code(self) -> str:
        """What its threads' names end in."""
        return (self.visitor.connection or "")[:8]


@dataclass
class Counts:
    """What the two sides hold in the end."""

    to_discord: int = 0
    to_page: int = 0
    remote_messages: int = 0
    copies: int = 0
    gone_with_their_thread: int = 0
    reconnects: int = 0
    resends: int = 0
    while_away: int = 0


class Crowd:
    """`async with Crowd(site, size=…)`: each visitor has a conversation with staff."""

    def __init__(self, site: Site, *, size: int, chance: random.Random | None = None) -> None:
        self.site = site
        self.ledger = Ledger(site)
        self.sandbox = SandboxClient(site.sandbox_url)
        self.chance = chance or random.Random()
        visitors = [Visitor(site.url, address=f"10.0.0.{number}") for number in range(size)]
        self.conversations = [Conversation(number, visitor) for number, visitor in enumerate(visitors)]
        self.while_away = 0
        self._stack = AsyncExitStack()
        self._hurry = asyncio.Event()

    async def __aenter__(self) -> Self:
        await self._stack.enter_async_context(self.sandbox)
        for conversation in self.conversations:
            await self._stack.enter_async_context(conversation.visitor)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    # ---------------------------------------------------------------- saying

    async def say(self, conversation: Conversation, text: str) -> None:
        """The visitor writes; it is his once the server has acknowledged it."""
        await conversation.visitor.say(text, seconds=PATIENCE)
        conversation.said.append(text)

    async def answer(self, conversation: Conversation, text: str) -> None:
        """Staff write into the present thread. While the sandbox is killed they try again, as people do."""
        while True:
            thread = await self.thread(conversation)
            try:
                await self.sandbox.post_as("ada", thread, text)
            except SandboxRefused:
                await asyncio.sleep(0.2)  # the thread was deleted a moment ago
                continue
            except AWAY:
                if text not in await self._lines(thread):
                    continue
            conversation.answered.append(Answer(thread, text))
            # No event will ever bring this one: whoever takes over must look for it.
            self.while_away += not await persist(self.sandbox.connected)
            return

    async def thread(self, conversation: Conversation) -> str:
        """The conversation's thread, once there is one that was not deleted."""
        async with asyncio.timeout(PATIENCE):
            while True:
                for each in await persist(self.sandbox.threads):
                    if conversation.code and each["name"].endswith(conversation.code):
                        if each["id"] not in conversation.threads:
                            conversation.threads.append(each["id"])
                        return str(each["id"])
                await asyncio.sleep(0.2)

    async def talk(
        self, conversation: Conversation, *, messages: int, pace: float, until: asyncio.Event | None = None
    ) -> None:
        """At least so many messages each way, and on `until` then; `pace` seconds apart on average."""

        async def write(text: Callable[[Conversation, int], str], by: Callable[..., Awaitable[None]]) -> None:
            for number in itertools.count():
                if number >= messages and (until is None or until.is_set()):
                    return
                await self._pause(self.chance.uniform(0, 2 * pace))
                await by(conversation, text(conversation, number))

        await asyncio.gather(write(visitor_text, self.say), write(staff_text, self.answer))

    def hurry(self) -> None:
        """Everybody writes now."""
        self._hurry.set()
        self._hurry = asyncio.Event()

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._hurry.wait()

    # -------------------------------------------------------------- checking

    async def troubles(self) -> list[str]:
        """What staff read in the admin about lines that do not move."""
        return await asyncio.to_thread(self.ledger.troubles)

    async def settle(self, *, seconds: float = PATIENCE) -> Counts:
        """Wait until all sides hold the same, then look for what must not be there. Raises AssertionError."""
        try:
            async with asyncio.timeout(seconds):
                waits = True
                while waits:
                    await asyncio.sleep(0.5)
                    waits = await self._something_waits()
        except TimeoutError:
            waiting = [line for each in self.conversations for line in await self._missing(each)]
            listed = "\n".join(
                waiting[:40] or [f"{await asyncio.to_thread(self.ledger.waiting)} lines are due"]
            )
            raise AssertionError(f"after {seconds:.0f} s there is still missing:\n{listed}") from None
        return await self.prove()

    async def _something_waits(self) -> bool:
        """The first that does is enough. A line is looked for before and after: what is missing costs more to find."""
        if await asyncio.to_thread(self.ledger.waiting):
            return True
        for conversation in self.conversations:
            if await self._missing(conversation):
                return True
        return bool(await asyncio.to_thread(self.ledger.waiting))

    async def prove(self) -> Counts:
        """Each message once and in order, on the page, in the database and in Discord."""
        counts = Counts(while_away=self.while_away)
        conversations = await asyncio.to_thread(self.ledger.connections)
        assert conversations == len(self.conversations), "one conversation for each visitor"
        for conversation in self.conversations:
            await self._prove(conversation, counts)
        return counts

    async def _missing(self, conversation: Conversation) -> list[str]:
        """What is not yet where it must be."""
        present = [line for thread in await self._threads(conversation) for line in await self._lines(thread)]
        page = conversation.visitor.messages()
        shown = [message["content"] for message in page]
        undelivered = [message["content"] for message in page if message["state"] != "delivered"]
        who = f"visitor {conversation.number}"
        return [
            *(f"{who}, Discord: {line}" for line in lines_of(conversation.said) if line not in present),
            *(f"{who}, page: {text}" for text in await self._due(conversation) if text not in shown),
            *(f"{who}, page: not delivered: {text[:40]}" for text in undelivered),
        ]

    async def _due(self, conversation: Conversation) -> list[str]:
        """What the page must show of staff's words: all but what went with a deleted thread."""
        return [each.text for each in conversation.answered if each.thread not in conversation.lost]

    async def _prove(self, conversation: Conversation, counts: Counts) -> None:
        who, page = f"visitor {conversation.number}", conversation.visitor.messages()
        own = [message["content"] for message in page if message["author"]["role"] == "visitor"]
        theirs = [message["content"] for message in page if message["author"]["role"] == "staff"]
        assert own == conversation.said, f"{who}: his own messages on the page"
        assert [message["kind"] for message in page] == ["message"] * len(page), f"{who}: gaps on the page"
        assert [message["seq"] for message in page] == list(range(1, len(page) + 1)), f"{who}: places"
        excused = self._excused(conversation, theirs)
        expected = [each.text for each in conversation.answered if each.text not in excused]
        assert theirs == expected, f"{who}: staff's messages on the page"
        stored = await asyncio.to_thread(self.ledger.messages, conversation.visitor.connection or "")
        assert [row.content for row in stored] == [message["content"] for message in page], f"{who}: database"
        assert {row.state for row in stored} == {"delivered"}, f"{who}: states in the database"
        copies = await self._prove_discord(conversation, counts)
        counts.to_discord += len(own)
        counts.to_page += len(theirs)
        counts.copies += copies
        counts.gone_with_their_thread += len(excused)
        counts.reconnects += conversation.visitor.reconnects
        counts.resends += conversation.visitor.resends

    def _excused(self, conversation: Conversation, shown: list[str]) -> set[str]:
        """What was deleted with its thread before the bot had read it: the last words in there, nothing else."""
        excused: set[str] = set()
        for thread in conversation.lost:
            texts = [each.text for each in conversation.answered if each.thread == thread]
            read = list(itertools.takewhile(lambda text: text in shown, texts))
            excused |= set(texts[len(read) :])
        assert not excused & set(shown), f"visitor {conversation.number}: read behind a hole"
        return excused

    async def _prove_discord(self, conversation: Conversation, counts: Counts) -> int:
        """The visitor's lines in his threads. Returns how many stand in more than one of them."""
        who, wanted = f"visitor {conversation.number}", lines_of(conversation.said)
        places = {line: place for place, line in enumerate(wanted)}
        found: list[int] = []
        for thread in await self._threads(conversation):
            messages = [each for each in await self._of_bot(thread) if each["content"]]
            lines = lines_of(each["content"] for each in messages)
            strange = [line for line in lines if line not in places]
            assert not strange, f"{who}: nobody said {strange[:5]}"
            here = [places[line] for line in lines]
            assert here == sorted(set(here)), f"{who}: order and copies in thread {thread}: {lines}"
            if thread not in conversation.lost:
                # Behind a deleted thread only what was on its way just then may be said again.
                assert here == list(range(min(here, default=0), len(wanted))), f"{who}: holes in {thread}"
            found += here
            counts.remote_messages += len(messages)
        assert sorted(set(found)) == list(range(len(wanted))), f"{who}: all in Discord"
        return len(found) - len(set(found))

    async def _threads(self, conversation: Conversation) -> list[str]:
        """All that its code stands in, deleted ones too: two for one conversation would be found here."""
        every = await persist(lambda: self.sandbox.threads(deleted=True))
        mine = [each for each in every if each["name"].endswith(conversation.code)]
        alive = [each["id"] for each in mine if not each["deleted"]]
        assert len(alive) <= 1, f"visitor {conversation.number} has {len(alive)} threads"
        return [each["id"] for each in mine]

    async def _of_bot(self, thread: str) -> list[dict[str, Any]]:
        every = await persist(lambda: self.sandbox.messages(thread))
        return [each for each in every if each["author"]["bot"]]

    async def _lines(self, thread: str) -> list[str]:
        return lines_of(each["content"] for each in await persist(lambda: self.sandbox.messages(thread)))


def lines_of(texts: Any) -> list[str]:
    """The lines of several messages: what waits is joined on the way, and what is long is split."""
    return [line for text in texts for line in text.splitlines() if line]


def visitor_text(conversation: Conversation, number: int) -> str:
    """A line that says whose it is and the how manieth. Every tenth is too long for one message of Discord."""
    head = f"visitor {conversation.number} message {number}"
    if number % 10 != 9:
        return head
    return "\n".join(f"{head} line {line} {'x' * 60}" for line in range(30))


def staff_text(conversation: Conversation, number: int) -> str:
    return f"staff to {conversation.number} answer {number}"
