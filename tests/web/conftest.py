"""The cast: a visitor and a stranger, each in a browser; staff write through the database, as the bot does."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio
from asgiref.sync import sync_to_async

from bridge.infra.limits import THROTTLES, Limit, Throttle
from bridge.live.worker import Worker
from bridge.models import Connection, Inbox, Message, Participant
from tests.web.browser import Browser

Open = Callable[..., Browser]
YEAR = 366 * 24 * 3600.0


@pytest.fixture
def inbox(transactional_db: None) -> Inbox:
    return Inbox.objects.get(name="default")


@pytest_asyncio.fixture
async def browser(valkey_url: str, inbox: Inbox) -> AsyncIterator[Open]:
    """Make a browser; all of them leave at the end, and the process with them."""
    made: list[Browser] = []

    def make(**arguments: Any) -> Browser:
        made.append(Browser(**arguments))
        return made[-1]

    yield make
    for each in made:
        await each.leave()
    await Worker.current().stop()


@pytest_asyncio.fixture
async def visitor(browser: Open) -> Browser:
    """Somebody whose session has started."""
    someone = browser()
    await someone.start()
    return someone


@pytest_asyncio.fixture
async def stranger(browser: Open) -> Browser:
    """Somebody else, with a conversation of his own."""
    someone = browser(address="198.51.100.7")
    await someone.start()
    return someone


@pytest.fixture
def staff_write() -> Callable[..., Awaitable[None]]:
    """Staff answer in a conversation, in a transaction of another process, so to speak."""
    return sync_to_async(_staff_write)


def _staff_write(connection: str, content: str) -> None:
    from django.db import transaction
    from django.utils import timezone

    from bridge.chat import publishing
    from bridge.chat.wire import load, message_out
    from bridge.protocol.frames import event_frame

    row = Connection.objects.get(uid=connection)
    with transaction.atomic():
        advance = Connection.objects.advance(row.pk, messages=1)
        author, _ = Participant.objects.get_or_create(
            connection=row,
            service="discord",
            remote_id="42",
            defaults={"role": Participant.Role.STAFF, "nick": "Sam"},
        )
        message = Message.objects.create(
            connection=row,
            author=author,
            service="discord",
            seq=advance.last_seq,
            revision=advance.revision,
            content=content,
            created_at=timezone.now(),
        )
        load([message])
        frame = event_frame(
            "message.posted",
            {"messages": [message_out(message, connection=connection)]},
            connection=connection,
            since=advance.since,
            revision=advance.revision,
        )
        publishing.publish_on_commit([publishing.Change(connection, frame)])


@pytest.fixture
def no_refill(settings: Any) -> None:
    """The project's own limits in buckets that fill within a year: however slow the machine, what is spent
    stays spent. Name it before `visitor`, whose process reads the settings."""
    settings.BRIDGE_THROTTLES = {
        name: Throttle(visitor=Limit(each.visitor.amount, YEAR), address=Limit(each.address.amount, YEAR))
        for name, each in THROTTLES.items()
    }


@pytest.fixture
def settings_without_limits(settings: Any) -> None:
    """Throttles that count but never refuse: for tests of something else that send a lot."""
    plenty = Limit(1_000_000, 60)
    settings.BRIDGE_THROTTLES = dict.fromkeys(THROTTLES, Throttle(visitor=plenty, address=plenty))
    settings.BRIDGE_SOCKETS_PER_ADDRESS = 100_000
