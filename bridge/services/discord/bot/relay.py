"""Passes Discord's events to the actions in order, through one lane for each thread (rule 7).

discord.py handles each event in a task of its own, and tasks overtake each other. So an event is put into its thread's
lane at once, and one task works on each lane. After a new gateway session (READY, not RESUMED), events may be missing.
Then every lane waits until the threads are listed, and a lane that is behind reads its thread from the watermark before
it handles live events.
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
"""Seconds. Discord counts refused requests, and bans an address that sends many."""
REMEMBERED = 1000
LOOK_AFTER = 5.0
"""Seconds after which a thread is compared in which somebody reacted to an unknown message."""


class Relay:
    def __init__(
        self, client: discord.Client, aside: BackgroundTasks, *, files_came: Callable[[], None]
    ) -> None:
        self._background = aside
        self._intake = Intake(client, aside, files_came=files_came, look_soon=self.look_soon)
        self.staff = self._intake.staff
        # Threads that will be compared soon, because something happened to a message that was not known yet.
        self._soon: set[int] = set()
        self._lanes: dict[int, Lane] = {}
        self._listed = asyncio.Event()
        # Threads whose state is known from the last listing or from their opening.
        self._placed: set[int] = set()
        # Threads with events that are not known here. Perhaps they are just being opened.
        self._strangers: dict[int, None] = {}

    @property
    def is_listed(self) -> bool:
        """Whether it is known which threads have new messages."""
        return self._listed.is_set()

    @property
    def is_behind(self) -> bool:
        """Whether events or messages could be lost if this process ended now."""
        return not self._listed.is_set() or any(lane.behind or lane.reading for lane in self._lanes.values())

    def see(self, thread_id: int, event: Event) -> None:
        """Put an event into its lane. Never waits, so the order of the gateway is preserved."""
        lane = self._lanes.setdefault(thread_id, Lane())
        lane.add(event)
        self._start(thread_id, lane)

    def fall_behind(self) -> None:
        """Handle a new session: what happened since the last one is unknown until the threads are listed."""
        self._listed.clear()

    def forget_places(self) -> None:
        """Note that events may be missing: each thread is read before its next event."""
        self._placed.clear()

    def caught_up(self, behind: set[int], *, listed: Iterable[int] = (), unknown: Iterable[int] = ()) -> None:
        """Record the list of threads: `behind` have new messages, `unknown` are ours but not known here yet."""
        self._placed = {*listed, *behind}
        for thread_id in unknown:
            self._remember(thread_id)
        for thread_id in behind:
            self.read_again(thread_id)
        self._listed.set()

    def look_soon(self, thread_id: int) -> None:
        """Compare a thread soon, because an event in it could not be read or came too early."""
        self._background.start(self._look_later(thread_id))

    def read_again(self, thread_id: int) -> None:
        lane = self._lanes.setdefault(thread_id, Lane())
        lane.behind = True
        lane.again.set()
        self._start(thread_id, lane)

    def opened(self, thread_id: str) -> None:
        """Handle the opening of a thread: read what was written in it before."""
        pk = int(thread_id)
        self._placed.add(pk)
        if pk in self._lanes:
            # It may be being looked up at this moment.
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
        """Work on the lane until it is empty. An event that cannot be stored stays first, so nothing overtakes it."""
        failures = 0
        while lane.behind or lane.events:
            await self._listed.wait()
            try:
                await self._step(thread_id, lane)
                failures = 0
            except Exception as error:
                if _is_gone(error):
                    # It was deleted with all its messages, so there is nothing to read, now or after a replay.
                    self._placed.discard(thread_id)
                    lane.behind = False
                    lane.events.clear()
                    continue
                # The event is not lost after any error, because the lane is behind and is read again.
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
            # Either another process has opened it in the meantime, so read the skipped messages. Or it was in no list,
            # because it was archived long ago or has been deleted. Then a resumed session may still send events after
            # the missed ones. They must not be handled before the missed messages are read.
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
            # The order matters: a new session may mark the lane as behind while a page is read.
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
        """Wait before the comparison, because the answer to our post or an earlier event may be on its way."""
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
