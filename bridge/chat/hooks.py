"""Tells other apps what was committed (`bridge.signals`): once, after the commit, and never in its way.

What happens is noted by its rows' keys alone. A thread loads the rows, one query for each kind of them and batch, and
hands them to the receivers' own threads (`bridge.chat.receivers`). Where nobody listens, nothing of this exists.

What is told is lost with its process. Who must not miss anything reads with `bridge.api`.
"""

import atexit
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

from django.db import InterfaceError, OperationalError, connections, transaction
from django.db.models import Model

from bridge import signals
from bridge.chat.receivers import AsyncLane, Call, Lane
from bridge.models import Connection, Message, Participant
from bridge.signals import Hook

logger = logging.getLogger(__name__)

Key = TypeVar("Key", int, UUID)

MOST_WAITING = 10_000
"""What was committed and waits to be loaded."""
BATCH = 200
LOOK = 0.5
"""Seconds between two looks for receivers that hang."""
TRIES, PAUSE = 5, 1.0
"""How often the rows are asked for, and the seconds between, while the database is away."""
STOP_LIMIT = 3.0
"""Seconds that a process that ends gives its receivers."""


class Notice(NamedTuple):
    """That something happened, and to which row."""

    signal: Hook
    key: int | UUID
    more: dict[str, Any]


class About(NamedTuple):
    """What a signal is about: who sends it, and which row is loaded for it by which key."""

    sender: type[Model]
    row: type[Model]
    key: str
    along: tuple[str, ...]


_MESSAGE = About(Message, Message, "pk", ("connection__inbox", "author"))
_CONNECTION = About(Connection, Connection, "pk", ("inbox",))
_PARTICIPANT = About(Participant, Participant, "uid", ("connection__inbox",))
_ABOUT: dict[Hook, About] = {
    signals.connection_opened: _CONNECTION,
    signals.connection_accessed: _PARTICIPANT._replace(sender=Connection),
    signals.connection_closed: _CONNECTION,
    signals.message_posted: _MESSAGE,
    signals.message_edited: _MESSAGE,
    signals.message_deleted: _MESSAGE,
    signals.message_delivered: _MESSAGE,
    signals.participant_joined: _PARTICIPANT,
    signals.participant_left: _PARTICIPANT,
}


def tell(signal: Hook, keys: Iterable[Key], **more: Any) -> None:
    """That this has happened to these rows: messages and connections by `pk`, participants by `uid`.

    From any thread. Never waits and never raises. Where nobody listens it does nothing. `more` is what the receivers
    are told besides the rows.
    """
    if not signal.receivers:
        return
    try:
        _dispatcher.add([Notice(signal, key, more) for key in keys])
    except RuntimeError:
        # No thread can be started any more.
        logger.warning("%s was not told: the process is ending", signal.name)


def tell_on_commit(signal: Hook, keys: Iterable[Key], **more: Any) -> None:
    """The same, in the order of the keys, once this transaction is committed; never, where it is rolled back."""
    if signal.receivers:
        transaction.on_commit(partial(tell, signal, sorted(keys), **more), robust=True)


def drain(limit: float = 10.0) -> bool:
    """Wait until the receivers have returned from all that this process has committed so far; at most `limit` seconds.

    Whether they have. For tests, and for programs that end.
    """
    return _dispatcher.drain(limit)


class Dispatcher:
    """Loads what happened and hands it out, in the order in which it was committed."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: deque[Notice] = deque()
        # Notices that wait or are being loaded, and calls that are not over.
        self._unsettled = 0
        self._dropped = 0
        self._thread: threading.Thread | None = None
        self._lanes: dict[tuple[Any, ...], Lane] = {}
        # Taken before a lane's lock, never while one is held.
        self._lanes_lock = threading.Lock()

    @property
    def is_started(self) -> bool:
        return self._thread is not None

    def add(self, notices: Sequence[Notice]) -> None:
        self._prepare({notice.signal for notice in notices})
        with self._changed:
            taken = notices[: MOST_WAITING - len(self._waiting)]
            if len(taken) < len(notices):
                if not self._dropped:
                    logger.error("More is committed than can be told: from here on receivers miss signals")
                self._dropped += len(notices) - len(taken)
            self._waiting.extend(taken)
            self._unsettled += len(taken)
            self._changed.notify_all()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="chatbridge-hooks", daemon=True)
                self._thread.start()
                _at_exit(self.drain, STOP_LIMIT)

    def _prepare(self, told: Iterable[Hook]) -> None:
        """Have the receivers' threads: since Python 3.12 none can be started once the main one has ended."""
        with self._lanes_lock:
            for signal in told:
                for receiver, kind in _receivers(signal):
                    self._lane(receiver, kind).prepare()

    def drain(self, limit: float) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: not self._unsettled, limit)

    def _settle(self, count: int = 1) -> None:
        with self._changed:
            self._unsettled -= count
            self._changed.notify_all()

    def _run(self) -> None:
        while True:
            batch = self._take()
            try:
                if batch:
                    self._hand_out(batch)
                self._check_lanes()
            except Exception:
                logger.exception("%d signals are lost", len(batch))
            finally:
                self._settle(len(batch))

    def _check_lanes(self) -> None:
        with self._lanes_lock:
            for key, lane in list(self._lanes.items()):
                lane.check()
                if lane.is_idle:
                    del self._lanes[key]

    def _take(self) -> list[Notice]:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting, LOOK if self._lanes else None)
            batch = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
            if self._dropped and not self._waiting:
                logger.warning("Receivers have missed %d signals", self._dropped)
                self._dropped = 0
            return batch

    def _hand_out(self, batch: Sequence[Notice]) -> None:
        rows = self._load(batch)
        for notice in batch:
            about = _ABOUT[notice.signal]
            row = rows.get((about.row, notice.key))
            if row is None:
                # Purged in the meantime.
                continue
            arguments = {"signal": notice.signal, "sender": about.sender, **_told(row), **notice.more}
            for receiver, kind in _receivers(notice.signal):
                with self._changed:
                    self._unsettled += 1
                with self._lanes_lock:
                    lane = self._lane(receiver, kind)
                lane.put(Call(receiver, notice.signal.name, arguments))

    def _lane(self, receiver: Callable[..., Any], kind: type[Lane]) -> Lane:
        # As Django knows receivers: a bound method is another object each time. With its name, since an id is given
        # again once what had it is gone.
        function = getattr(receiver, "__func__", receiver)
        name = f"{function.__module__}.{getattr(function, '__qualname__', type(function).__name__)}"
        key = (kind, id(getattr(receiver, "__self__", receiver)), id(function), name)
        if key not in self._lanes:
            self._lanes[key] = kind(name, self._settle)
        return self._lanes[key]

    def _load(self, batch: Sequence[Notice]) -> dict[tuple[type[Model], int | UUID], Model]:
        for left in reversed(range(TRIES)):
            try:
                return _load(batch)
            except (InterfaceError, OperationalError) as error:
                if not left:
                    raise
                logger.warning("The database is away, signals wait: %r", error)
                time.sleep(PAUSE)
            finally:
                if not self._waiting:
                    connections.close_all()
        raise AssertionError


def _receivers(signal: Hook) -> list[tuple[Callable[..., Any], type[Lane]]]:
    """Who listens now, and what calls him."""
    sync, asynchronous = signal._live_receivers(_ABOUT[signal].sender)
    return [*((receiver, Lane) for receiver in sync), *((receiver, AsyncLane) for receiver in asynchronous)]


def _load(batch: Sequence[Notice]) -> dict[tuple[type[Model], int | UUID], Model]:
    """The rows, by their model and key: one query for each model."""
    found: dict[tuple[type[Model], int | UUID], Model] = {}
    for about in {_ABOUT[notice.signal]._replace(sender=Model) for notice in batch}:
        keys = {notice.key for notice in batch if _ABOUT[notice.signal].row is about.row}
        rows = about.row._default_manager.select_related(*about.along)
        found |= {(about.row, key): row for key, row in rows.in_bulk(keys, field_name=about.key).items()}
    return found


def _told(row: Model) -> dict[str, Any]:
    """What receivers get of a row."""
    if isinstance(row, Message):
        return {
            "connection": row.connection,
            "message": row,
            "participant": row.author,
            "source": row.service,
        }
    if isinstance(row, Participant):
        return {"connection": row.connection, "participant": row, "service": row.service}
    return {"connection": row}


# Before the executors are closed in which async code asks the database. `atexit` comes after that.
_at_exit = getattr(threading, "_register_atexit", atexit.register)
_dispatcher = Dispatcher()
