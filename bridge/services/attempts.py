"""Requests under a claim: whether one may still be written (rule 3), and whether it may have been stored."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from bridge.errors import DeliveryFailed
from bridge.infra.clock import Clock


class Attempt:
    """Decides whether a request may still be written, and records whether it may have been stored.

    A library may have no time-out and repeat a request five times by itself. A paused process, or such a repeat,
    wrote under a claim that another worker had already taken over, and there were two copies. So every single HTTP
    request asks here first.
    """

    def __init__(self, *, clock: Clock, until: float, repeatable: bool = True) -> None:
        self._clock = clock
        self._until = until
        # Without a nonce, a second request creates a second copy, unless the first was certainly not stored.
        self.repeatable = repeatable
        # Whether to wait until a rate limit is over. Otherwise the request fails at once: it can be sent another way.
        self.patient = True
        # Seconds for which the last answer asked not to send this way.
        self.rest = 0.0
        self.in_flight = False
        self.uncertain = False
        self._writing = False

    def begin(self, *, write: bool) -> None:
        """Call before each request. Raises DeliveryFailed if it must not be written. Reading is always allowed."""
        if write and self._clock.uptime() >= self._until:
            raise DeliveryFailed(
                "too_late", "The claim has expired.", permanent=False, certain=not self.uncertain
            )
        if write and self.uncertain and not self.repeatable:
            raise DeliveryFailed("uncertain", "It may have been stored.", permanent=False, certain=False)
        self.in_flight = True
        self._writing = write

    def answered(self, status: int) -> None:
        """Record an answer. Only a 4xx, including 429, means that the request was not stored.

        After a 5xx this is unknown. After a 2xx it was stored, even if its caller never sees the answer, because it
        broke off or a library waits for a rate limit before it returns it.
        """
        self.in_flight = False
        self.uncertain = self.uncertain or (self._writing and not 400 <= status < 500)

    def beside(self) -> "Attempt":
        """Return an attempt for another write in between, e.g. to make room: the same claim, but its own result."""
        return Attempt(clock=self._clock, until=self._until)

    def broke(self) -> None:
        """Record that the connection broke or timed out after the request was written."""
        self.in_flight = False
        self.uncertain = self.uncertain or self._writing

    def unreached(self) -> None:
        """Record that there was no connection, so that nothing was written."""
        self.in_flight = False


_attempt: ContextVar[Attempt | None] = ContextVar("attempt", default=None)


def current_attempt() -> Attempt | None:
    return _attempt.get()


@contextmanager
def attempting(attempt: Attempt) -> Iterator[Attempt]:
    reset = _attempt.set(attempt)
    try:
        yield attempt
    finally:
        _attempt.reset(reset)


@contextmanager
def beside() -> Iterator[None]:
    """Make requests that are not the delivery's own. Their results do not affect it."""
    attempt = current_attempt()
    if attempt is None:
        yield
        return
    with attempting(attempt.beside()):
        yield
