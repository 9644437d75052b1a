"""Sends the waiting deliveries of a service: many lines in parallel, each strictly in order.

The rules are in `bridge.delivery`. This module contains the loop, the time-outs and the brake.
"""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable, Collection

from django.db import Error as DatabaseProblem

from bridge import delivery
from bridge.delivery import Line, LineLost
from bridge.errors import DeliveryFailed
from bridge.infra.clock import Clock
from bridge.infra.database import DatabaseThreads
from bridge.infra.tasks import cancel_and_wait
from bridge.services.attempts import Attempt, attempting
from bridge.services.base import Service
from bridge.services.requests import Answer, Opened, Request

logger = logging.getLogger(__name__)

LINES = 20
"""Number of lines that are worked on at the same time."""
POLL = 1.0
ANSWER_WITHIN = 20.0
"""Seconds after the claim during which an answer counts. Then the result is unknown and is looked up later."""
STOP_WITHIN = 8.0
"""Seconds for which a stop waits for unfinished requests. The next process to start looks up the rest."""
INVALID_LIMIT = 100
INVALID_WINDOW = 600.0
PROBE_EVERY = 60.0


class Brake:
    """Counts refusals, because a service may ban the address after thousands in a few minutes (rule 5)."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._invalid: deque[float] = deque(maxlen=INVALID_LIMIT + 1)
        self._next_probe = 0.0

    def invalid(self) -> None:
        self._invalid.append(self._clock.uptime())

    def got_through(self) -> None:
        """Record a successful request. If it was a probe, the others may be made again."""
        if self.on:
            self._invalid.clear()

    @property
    def on(self) -> bool:
        full = len(self._invalid) > INVALID_LIMIT
        return full and self._clock.uptime() - self._invalid[0] < INVALID_WINDOW

    @property
    def may_probe(self) -> bool:
        return self._clock.uptime() >= self._next_probe

    def probe(self) -> None:
        """Allow one request, and the next one in a minute."""
        logger.error(
            "More than %d requests were refused; sending one a minute until one is accepted.", INVALID_LIMIT
        )
        self._next_probe = self._clock.uptime() + PROBE_EVERY


class Outbox:
    """Sends the deliveries of one service.

    `opened` is called with the remote id of each endpoint that was opened. `places`: only send to these remote ids, if
    they belong to this process alone.
    """

    def __init__(
        self,
        service: Service,
        *,
        clock: Clock,
        database: DatabaseThreads,
        brake: Brake | None = None,
        opened: Callable[[str], None] | None = None,
        places: Collection[str] | None = None,
    ) -> None:
        self._service = service
        self._clock = clock
        self._database = database
        self._brake = brake or Brake(clock)
        self._opened = opened
        self._places = places
        self._wake = asyncio.Event()
        self._stopping = False
        self._lines: set[asyncio.Task[None]] = set()
        self._claiming: asyncio.Task[None] | None = None
        # For each failing line: how many requests had succeeded when it began to fail.
        self._failing: dict[int, int] = {}
        self._got_through = 0

    def nudge(self) -> None:
        """Look for waiting deliveries now, not only at the next poll."""
        self._wake.set()

    async def run(self) -> None:
        """Run until `stop`. If the database is away, wait for it."""
        while not self._stopping:
            self._wake.clear()
            # If it were cancelled in the middle, nobody would work on the claimed lines until their claims expire.
            self._claiming = asyncio.create_task(self._claim())
            try:
                await asyncio.shield(self._claiming)
            except DatabaseProblem as error:
                logger.warning("The database does not answer; deliveries wait: %s", error)
            except Exception:
                logger.exception("The deliveries that wait for %s could not be read", self._service.name)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(POLL):
                    await self._wake.wait()

    async def stop(self) -> None:
        """Finish the current requests. The next process to start sends the rest."""
        self._stopping = True
        self._wake.set()
        if self._claiming is not None:
            await asyncio.gather(self._claiming, return_exceptions=True)
        if self._lines:
            await asyncio.wait(self._lines, timeout=STOP_WITHIN)
        await cancel_and_wait(*self._lines)

    async def _claim(self) -> None:
        free = LINES - len(self._lines)
        if self._brake.on:
            free = 1 if free == LINES and self._brake.may_probe else 0
        if free <= 0:
            return
        run = self._database.run
        # A copy, because they change while a thread reads them.
        places = None if self._places is None else frozenset(self._places)
        due = await run(delivery.claim, self._service.name, limit=free, clock=self._clock, places=places)
        for line in due:
            if self._brake.on:
                self._brake.probe()
            task = asyncio.create_task(self._work(line), name=f"line {line.endpoint_id}")
            self._lines.add(task)
            task.add_done_callback(self._done)

    def _done(self, task: "asyncio.Task[None]") -> None:
        self._lines.discard(task)
        self._wake.set()

    async def _work(self, line: Line) -> None:
        """Work until nothing waits, the line is lost, or it has to wait."""
        try:
            while not self._stopping:
                if not await self._step(line):
                    return
            await self._database.run(delivery.leave, line, clock=self._clock)
        except LineLost:
            logger.info("Line %s was taken over by another worker.", line.endpoint_id)
        except DatabaseProblem as error:
            # The claim expires by itself. It is recorded that the result of the request is unknown.
            logger.warning("Line %s is released: %s", line.endpoint_id, error)
        except Exception:
            logger.exception("Line %s is released", line.endpoint_id)

    async def _step(self, line: Line) -> bool:
        """Make one request. Returns whether to continue with this line now."""
        run = self._database.run
        request = await run(delivery.plan, line, service=self._service, clock=self._clock)
        if request is None:
            return False
        try:
            answer = await self._ask(line, request)
        except DeliveryFailed as failure:
            since = self._failing.setdefault(line.endpoint_id, self._got_through)
            flowing = self._got_through > since
            logger.info("%s on line %s: %s", type(request).__name__, line.endpoint_id, failure)
            return await run(delivery.fail, line, request, failure, flowing=flowing, clock=self._clock)
        await run(delivery.settle, line, request, answer)
        self._got_through += 1
        self._brake.got_through()
        self._failing.pop(line.endpoint_id, None)
        if isinstance(answer, Opened) and self._opened:
            self._opened(answer.remote_id)
        return True

    async def _ask(self, line: Line, request: Request) -> Answer:
        """Return the service's answer. A request that hangs is given up while the claim still allows to settle it."""
        attempt = Attempt(clock=self._clock, until=line.until)
        with attempting(attempt):
            task = asyncio.create_task(self._service.perform(request))
        left = max(0.0, line.began + ANSWER_WITHIN - self._clock.uptime())
        try:
            done, _ = await asyncio.wait({task}, timeout=left)
        except asyncio.CancelledError:
            _give_up(task, attempt)
            raise
        if done:
            return _answer_of(task, attempt)
        _give_up(task, attempt)
        raise DeliveryFailed(
            "timed_out",
            f"{self._service.name} did not answer in time.",
            permanent=False,
            certain=not attempt.uncertain,
        )


def _answer_of(task: "asyncio.Task[Answer]", attempt: Attempt) -> Answer:
    """Return the answer. A bug of ours is also a failure: the line waits, longer each time, and staff see it."""
    try:
        return task.result()
    except DeliveryFailed:
        raise
    except Exception as error:
        logger.exception("A request failed because of a bug")
        raise DeliveryFailed(
            "internal",
            f"A bug in ChatBridge, see the log: {type(error).__name__}",
            permanent=False,
            certain=not attempt.uncertain,
        ) from error


def _give_up(task: "asyncio.Task[Answer]", attempt: Attempt) -> None:
    """Stop waiting for a request."""
    if attempt.in_flight:
        attempt.broke()
        task.cancel()
    # Otherwise the service's library is waiting for a rate limit, perhaps with a lock that all requests need. If the
    # task were cancelled there, the lock would never be released. It ends by itself, because it may not write any more.
    task.add_done_callback(_forget)


def _forget(task: "asyncio.Task[Answer]") -> None:
    """Retrieve its exception, which has already been handled, so that asyncio does not report it."""
    if not task.cancelled() and (error := task.exception()):
        logger.debug("It already failed before: %s", error)
