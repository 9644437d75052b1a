"""Sends our signals (`bridge.signals`) to other apps: once, after the commit, and without delaying it.

Only the keys of the rows are recorded. One thread loads the rows, with one query per model and batch, and passes each
signal to one of a few senders. A conversation always has the same sender, so its signals stay in order.
A receiver that hangs delays only its sender. Without receivers, none of this is started.

Waiting signals are lost with their process. Apps that must not miss anything read with `bridge.api`.
"""

import atexit
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Generic, NamedTuple, TypeVar
from uuid import UUID

from django.db import InterfaceError, OperationalError, connections
from django.db.models import Model

from bridge import signals
from bridge.infra.database import after_commit
from bridge.models import Connection, Message, Participant
from bridge.signals import Hook

logger = logging.getLogger(__name__)

Key = TypeVar("Key", int, UUID)
Item = TypeVar("Item")

MOST_UNLOADED = 10_000
"""Signals that wait for their rows."""
SENDERS = 4
MOST_UNSENT = 1_000
"""Signals that wait for one sender, with their rows in memory."""
BATCH = 200
TRIES, PAUSE = 5, 1.0
"""How often the rows are queried while the database is unavailable, and the seconds in between."""
STOP_LIMIT = 3.0
"""Seconds that receivers have when the process ends."""


class Notice(NamedTuple):
    signal: Hook
    key: int | UUID
    more: dict[str, Any]


class About(NamedTuple):
    """Which row is loaded for a signal, by which key, and with which related rows."""

    row: type[Model]
    key: str
    along: tuple[str, ...]


Call = tuple[Hook, dict[str, Any]]
"""A signal, and the arguments for its receivers."""

_MESSAGE = About(Message, "pk", ("connection__inbox", "author"))
_CONNECTION = About(Connection, "pk", ("inbox",))
_PARTICIPANT = About(Participant, "uid", ("connection__inbox",))
_ABOUT: dict[Hook, About] = {
    signals.connection_opened: _CONNECTION,
    signals.connection_accessed: _PARTICIPANT,
    signals.connection_closed: _CONNECTION,
    signals.message_posted: _MESSAGE,
    signals.message_edited: _MESSAGE,
    signals.message_deleted: _MESSAGE,
    signals.message_delivered: _MESSAGE,
    signals.participant_joined: _PARTICIPANT,
    signals.participant_left: _PARTICIPANT,
}


def tell(signal: Hook, keys: Iterable[Key], **more: Any) -> None:
    """Send the signal for each of these rows: messages and connections by `pk`, participants by `uid`.

    From any thread. Never waits and never raises. Without receivers, it does nothing. `more`: arguments in addition to
    the rows.
    """
    if not signal.receivers:
        return
    try:
        _dispatcher.add([Notice(signal, key, more) for key in keys])
    except RuntimeError:
        # No threads can be started any more.
        logger.warning("%s was not sent, because the process is ending", signal.name)


def tell_on_commit(signal: Hook, keys: Iterable[Key], **more: Any) -> None:
    """Like `tell`, in the order of the keys, after the commit of this transaction. Not if it is rolled back."""
    if signal.receivers:
        ordered = sorted(keys)
        after_commit(lambda: tell(signal, ordered, **more))


def drain(limit: float = 10.0) -> bool:
    """Wait until all signals of this process so far have been received, at most `limit` seconds.

    Returns whether they have. For tests, and for programs that end.
    """
    return _dispatcher.drain(limit)


class Worker(Generic[Item]):
    """A thread with a queue, processed in order. If the queue is full, items are dropped, counted and logged."""

    def __init__(self, name: str, work: Callable[[Sequence[Item]], None], *, room: int) -> None:
        self.name = name
        self._work = work
        self._room = room
        self._changed = threading.Condition()
        self._waiting: deque[Item] = deque()
        self._in_hand = 0
        self._dropped = 0

    def put(self, items: Sequence[Item]) -> None:
        """Add items to the queue. Never waits."""
        with self._changed:
            fitting = items[: max(0, self._room - len(self._waiting))]
            if len(fitting) < len(items):
                if not self._dropped:
                    logger.error("%s: receivers are too slow and now miss signals", self.name)
                self._dropped += len(items) - len(fitting)
            self._waiting.extend(fitting)
            self._changed.notify_all()

    def start(self) -> None:
        # A daemon thread, because a receiver that hangs must not prevent the process from ending.
        threading.Thread(target=self._run, name=self.name, daemon=True).start()

    def drain(self, *, until: float) -> bool:
        """Wait until the queue is finished, or until this time of `time.monotonic`. Returns whether it is finished."""
        with self._changed:
            return self._changed.wait_for(
                lambda: not self._waiting and not self._in_hand, max(0.0, until - time.monotonic())
            )

    def _run(self) -> None:
        while True:
            batch = self._take()
            try:
                self._work(batch)
            except Exception:
                logger.exception("%d signals were lost", len(batch))
            if not self._waiting:
                connections.close_all()
            with self._changed:
                self._in_hand = 0
                self._changed.notify_all()

    def _take(self) -> list[Item]:
        with self._changed:
            if self._dropped and not self._waiting:
                logger.warning("%s caught up: receivers have missed %d signals", self.name, self._dropped)
                self._dropped = 0
            self._changed.wait_for(lambda: self._waiting)
            batch = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
            self._in_hand = len(batch)
            return batch


class Dispatcher:
    """Loads the rows of signals and passes them to the senders, in the order of the commits."""

    def __init__(self) -> None:
        self._loader = Worker("signals", self._hand_out, room=MOST_UNLOADED)
        self._senders = [
            Worker(f"signals {number}", _send, room=MOST_UNSENT) for number in range(1, SENDERS + 1)
        ]
        self._starting = threading.Lock()
        self.is_started = False

    def add(self, notices: Sequence[Notice]) -> None:
        with self._starting:
            if not self.is_started:
                # All at once: since Python 3.12, no thread can be started after the main thread has ended.
                self._loader.start()
                for sender in self._senders:
                    sender.start()
                atexit.register(self.drain, STOP_LIMIT)
                self.is_started = True
        self._loader.put(notices)

    def drain(self, limit: float) -> bool:
        until = time.monotonic() + limit
        return self._loader.drain(until=until) and all(sender.drain(until=until) for sender in self._senders)

    def _hand_out(self, batch: Sequence[Notice]) -> None:
        rows = _load(batch)
        for notice in batch:
            row = rows[_ABOUT[notice.signal]].get(notice.key)
            # None if it was deleted in the meantime.
            if row is not None:
                arguments = {**_arguments(row), **notice.more}
                if notice.signal is signals.connection_accessed:
                    arguments["sender"] = Connection
                self._senders[arguments["connection"].pk % SENDERS].put([(notice.signal, arguments)])


def _send(calls: Sequence[Call]) -> None:
    for signal, arguments in calls:
        try:
            # Django logs what a receiver raises.
            signal.send_robust(**arguments)
        except RuntimeError as error:
            # The program has ended, so no thread can be started for the async receivers, which are called last.
            logger.warning("%s did not reach its async receivers: %r", signal.name, error)


def _load(batch: Sequence[Notice]) -> dict[About, dict[Any, Model]]:
    for _ in range(TRIES - 1):
        try:
            return _rows(batch)
        except (InterfaceError, OperationalError) as error:
            logger.warning("The database is unavailable; signals wait: %r", error)
            connections.close_all()
            time.sleep(PAUSE)
    return _rows(batch)


def _rows(batch: Sequence[Notice]) -> dict[About, dict[Any, Model]]:
    """The rows by their keys: one query for each model."""
    keys: dict[About, set[int | UUID]] = {}
    for notice in batch:
        keys.setdefault(_ABOUT[notice.signal], set()).add(notice.key)
    return {
        about: about.row._default_manager.select_related(*about.along).in_bulk(wanted, field_name=about.key)
        for about, wanted in keys.items()
    }


def _arguments(row: Model) -> dict[str, Any]:
    common = {"sender": type(row), "connection": getattr(row, "connection", row)}
    if isinstance(row, Message):
        return {**common, "message": row, "participant": row.author, "source": row.service}
    if isinstance(row, Participant):
        return {**common, "participant": row, "service": row.service}
    return common


_dispatcher = Dispatcher()
