"""Random schedules of everything that can happen to a delivery, and what must be true at the end.

Visitors post, answer, edit and delete, staff delete in Discord, and its events come when they like; workers claim,
plan, send and settle, one small step at a time, so that any of them may be paused or killed between any two; Discord
fails in every way it knows. At last all is healed, and what the threads hold must be what the database says.
"""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field

from django.db import transaction
from django.utils import timezone
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from bridge import delivery
from bridge.chat.access import Viewer
from bridge.chat.actions.changing import delete_message, edit_message
from bridge.chat.actions.posting import post_messages
from bridge.chat.actions.reacting import react
from bridge.chat.actions.receiving import receive_delete
from bridge.chat.speaking import Post as NewPost
from bridge.chat.speaking import Posted, Target, Uploads
from bridge.delivery import Line, LineLost
from bridge.delivery.composing import text_of
from bridge.errors import DeliveryFailed
from bridge.models import (
    Attachment,
    Connection,
    Endpoint,
    Inbox,
    Message,
    Participant,
    Reaction,
    RemoteMessage,
)
from bridge.services.attempts import Attempt
from bridge.services.requests import Answer, Post, Request
from tests.delivery.model import LIMIT, Discord, FakeClock, Modelled, Said

OUTCOMES = ["ok", "ok", "ok", "stored_but_error", "lost", "late", "refused", "too_large"]
SERVICE = Modelled()
VISITORS = (uuid.UUID(int=1), uuid.UUID(int=2))
UPLOADER = uuid.UUID(int=1)


@dataclass
class Worker:
    """A worker process, stopped between two steps."""

    lines: list[Line] = field(default_factory=list)
    request: Request | None = None
    answer: Answer | None = None
    failure: DeliveryFailed | None = None

    def forget(self) -> None:
        self.request = self.answer = self.failure = None


def words_of(messages: Iterable[Message]) -> list[str]:
    """What is to be read of them in the Discord of these tests."""
    texts = []
    for message in messages:
        endpoint = Endpoint.objects.get(connection=message.connection_id)
        texts.append(text_of(message, endpoint, service=SERVICE))
    return " ".join(texts).split()


class DeliveryMachine(RuleBasedStateMachine):
    # Steps in which everything must arrive once all is healed: a hundred messages take three each.
    PATIENCE = 3000

    def __init__(self) -> None:
        super().__init__()
        self.atomic = transaction.atomic()
        self.atomic.__enter__()
        self.clock = FakeClock()
        self.workers = [Worker(), Worker(), Worker()]
        self.targets: list[Target] = []
        self.messages: list[int] = []
        self.grown = False
        # What visitors or staff took back: nothing else may go.
        self.taken: set[int] = set()
        self.removed: set[str] = set()

    def teardown(self) -> None:
        try:
            self.heal()
            self.compare()
        finally:
            transaction.set_rollback(True)
            self.atomic.__exit__(None, None, None)

    @initialize(
        forum=st.booleans(), connections=st.integers(1, 2), room=st.sampled_from([False, False, True])
    )
    def begin(self, forum: bool, connections: int, room: bool = False) -> None:
        """In a room two visitors speak, each for himself, in a channel that is there already."""
        self.discord = Discord(self.clock, forum=forum)
        inbox = Inbox.objects.get(name="default")
        for number in range(connections):
            if room:
                self.begin_room(inbox, number)
                continue
            connection = Connection.objects.create(inbox=inbox, nick="Visitor")
            visitor, _ = (
                Participant.objects.create(
                    connection=connection, role="visitor", nick="Visitor", visitor=each
                )
                for each in VISITORS
            )
            Endpoint.objects.create(connection=connection, service=SERVICE.name)
            self.targets.append(Target.of(connection, visitor))

    def begin_room(self, inbox: Inbox, number: int) -> None:
        connection = Connection.objects.create(inbox=inbox, kind="room", slug=f"room{number}")
        endpoint = Endpoint.objects.create(
            connection=connection, service=SERVICE.name, remote_id=str(number + 1)
        )
        self.discord.make_channel(number + 1, endpoint.pk)
        for nick, each in zip(("Fox", "Owl"), VISITORS, strict=True):
            visitor = Participant.objects.create(
                connection=connection, role="visitor", nick=nick, visitor=each
            )
            self.targets.append(Target.of(connection, visitor))

    @rule(data=st.data(), length=st.sampled_from([1, 1, 2, 30]), count=st.integers(1, 3))
    def post(self, data: st.DataObject, length: int, count: int) -> None:
        target = data.draw(st.sampled_from(self.targets))
        for _ in range(count):
            if files := data.draw(st.sampled_from([0, 0, 0, 0, 1, 2])):
                # Half of them without a word.
                self.store(target, f"m{len(self.messages)}v0" * data.draw(st.integers(0, 1)), files=files)
                continue
            # Now and then the same words twice: they are two messages.
            word = "ok" if data.draw(st.integers(0, 4)) == 0 else f"m{len(self.messages)}v0"
            content = " ".join([word, *(f"{word}w{n}" for n in range(length - 1))])
            self.store(target, content)

    @precondition(lambda self: self.messages)
    @rule(data=st.data(), length=st.sampled_from([1, 2, 30]))
    def answer(self, data: st.DataObject, length: int) -> None:
        answered = Message.objects.get(pk=data.draw(st.sampled_from(self.messages)))
        if not answered.deleted_at:
            word = f"m{len(self.messages)}v0"
            content = " ".join([word, *(f"{word}w{n}" for n in range(length - 1))])
            target = next(each for each in self.targets if each.connection == answered.connection_id)
            self.store(target, content, reply_to=answered.uid)

    def store(
        self, target: Target, content: str, *, files: int = 0, reply_to: uuid.UUID | None = None
    ) -> None:
        inbox = Inbox.objects.get(name="default")
        uids = tuple(
            Attachment.objects.create(inbox=inbox, visitor=UPLOADER, name="a", size=1).uid
            for _ in range(files)
        )
        uploads = Uploads(UPLOADER, inbox.pk, uids) if files else None
        (posted,) = post_messages(
            [NewPost(target=target, content=content, uploads=uploads, reply_to=reply_to)]
        )
        assert isinstance(posted, Posted)
        self.messages.append(posted.id)

    @precondition(lambda self: self.messages)
    @rule(data=st.data(), version=st.integers(1, 9), grow=st.sampled_from([False, False, False, True]))
    def edit(self, data: st.DataObject, version: int, grow: bool) -> None:
        message = Message.objects.get(pk=data.draw(st.sampled_from(self.messages)))
        if not message.deleted_at:
            content = " ".join(f"{word.partition('v')[0]}v{version}" for word in message.content.split())
            self.rewrite(message.pk, content + " and" * 12 * grow)

    def rewrite(self, message_id: int, content: str) -> None:
        self.grown = self.grown or len(content) > LIMIT
        edit_message(message_id, content=content)

    @precondition(lambda self: self.messages)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        self.take_back(data.draw(st.sampled_from(self.messages)))

    def take_back(self, message_id: int) -> None:
        self.taken.add(message_id)
        delete_message(message_id)

    @precondition(lambda self: any(place.said for place in self.discord.threads.values()))
    @rule(data=st.data())
    def staff_delete(self, data: st.DataObject) -> None:
        thread = data.draw(st.sampled_from([pk for pk, place in self.discord.threads.items() if place.said]))
        said = data.draw(st.sampled_from(self.discord.threads[thread].said))
        if not said.deleted:
            self.remove(thread, said)

    def remove(self, thread: int, said: Said) -> None:
        if said.nonce:
            carried = Message.objects.filter(remote_parts__remote__nonce=said.nonce)
            self.taken.update(carried.values_list("pk", flat=True))
        # What a webhook said has none, and whose it is may not be known yet.
        self.removed.add(str(said.pk))
        self.discord.delete(thread, said)

    @precondition(lambda self: self.discord.news)
    @rule(data=st.data())
    def hear(self, data: st.DataObject) -> None:
        """One deletion, not always the oldest; Discord may tell of it again."""
        thread, said = news = data.draw(st.sampled_from(self.discord.news))
        endpoint = Endpoint.objects.filter(remote_id=str(thread)).first()
        if endpoint is not None:
            receive_delete(endpoint.pk, str(said), deleted_at=timezone.now())
            self.discord.news.remove(news)

    def hear_all(self) -> None:
        for thread, said in self.discord.news:
            endpoint = Endpoint.objects.get(remote_id=str(thread))
            receive_delete(endpoint.pk, str(said), deleted_at=timezone.now())
        self.discord.news.clear()

    @precondition(lambda self: self.messages)
    @rule(data=st.data(), who=st.integers(0, 1), emoji=st.sampled_from("👍🎉"), added=st.booleans())
    def react(self, data: st.DataObject, who: int, emoji: str, added: bool) -> None:
        self.set_reaction(data.draw(st.sampled_from(self.messages)), emoji, who=who, added=added)

    def set_reaction(self, message_id: int, emoji: str, *, who: int = 0, added: bool = True) -> None:
        message = Message.objects.select_related("connection").get(pk=message_id)
        if message.deleted_at:
            return
        viewer = Viewer(VISITORS[who], message.connection.inbox_id, rooms=None)
        # A private conversation has one visitor: this one changes hands, so that both may react.
        private = Connection.objects.filter(pk=message.connection_id, kind="private")
        private.update(visitor=viewer.visitor)
        react(viewer, message.uid, emoji=emoji, added=added)
        private.update(visitor=None)

    @rule(seconds=st.sampled_from([0.1, 1.0, 5.0, 11.0, 31.0, 70.0, 200.0]))
    def wait(self, seconds: float) -> None:
        self.clock.elapsed += seconds
        self.discord.arrive()

    @rule(number=st.integers(0, 2))
    def crash(self, number: int) -> None:
        """`kill -9`: what it had written to the network is on its way; the rest never was."""
        self.workers[number] = Worker()

    @rule(
        number=st.integers(0, 2),
        outcome=st.sampled_from(OUTCOMES),
        delay=st.floats(1, 100),
        steps=st.integers(1, 8),
    )
    def work(self, number: int, outcome: str, delay: float, steps: int) -> None:
        for _ in range(steps):
            self.step(self.workers[number], outcome, delay)

    def step(self, worker: Worker, outcome: str, delay: float) -> None:
        if not worker.lines:
            worker.lines = delivery.claim(SERVICE.name, limit=2, clock=self.clock)
            return
        line = worker.lines[0]
        try:
            if worker.request is None:
                worker.request = delivery.plan(line, service=SERVICE, clock=self.clock)
                if worker.request is None:
                    worker.lines.pop(0)
                else:
                    self.is_fit_to_send(worker.request)
            elif worker.answer is None and worker.failure is None:
                self.ask(worker, line, outcome, delay)
            else:
                self.finish(worker, line)
        except LineLost:
            worker.lines.pop(0)
            worker.forget()

    def ask(self, worker: Worker, line: Line, outcome: str, delay: float) -> None:
        assert worker.request is not None
        attempt = Attempt(clock=self.clock, until=line.until)
        try:
            worker.answer = self.discord.perform(worker.request, attempt, outcome=outcome, delay=delay)
        except DeliveryFailed as failure:
            worker.failure = failure

    def finish(self, worker: Worker, line: Line) -> None:
        request, answer, failure = worker.request, worker.answer, worker.failure
        worker.forget()
        assert request is not None
        if answer is not None:
            delivery.settle(line, request, answer)
        elif failure is not None and not delivery.fail(
            line, request, failure, flowing=False, clock=self.clock
        ):
            worker.lines.pop(0)

    def is_fit_to_send(self, request: Request) -> None:
        """What is composed says what its messages say now: what was deleted or edited away before is never sent."""
        if isinstance(request, Post) and not request.repeat:
            group = Message.objects.filter(remote_parts__remote=request.remote_pk)
            assert set(request.text.split()) <= set(words_of(group)), (
                f"{request.text!r} holds what nobody says any more"
            )

    def heal(self) -> None:
        """All workers but one die, Discord works, time passes: in the end nothing waits."""
        worker = Worker()
        for _ in range(self.PATIENCE):
            self.step(worker, "ok", 0)
            if not worker.lines:
                if not Endpoint.objects.filter(due__isnull=False).exists() and not self.discord.late:
                    if not self.discord.news:
                        return
                    self.hear_all()
                self.clock.elapsed += 35
                self.discord.arrive()
        waiting = list(Endpoint.objects.values_list("due", "trouble"))
        raise AssertionError(f"deliveries still wait: {waiting} at {self.clock.now()}")

    def compare(self) -> None:
        for target in self.targets:
            messages = Message.objects.filter(connection=target.connection).order_by("seq")
            wanted = words_of(messages)
            opened = self.discord.openings.get(Endpoint.objects.get(connection=target.connection).pk, [])
            assert len(opened) <= 1, f"{len(opened)} threads were opened for one conversation"
            said = self.discord.threads[opened[0]].said if opened else []
            there = " ".join(each.text for each in said if not each.deleted).split()
            carried = [file for each in said if not each.deleted for file in each.files]
            files = Attachment.objects.filter(message__in=messages).order_by("message__seq", "position")
            assert carried == list(files.filter(linked=False).values_list("pk", flat=True))
            if self.grown or files.filter(linked=True).exists():
                # What outgrew its message goes on further down.
                assert sorted(there) == sorted(wanted)
            else:
                assert there == wanted
            gone = set(messages.filter(deleted_at__isnull=False).values_list("pk", flat=True))
            removed = Message.objects.filter(remote_parts__remote__remote_id__in=self.removed)
            taken = self.taken | set(removed.values_list("pk", flat=True))
            assert gone <= taken, f"nobody deleted {gone - taken}"
            self.compare_reactions(said, target)
            self.compare_names(target, {str(each.pk): each for each in said})
            self.compare_replies(target, {str(each.pk): each for each in said})
            failed = messages.filter(state=Message.State.FAILED)
            assert not failed.exists(), f"given up: {failed.values_list('content', 'failure')}"

    def compare_reactions(self, said: list[Said], target: Target) -> None:
        """The first piece of what is there has what any visitor set on any message in it; the others have none."""
        there = {str(each.pk): each.reactions for each in said if not each.deleted}
        seen: set[int] = set()
        ours = RemoteMessage.objects.filter(endpoint__connection=target.connection, remote_id__in=there)
        for remote in ours.order_by("pk"):
            held = set(remote.parts.values_list("message_id", flat=True))
            rows = Reaction.objects.filter(message__in=held - seen, message__deleted_at__isnull=True)
            assert there[str(remote.remote_id)] == set(rows.values_list("emoji", flat=True)), remote.text
            seen |= held

    def compare_names(self, target: Target, said: dict[str, Said]) -> None:
        """In a room each speaks in his own name, and nobody else in his."""
        room = Connection.objects.get(pk=target.connection).kind == "room"
        ours = RemoteMessage.objects.filter(endpoint__connection=target.connection, ours=True, card=False)
        for remote in ours.filter(remote_id__isnull=False):
            authors = remote.parts.values_list("message__author__nick", flat=True)
            names = {f"{author} (visitor)" for author in authors} if room else {""}
            assert {said[remote.remote_id or ""].name} == names

    def compare_replies(self, target: Target, said: dict[str, Said]) -> None:
        """Each goes alone, and answers over there what it answers here, if that is there to be answered."""
        replies = Message.objects.filter(connection=target.connection, deleted_at__isnull=True)
        for reply in replies.filter(reply_to__isnull=False):
            pieces = RemoteMessage.objects.filter(parts__message=reply, ours=True).order_by("pk")
            assert all(piece.parts.count() == 1 for piece in pieces), f"{reply.content!r} was joined"
            answered = RemoteMessage.objects.filter(parts__message=reply.reply_to_id, ours=True)
            first = said[pieces[0].remote_id or ""]
            if reply.reply_to and not reply.reply_to.deleted_at:
                assert first.reply_to in set(answered.values_list("remote_id", flat=True))
