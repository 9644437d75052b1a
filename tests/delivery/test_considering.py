"""Before each request a service is asked once what becomes of what waits for it: it goes, waits on, or never goes."""

import uuid
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from bridge import delivery
from bridge.chat.actions import Opening, Post, Posted, Target, post_messages
from bridge.delivery import Line
from bridge.errors import DeliveryFailed
from bridge.models import Delivery, Endpoint, Inbox
from bridge.services.base import Drop, Go, Hold, Verdict
from bridge.services.requests import FindOpening, Open, Opened, ReadBack, Request, Stored
from bridge.services.requests import Post as Sent
from tests.services.memory import Memory
from tests.time_machine import TimeMachine

pytestmark = pytest.mark.django_db

CUT = DeliveryFailed("cut", "The line went dead.", permanent=False, certain=False)
VISITOR = uuid.UUID(int=1)


class Picky(Memory):
    """Answers as a test says."""

    def __init__(self) -> None:
        super().__init__()
        self.answer: Callable[[Sequence[Delivery]], Verdict] = lambda waiting: Go()
        self.asked: list[list[str]] = []

    def consider(self, waiting: Sequence[Delivery], endpoint: Endpoint, *, now: datetime) -> Verdict:
        self.asked.append([each.message.content for each in waiting])
        return self.answer(waiting)


class Conversation:
    """Between a visitor and that service."""

    def __init__(self, inbox: Inbox) -> None:
        self.service, self.clock = Picky(), TimeMachine()
        opening = Opening(inbox=inbox.pk, visitor=VISITOR, nick="Visitor")
        (posted,) = post_messages([Post(opening=opening, content="first")])
        assert isinstance(posted, Posted)
        self.target: Target = posted.target

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint.objects.get(connection=self.target.connection)

    @property
    def outcomes(self) -> list[str]:
        return list(self.endpoint.deliveries.order_by("pk").values_list("outcome", flat=True))

    def say(self, text: str) -> None:
        post_messages([Post(target=self.target, content=text)])

    def plan(self) -> tuple[Line, Request | None]:
        self.clock.advance(600)
        (line,) = delivery.claim("memory", limit=1, clock=self.clock)
        return line, delivery.plan(line, service=self.service, clock=self.clock)

    def opened(self) -> None:
        line, request = self.plan()
        assert isinstance(request, Open)
        place = str(uuid.uuid4())
        delivery.settle(line, request, Opened(place, place))

    def lose(self) -> Request:
        """The next request, of which nobody knows what became."""
        line, request = self.plan()
        assert request is not None
        delivery.fail(line, request, CUT, flowing=False, clock=self.clock)
        return request


@pytest.fixture
def conversation(db: None, settings: Any) -> Conversation:
    settings.BRIDGE_SERVICES = {"memory": "tests.services.memory.Memory"}
    return Conversation(Inbox.objects.get_or_create(name="default")[0])


def test_a_service_is_asked_once_for_all_that_waits(conversation: Conversation) -> None:
    conversation.opened()
    conversation.say("second")
    conversation.service.asked.clear()
    _, request = conversation.plan()
    assert isinstance(request, Sent)
    assert conversation.service.asked == [["first", "second"]]


def test_what_is_held_is_not_asked_for_again_either(conversation: Conversation) -> None:
    conversation.opened()
    conversation.lose()
    until = timezone.now() + timedelta(hours=5)
    conversation.service.answer = lambda waiting: Hold(until)
    _, request = conversation.plan()
    assert request is None
    assert conversation.endpoint.due == until
    conversation.service.answer = lambda waiting: Go()
    conversation.clock.advance(6 * 3600)
    _, request = conversation.plan()
    assert isinstance(request, ReadBack)


def test_what_is_dropped_never_goes_and_is_not_looked_for(conversation: Conversation) -> None:
    conversation.opened()
    conversation.lose()
    conversation.service.answer = Drop
    _, request = conversation.plan()
    assert request is None
    assert conversation.outcomes == [Delivery.Outcome.SUPERSEDED]
    assert conversation.endpoint.due is None
    conversation.service.answer = lambda waiting: Go()
    conversation.say("second")
    _, request = conversation.plan()
    assert isinstance(request, Sent)
    assert request.text == "second"


def test_what_is_left_of_it_is_considered_anew_and_looked_for(conversation: Conversation) -> None:
    conversation.opened()
    conversation.lose()
    conversation.say("second")
    conversation.service.answer = lambda waiting: Drop(waiting[1:]) if waiting[1:] else Go()
    _, request = conversation.plan()
    assert isinstance(request, ReadBack)
    assert conversation.outcomes == ["", Delivery.Outcome.SUPERSEDED]


def test_a_drop_of_the_head_lets_the_next_one_go(conversation: Conversation) -> None:
    conversation.opened()
    conversation.say("second")
    conversation.service.answer = lambda waiting: Drop(waiting[:1]) if waiting[1:] else Go()
    line, request = conversation.plan()
    assert isinstance(request, Sent)
    assert request.text == "second"
    delivery.settle(line, request, Stored("2"))
    assert delivery.plan(line, service=conversation.service, clock=conversation.clock) is None
    assert conversation.outcomes == [Delivery.Outcome.SUPERSEDED, Delivery.Outcome.DELIVERED]


def test_an_opening_is_looked_for_whatever_was_dropped_meanwhile(conversation: Conversation) -> None:
    """Forgotten, the next message would open a second place."""
    conversation.lose()
    conversation.service.answer = Drop
    _, request = conversation.plan()
    assert request is None
    conversation.service.answer = lambda waiting: Go()
    conversation.say("second")
    _, request = conversation.plan()
    assert isinstance(request, FindOpening)


def test_an_empty_drop_is_a_mistake() -> None:
    """It would be asked for again and again, within one transaction."""
    with pytest.raises(ValueError, match="return Go"):
        Drop([])
