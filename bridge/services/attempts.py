"""What may still be written under a claim (rule 3), and what may have been stored by it."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from bridge.errors import DeliveryFailed
from bridge.infra.clock import Clock


class Attempt:
    """What may still be written under a claim, and what may have been stored by it.

    A library may set no time-out and try a request five times by itself. A paused process, or such a repeat,
    wrote under a claim that another worker had already taken over: two copies. So every single HTTP request
    asks here first.
    """

    def __init__(self, *, clock: Clock, until: float, repeatable: bool = True) -> None:
        self._clock = clock
        self._until = until
        # Without a nonce a second request makes a second copy, unless the first was surely not stored.
        self.repeatable = repeatable
        # Whether a limit is slept out. Otherwise it fails at once: there is another way.
        self.patient = True
        # Seconds for which the last answer asked to leave this way alone.
        self.rest = 0.0
        self.in_flight = False
        self.uncertain = False
        self._writing = False

    def begin(self, *, write: bool) -> None:
        """Before a request is written. Raises DeliveryFailed where it must not be. Reading is always allowed."""
        if write and self._clock.uptime() >= self._until:
            raise DeliveryFailed(
                "too_late", "The claim has expired.", permanent=False, certain=not self.uncertain
            )
        if write and self.uncertain and not self.repeatable:
            raise DeliveryFailed("uncertain", "It may have been stored.", permanent=False, certain=False)
        self.in_flight = True
        self._writing = write

    def answered(self, status: int) -> None:
        """Only 4xx, 429 among them, says that it was not stored. Of a 5xx nobody knows; and a 2xx that its caller
        never got to see was: the answer broke off, or a library sleeps out a limit before it hands it over.
        """
        self.in_flight = False
        self.uncertain = self.uncertain or (self._writing and not 400 <= status < 500)

    def beside(self) -> "Attempt":
        """For another write on the way, e.g. to make room: under the same claim, with a fate of its own."""
        return Attempt(clock=self._clock, until=self._until)

    def broke(self) -> None:
        """Cut or timed out after it was written."""
        self.in_flight = False
        self.uncertain = self.uncertain or self._writing

    def unreached(self) -> None:
        """There was no connection to write it to."""
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
    """Other writes than the delivery's own: whether they arrived says nothing of it."""
    attempt = current_attempt()
    if attempt is None:
        yield
        return
    with attempting(attempt.beside()):
        yield
