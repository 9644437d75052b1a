"""From Discord to the actions: one lane for each thread, in order, live events and backfill alike (rule 7).

discord.py makes a task of each event, and tasks overtake each other. So an event is put into its thread's lane at once,
and one task works each lane. After a new gateway session (READY, not RESUMED) events may be missing: every lane waits
until the threads are listed, and one that is behind reads its thread from the watermark on, before its live events.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable

import discord

from bridge.chat.actions import receiving
from bridge.infra.tasks import cancel_and_wait
from bridge.services.discord.bot.background import PROBLEMS, BackgroundTasks
from bridge.services.discord.bot.database import db
from bridge.services.discord.bot.intake import Intake
from bridge.services.discord.bot.lanes import Compare, Event, Lane, Posted
from bridge.services.discord.endpoints import endpoint_of
from bridge.services.discord.errors import UNKNOWN_CHANNEL

logger = logging.getLogger(__name__)

LONGEST_PAUSE = 30.0
PAUSE_IF_FORBIDDEN = 300.0
"""Discord counts refused requests, and bans an address that sends many."""
REMEMBERED = 1000
LOOK_AFTER = 5.0
"""Seconds after which a thread is compared in which somebody reacted to what is not known."""


class Relay:
    def __init__(
        self, client: discord.Client, aside: BackgroundTasks, *, files_came: Callable[[], None]
    ) -> None:
        self._background = aside
        self._intake = Intake(client, aside, files_came=files_came, look_soon=self.look_soon)
        self.staff = self._intake.staff
        # Threads that are compared soon, since something happened to a message that was not known yet.
        self._soon: set[int] = set()
        self._lanes: dict[int, Lane] = {}
        self._listed = asyncio.Event()
        # Threads of which the last listing, or their opening, says where they stand.
        self._placed: set[int] = set()
        # Threads that were seen before they were known here: perhaps they are being opened just now.
        self._strangers: dict[int, None] = {}

    @property
    def is_listed(self) -> bool:
        """Whether it is known which threads hold something new."""
        return self._listed.is_set()

    @property
    def is_behind(self) -> bool:
        """Whether something that Discord told, or holds, may still be lost with this process."""
        return not self._listed.is_set() or any(lane.behind or lane.reading for lane in self._lanes.values())

    def see(self, thread_id: int, event: Event) -> None:
        """Put an event into its lane. Never waits, so the order of the gateway is kept."""
        lane = self._lanes.setdefault(thread_id, Lane())
        lane.add(event)
        self._start(thread_id, lane)

    def fall_behind(self) -> None:
        """A new session: what happened since the last one is not known until the threads are listed."""
        self._listed.clear()

    def forget_places(self) -> None:
        """Events of some threads may be missing: each one is read before what comes next in it."""
        self._placed.clear()

    def caught_up(self, behind: set[int], *, listed: Iterable[int] = (), unknown: Iterable[int] = ()) -> None:
        """The threads are listed; `behind` hold what is not here yet, `unknown` are ours but not known yet."""
        self._placed = {*listed, *behind}
        for thread_id in unknown:
            self._remember(thread_id)
        for thread_id in behind:
            self.read_again(thread_id)
        self._listed.set()

    def look_soon(self, thread_id: int) -> None:
        """Something happened there that could not be read, or came too early: what came of it is read."""
        self._background.start(self._look_later(thread_id))

    def read_again(self, thread_id: int) -> None:
        lane = self._lanes.setdefault(thread_id, Lane())
        lane.behind = True
        lane.again.set()
        self._start(thread_id, lane)

    def opened(self, thread_id: str) -> None:
        """A thread is known from now on; what came for it before is read."""
        pk = int(thread_id)
        self._placed.add(pk)
        if pk in self._lanes:
            # It may be looked up in this very moment.
            self._lanes[pk].opened = True
        elif pk not in self._strangers:
            return
        self._strangers.pop(pk, None)
        self.read_again(pk)

    async def stop(self) -> None:
        await cancel_and_wait(*[lane.task for lane in self._lanes.values() if lane.task])

    def _start(self, thread_id: int, lane: Lane) -> None:
        if lane.task is None or lane.task.done():
            lane.task = asyncio.create_task(self._work(thread_id, lane), name=f"lane {thread_id}")

    async def _work(self, thread_id: int, lane: Lane) -> None:
        """Until the lane is empty. What cannot be stored stays at its head: nothing overtakes it."""
        failures = 0
        while lane.behind or lane.events:
            await self._listed.wait()
            try:
                await self._step(thread_id, lane)
                failures = 0
            except Exception as error:
                if _is_gone(error):
                    # Deleted with all that was in it: nothing is left to be read, now or of what is replayed later.
                    self._placed.discard(thread_id)
                    lane.behind = False
                    lane.events.clear()
                    continue
                # Whatever it was, the event is not lost: the lane is behind and is read again.
                lane.behind = True
                failures += 1
                pause = _pause_after(error, failures)
                text = "Thread %s is behind, retrying in %.1f s: %r"
                logger.warning(text, thread_id, pause, error, exc_info=not isinstance(error, PROBLEMS))
                lane.again.clear()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await lane.again.wait()
        if self._lanes.get(thread_id) is lane:
            del self._lanes[thread_id]

    async def _step(self, thread_id: int, lane: Lane) -> None:
        lane.opened = False
        endpoint = await db(endpoint_of, thread_id)
        if endpoint is None:
            if not lane.opened:
                self._remember(thread_id)
                lane.behind = False
                lane.events.clear()
            return
        if thread_id in self._strangers or thread_id not in self._placed:
            # Another process has made it known since: what was passed over is read. Or no list had it: archived long
            # ago, or deleted since with what was missed, and then a session that is resumed may still bring what came
            # after that. Nobody is to read on behind a hole.
            self._strangers.pop(thread_id, None)
            self._placed.add(thread_id)
            lane.behind = True
        if lane.behind:
            lane.behind, lane.reading = False, True
            await self._intake.backfill(endpoint)
            lane.reading = False
            return
        await lane.settle()
        at, event = lane.events.popleft()
        try:
            # In this order: a new session may mark the lane as behind while a page is read.
            lane.behind = await self._intake.take(endpoint, event) or lane.behind
        except Exception:
            lane.events.appendleft((at, event))
            raise
        if isinstance(event, Posted) and not lane.events:
            await db(receiving.move_watermark, endpoint.pk, str(event.message.id))

    def _remember(self, thread_id: int) -> None:
        self._strangers[thread_id] = None
        while len(self._strangers) > REMEMBERED:
            del self._strangers[next(iter(self._strangers))]

    async def _look_later(self, thread_id: int) -> None:
        """The answer to what we posted may be on its way, or an event that came too early."""
        if thread_id in self._soon:
            return
        self._soon.add(thread_id)
        try:
            await asyncio.sleep(LOOK_AFTER)
        finally:
            self._soon.discard(thread_id)
        self.see(thread_id, Compare())


def _is_gone(error: Exception) -> bool:
    return isinstance(error, discord.NotFound) and error.code == UNKNOWN_CHANNEL


def _pause_after(error: Exception, failures: int) -> float:
    if isinstance(error, discord.Forbidden):
        return PAUSE_IF_FORBIDDEN
    return float(min(LONGEST_PAUSE, 2.0 ** min(failures, 10) / 4))
