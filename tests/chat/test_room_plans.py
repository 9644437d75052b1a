"""What a room asks of the database goes through an index, however many conversations and people there are."""

import re
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from bridge.chat import history
from bridge.chat.actions import enter_room, find_room, list_rooms, rename, save_room
from bridge.chat.actions.rooms import read_members
from bridge.chat.speaking import Target
from bridge.models import Inbox, Participant, Room
from tests.admin.test_plans import BIG, faults, seeded

__all__ = ["seeded"]


@pytest.fixture
def room(seeded: None) -> Room:
    room = Room(inbox=Inbox.objects.get(name="default"), slug="lobby", name="The lobby")
    save_room(room, endpoints={"discord": "9" * 18}, is_open=True)
    for _ in range(20):
        enter_room(room, visitor=uuid.uuid4())
    return room


def _read(room: Room, me: Participant) -> None:
    history.page(Target.of(room, me))


ACTS: dict[str, Callable[[Room, Participant], Any]] = {
    "list": lambda room, me: list_rooms(room.inbox_id),
    "find by slug": lambda room, me: find_room("lobby", inbox=room.inbox_id),
    "find by uid": lambda room, me: find_room(str(room.uid), inbox=room.inbox_id),
    "come": lambda room, me: enter_room(room, visitor=uuid.uuid4()),
    "come again": lambda room, me: enter_room(room, visitor=me.visitor or uuid.uuid4()),
    "rename": lambda room, me: rename(me, "Grace"),
    "members": lambda room, me: read_members(room.pk, [str(me.uid)]),
    "read": _read,
}


@pytest.mark.parametrize("name", ACTS)
def test_it_goes_through_an_index(room: Room, name: str) -> None:
    me = enter_room(room, visitor=uuid.uuid4())
    with CaptureQueriesContext(database) as queries:
        ACTS[name](room, me)
    selects = [
        query["sql"] for query in queries if re.search(rf'^SELECT.*FROM "bridge_({BIG})"', query["sql"])
    ]
    assert selects
    assert [fault for sql in selects for fault in faults(sql, sorts=True)] == []
