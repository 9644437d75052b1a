"""A Discord to test the delivery rules against, and the clock that it shares with them. No network, no waiting.

It keeps what it is given, remembers nonces for a few minutes as Discord does, and is as unreliable as one wishes:
it stores and answers with an error, does not store and answers with an error, or stores later.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from django.db.models import DateTimeField, Value

from bridge.errors import DeliveryFailed
from bridge.infra.clock import Clock
from bridge.models import Attachment
from bridge.services.attempts import Attempt
from bridge.services.base import FileLimits, Service
from bridge.services.requests import (
    MESSAGE_GONE,
    NOTHING_LEFT,
    TOO_LARGE,
    Answer,
    Delete,
    Done,
    Edit,
    FindOpening,
    Found,
    Missing,
    Open,
    Opened,
    Post,
    React,
    ReadBack,
    Request,
    Seen,
    Stored,
)

NONCE_MEMORY = 180.0
"""Seconds: Discord's “past few minutes”."""
LARGEST_FILE = 10_000_000
LIMIT = 40
"""Characters in a message of this Discord: short, so that a few words are joined, split and outgrow it."""


class Modelled(Service):
    """What the rules ask of Discord, with a shorter limit. The requests go to `Discord`, below."""

    name: ClassVar[str] = "discord"
    max_length: ClassVar[int] = LIMIT
    file_limits = FileLimits(LARGEST_FILE, LARGEST_FILE)

    async def perform(self, request: Request) -> Answer:
        raise AssertionError("the machine makes each request step by step")


class FakeClock(Clock):
    """Moves when told. Ahead of the real time, since posts make their line due by the real one."""

    def __init__(self) -> None:
        self.elapsed = 0.0
        self._start = datetime.now(UTC) + timedelta(hours=1)

    def now(self) -> Any:
        return Value(self._start + timedelta(seconds=self.elapsed), output_field=DateTimeField())

    def uptime(self) -> float:
        return self.elapsed


@dataclass
class Said:
    pk: int
    text: str
    nonce: str = ""
    at: float = 0.0
    deleted: bool = False
    files: tuple[int, ...] = ()
    reply_to: str | None = None
    reactions: set[str] = field(default_factory=set)
    """Ours."""
    name: str = ""


@dataclass
class Place:
    """A channel or thread with what was said in it, oldest first."""

    pk: int
    said: list[Said] = field(default_factory=list)


@dataclass
class Discord:
    """`forum`: opening makes thread and card in one request that no nonce protects."""

    clock: FakeClock
    forum: bool = False
    threads: dict[int, Place] = field(default_factory=dict)
    openings: dict[int, list[int]] = field(default_factory=dict)
    cards: dict[int, list[Said]] = field(default_factory=dict)
    late: list[tuple[float, Request]] = field(default_factory=list)
    news: list[tuple[int, int]] = field(default_factory=list)
    """Deletions that nobody was told of yet: thread and message. Discord tells of our own as of anybody's."""
    _ids: int = 1000

    def perform(self, request: Request, attempt: Attempt, *, outcome: str, delay: float) -> Answer:
        """Do what was asked, or not, and answer, or not."""
        writes = not isinstance(request, FindOpening | ReadBack)
        attempt.begin(write=writes)
        self.arrive()
        if outcome == "refused":
            attempt.answered(429)
            raise DeliveryFailed("rate_limited", permanent=False, certain=True)
        if outcome == "too_large" and isinstance(request, Post) and request.files:
            attempt.answered(413)
            raise DeliveryFailed(TOO_LARGE, permanent=True, certain=True)
        if outcome == "lost" or (not writes and outcome != "ok"):
            raise DeliveryFailed("unreachable", permanent=False, certain=not writes)
        if outcome == "late":
            # Without a nonce only as late as the rules allow for; edits and deletions change nothing by repetition.
            latest = delay if self._has_nonce(request) else min(delay, 15.0)
            if isinstance(request, Post | Open):
                self.late.append((self.clock.elapsed + latest, request))
            raise DeliveryFailed("timed_out", permanent=False, certain=False)
        answer = self._store(request)
        if outcome == "stored_but_error":
            raise DeliveryFailed("unreachable", permanent=False, certain=False)
        return answer

    def arrive(self) -> None:
        """What was on its way and has landed by now."""
        for entry in sorted(self.late, key=lambda entry: entry[0]):
            if entry[0] <= self.clock.elapsed:
                self.late.remove(entry)
                self._store(entry[1])

    def delete(self, thread: int, said: Said) -> None:
        said.deleted = True
        self.news.append((thread, said.pk))

    def _has_nonce(self, request: Request) -> bool:
        if isinstance(request, Post):
            return request.speaker is None
        return isinstance(request, Open) and not self.forum

    def make_channel(self, pk: int, endpoint_id: int) -> None:
        """A room's: it is there before anybody speaks."""
        self.threads[pk] = Place(pk)
        self.openings[endpoint_id] = [pk]

    def _store(self, request: Request) -> Answer:
        match request:
            case Open():
                return self._open(request)
            case FindOpening():
                return self._find(request.endpoint_id)
            case Post():
                # A webhook takes no nonce: each request makes a message.
                said = self._say(
                    self.threads[int(request.thread)].said,
                    request.text,
                    request.nonce if self._has_nonce(request) else "",
                    request.files,
                    request.reply_to,
                )
                said.name = request.speaker.name if request.speaker else ""
                return Stored(str(said.pk), sender="webhook" if request.speaker else "")
            case ReadBack():
                said_since = [s for s in self.threads[int(request.thread)].said if s.pk > int(request.after)]
                sender = "webhook" if request.speaker else ""
                return Found(
                    tuple(
                        Seen(str(s.pk), s.text, len(s.files), sender=sender)
                        for s in said_since
                        if not s.deleted and s.name == request.speaker
                    )
                )
            case Edit() | Delete() | React():
                said = next(
                    s for s in self.threads[int(request.thread)].said if s.pk == int(request.remote_id)
                )
                # Nobody changes what a webhook said but that webhook.
                assert isinstance(request, React) or bool(request.sender) == bool(said.name)
                if said.deleted:
                    raise DeliveryFailed(MESSAGE_GONE, permanent=False, certain=True)
                self._change(said, request)
        return Done()

    def _change(self, said: Said, request: Edit | Delete | React) -> None:
        if isinstance(request, Edit):
            said.text = request.text
        elif isinstance(request, Delete):
            self.delete(int(request.thread), said)
        elif request.add:
            said.reactions.add(request.emoji)
        else:
            said.reactions.discard(request.emoji)

    def _say(
        self,
        place: list[Said],
        text: str,
        nonce: str,
        files: tuple[int, ...] = (),
        reply_to: str | None = None,
    ) -> Said:
        for said in place:
            if nonce and said.nonce == nonce and self.clock.elapsed - said.at < NONCE_MEMORY:
                return said
        present = Attachment.objects.in_bulk(files)
        there = tuple(pk for pk in files if pk in present)
        said = Said(
            self._id(),
            text if text or there else NOTHING_LEFT,
            nonce,
            self.clock.elapsed,
            files=there,
            reply_to=reply_to,
        )
        place.append(said)
        return said

    def _open(self, request: Open) -> Answer:
        opened = self.openings.setdefault(request.endpoint_id, [])
        if self.forum:
            pk = self._id()
            opened.append(pk)
            self.threads[pk] = Place(pk)
            return Opened(remote_id=str(pk), card_id=str(pk))
        cards = self.cards.setdefault(request.endpoint_id, [])
        if request.card_id is None:
            return Stored(str(self._say(cards, "card", request.nonce).pk))
        if int(request.card_id) not in self.threads:
            opened.append(int(request.card_id))
            self.threads[int(request.card_id)] = Place(int(request.card_id))
        return Opened(remote_id=request.card_id, card_id=request.card_id)

    def _find(self, endpoint_id: int) -> Answer:
        if self.forum:
            opened = self.openings.get(endpoint_id, [])
            return Opened(remote_id=str(opened[0]), card_id=str(opened[0])) if opened else Missing()
        cards = self.cards.get(endpoint_id, [])
        return Stored(str(cards[0].pk)) if cards else Missing()

    def _id(self) -> int:
        self._ids += 1
        return self._ids
