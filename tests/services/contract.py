"""What every service must do, whatever it is: its own test subclasses `ServiceContract` and brings a `Rig`.

    class TestPigeons(ServiceContract):
        path = "loft.services.PigeonService"

        @pytest.fixture
        async def rig(self, wiring: Wiring) -> Rig: ...

Staff speak at the other end, in the service `elsewhere`; the visitor is on the page.
"""

import uuid
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import pytest
from django.utils import timezone

from bridge import delivery, services
from bridge.chat.actions import Opening, Post, Posted, post_messages
from bridge.chat.actions.changing import delete_message, edit_message
from bridge.chat.actions.receiving import Incoming, RemoteAuthor, receive_message
from bridge.delivery import Line
from bridge.errors import DeliveryFailed
from bridge.models import Delivery, Endpoint, Inbox, Message
from bridge.services.attempts import Attempt, attempting
from bridge.services.base import Service
from tests.services.memory import ELSEWHERE
from tests.time_machine import TimeMachine, db

Trouble = Literal["away", "refused", "answer lost"]
"""Before anything was stored and for now; for good; after it was stored."""

STAFF = RemoteAuthor(remote_id="1", nick="Ada")
ROUNDS = 20
LATER = 600.0
"""Seconds, longer than any pause of the rules."""


@dataclass
class Wiring:
    """What a rig may build upon."""

    clock: TimeMachine
    inbox: Inbox
    settings: Any


class Rig(ABC):
    """One service with its outside."""

    edits = True
    """Whether edits and deletions are carried there."""

    def __init__(self, service: Service, wiring: Wiring) -> None:
        self.service, self.wiring = service, wiring

    async def prepare(self) -> None:
        """Before the first conversation is opened."""
        return

    async def opened(self, endpoint: Endpoint) -> None:
        """Once it is open: the visitor has written, nothing was carried yet."""
        return

    @abstractmethod
    async def held(self, endpoint: Endpoint) -> list[str]:
        """What the outside holds now of what was sent to it, in order. A faithful outside takes no nonce twice."""

    @abstractmethod
    async def have(self, trouble: Trouble | None) -> None:
        """From now on each write there fails so; None: all is well again."""

    @abstractmethod
    async def write(self, endpoint: Endpoint, text: str, *, key: int) -> None:
        """Somebody there says this. The same key again is the same news again."""

    async def carry(self) -> None:
        """Until nothing is left that could be done."""
        for _ in range(ROUNDS):
            self.wiring.clock.advance(LATER)
            lines = await db(delivery.claim, self.service.name, limit=20, clock=self.wiring.clock)
            if not lines:
                return
            for line in lines:
                await self._work(line)

    async def _work(self, line: Line) -> None:
        clock = self.wiring.clock
        while request := await db(delivery.plan, line, service=self.service, clock=clock):
            try:
                with attempting(Attempt(clock=clock, until=line.until)):
                    answer = await self.service.perform(request)
            except DeliveryFailed as failure:
                if not await db(delivery.fail, line, request, failure, flowing=False, clock=clock):
                    return
            else:
                await db(delivery.settle, line, request, answer)


def once_and_in_order(held: Sequence[str], *texts: str) -> bool:
    whole = "\n".join(held)
    places = [whole.find(text) for text in texts]
    return all(whole.count(text) == 1 for text in texts) and places == sorted(places)


class ServiceContract:
    path: ClassVar[str]
    """Of its class, as BRIDGE_SERVICES has it."""

    @pytest.fixture
    async def wiring(self, transactional_db: None, valkey_url: str, settings: Any) -> Wiring:
        inbox = await db(lambda: Inbox.objects.get_or_create(name="default")[0])
        name = self._class().name
        settings.BRIDGE_SERVICES = {name: self.path, ELSEWHERE: "tests.services.memory.Elsewhere"}
        return Wiring(TimeMachine(), inbox, settings)

    @pytest.fixture
    async def rig(self, wiring: Wiring) -> Rig:
        raise NotImplementedError

    @pytest.fixture
    async def endpoint(self, rig: Rig) -> Endpoint:
        await rig.prepare()
        endpoint = await self._open(rig, uuid.uuid4())
        await rig.opened(endpoint)
        await rig.carry()
        return await db(Endpoint.objects.get, pk=endpoint.pk)

    @classmethod
    def _class(cls) -> type[Service]:
        module, _, name = cls.path.rpartition(".")
        service: type[Service] = getattr(__import__(module, fromlist=[name]), name)
        return service

    async def _open(self, rig: Rig, visitor: uuid.UUID) -> Endpoint:
        opening = Opening(inbox=rig.wiring.inbox.pk, visitor=visitor, nick="Visitor")
        (posted,) = await db(post_messages, [Post(opening=opening, content="Good day")])
        assert isinstance(posted, Posted)
        here = Endpoint.objects.filter(connection=posted.target.connection, service=rig.service.name)
        endpoint: Endpoint = await db(here.get)
        return endpoint

    async def _staff(self, endpoint: Endpoint, text: str) -> Message:
        there = Endpoint.objects.get
        elsewhere = await db(there, connection=endpoint.connection_id, service=ELSEWHERE)
        incoming = Incoming(uuid.uuid4().hex, STAFF, text, created_at=timezone.now())
        message: Message = await db(receive_message, elsewhere.pk, incoming)
        return message

    async def test_what_is_said_arrives_once_and_in_order(self, rig: Rig, endpoint: Endpoint) -> None:
        await self._staff(endpoint, "first words")
        await self._staff(endpoint, "second words")
        await rig.carry()
        await self._staff(endpoint, "third words")
        await rig.carry()
        assert once_and_in_order(await rig.held(endpoint), "first words", "second words", "third words")

    async def test_what_was_taken_back_before_it_went_never_goes(self, rig: Rig, endpoint: Endpoint) -> None:
        taken = await self._staff(endpoint, "a slip of the tongue")
        await self._staff(endpoint, "what was meant")
        await db(delete_message, taken.pk)
        await rig.carry()
        held = await rig.held(endpoint)
        assert once_and_in_order(held, "what was meant")
        assert "a slip of the tongue" not in "\n".join(held)

    async def test_an_edit_and_a_deletion_are_carried_or_left(self, rig: Rig, endpoint: Endpoint) -> None:
        edited, deleted = await self._staff(endpoint, "seven"), await self._staff(endpoint, "a secret")
        await rig.carry()
        await db(edit_message, edited.pk, content="eight")
        await db(delete_message, deleted.pk)
        await rig.carry()
        held = "\n".join(await rig.held(endpoint))
        assert ("eight" in held, "a secret" in held) == ((True, False) if rig.edits else (False, True))
        assert not await db(endpoint.deliveries.filter(settled_at__isnull=True).exists)

    async def test_while_it_is_away_everything_waits_in_order(self, rig: Rig, endpoint: Endpoint) -> None:
        await rig.have("away")
        await self._staff(endpoint, "first words")
        await rig.carry()
        await self._staff(endpoint, "second words")
        await rig.have(None)
        await rig.carry()
        assert once_and_in_order(await rig.held(endpoint), "first words", "second words")

    async def test_what_is_refused_for_good_does_not_hold_up_the_rest(
        self, rig: Rig, endpoint: Endpoint
    ) -> None:
        await rig.have("refused")
        refused = await self._staff(endpoint, "unspeakable words")
        await rig.carry()
        await rig.have(None)
        await self._staff(endpoint, "kind words")
        await rig.carry()
        assert once_and_in_order(await rig.held(endpoint), "kind words")
        settled = await db(endpoint.deliveries.get, message=refused)
        assert settled.outcome == Delivery.Outcome.FAILED
        assert settled.reason

    async def test_an_answer_that_is_lost_makes_no_second_copy(self, rig: Rig, endpoint: Endpoint) -> None:
        await rig.have("answer lost")
        await self._staff(endpoint, "heard but not answered")
        await rig.carry()
        await rig.have(None)
        await self._staff(endpoint, "heard and answered")
        await rig.carry()
        assert once_and_in_order(await rig.held(endpoint), "heard but not answered", "heard and answered")

    async def test_what_is_said_there_reaches_everybody_else_and_never_comes_back(
        self, rig: Rig, endpoint: Endpoint
    ) -> None:
        for _ in range(2):
            await rig.write(endpoint, "said over there", key=1)
        found = Message.objects.filter(connection=endpoint.connection_id, content="said over there")
        message = await db(found.get)
        went = await db(lambda: list(message.deliveries.values_list("endpoint__service", flat=True)))
        assert went == [ELSEWHERE]
        before = await rig.held(endpoint)
        await rig.carry()
        assert await rig.held(endpoint) == before

    async def test_our_own_words_brought_back_are_no_news(self, rig: Rig, endpoint: Endpoint) -> None:
        await self._staff(endpoint, "there and back")
        await rig.carry()
        ours = endpoint.remote_messages.filter(ours=True, card=False).order_by("-pk")
        sent = await db(lambda: ours.values_list("remote_id", flat=True)[0])
        echo = Incoming(sent, RemoteAuthor("9", "Echo"), "there and back", created_at=timezone.now())
        assert await db(receive_message, endpoint.pk, echo) is None
        found = Message.objects.filter(connection=endpoint.connection_id, content="there and back")
        assert await db(found.count) == 1

    async def test_a_strangers_conversation_hears_nothing_of_it(self, rig: Rig, endpoint: Endpoint) -> None:
        strangers = await self._open(rig, uuid.uuid4())
        await rig.opened(strangers)
        await self._staff(endpoint, "between us")
        await rig.carry()
        strangers = await db(Endpoint.objects.get, pk=strangers.pk)
        assert "between us" not in "\n".join(await rig.held(strangers))

    async def test_its_ids_are_given_back_in_their_type(self, rig: Rig, endpoint: Endpoint) -> None:
        assert endpoint.remote_id is not None
        given = services.typed(endpoint.service, endpoint.remote_id)
        assert type(given) is rig.service.id_type
        assert str(given) == endpoint.remote_id
