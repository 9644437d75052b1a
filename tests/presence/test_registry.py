"""The registry across processes: one who is in two is one, who is lost is missed once, what Redis forgot comes back."""

import uuid
from collections.abc import Sequence
from typing import Any

import pytest
from asgiref.sync import sync_to_async

from bridge.infra import redis
from bridge.models import Inbox
from bridge.presence import online, rooms
from bridge.presence import registry as module
from bridge.presence.registry import Registry
from bridge.presence.rooms import announce
from bridge.presence.shared import Question, Scope, read
from bridge.protocol.outgoing import Author
from tests.presence.clock import Clock, without_redis

ROOM = Scope("room", "6f0d3f3e-0000-4000-8000-000000000001")
INBOX = Scope("inbox", 1)
ADA, EVE = uuid.uuid4(), uuid.uuid4()


def person(name: str) -> Author:
    uid = str(uuid.uuid5(uuid.NAMESPACE_DNS, name))
    return {"id": uid, "name": name, "role": "visitor", "service": "web", "avatar": "", "colour": ""}


class Process(Registry):
    """What a process knows, in few words."""

    def __init__(self) -> None:
        super().__init__(announce)

    def enter(self, *people: Author) -> None:
        for author in people:
            self.arrive(ROOM, author["id"], author=author)

    def start(self, *visitors: uuid.UUID, identified: bool = False) -> None:
        for visitor in visitors:
            self.arrive(INBOX, visitor.hex, identified=identified)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


@pytest.fixture
def events(valkey_url: str, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The events that were published, in order."""
    published: list[dict[str, Any]] = []
    monkeypatch.setattr(
        "bridge.chat.publishing.tell",
        lambda connection, event, payload: published.append(
            {"connection": connection, "event": event, "payload": payload}
        ),
    )
    return published


def summary(events: list[dict[str, Any]]) -> list[tuple[str, Any, int]]:
    rows = []
    for event in events:
        payload = event["payload"]
        names = [person["name"] if isinstance(person, dict) else person for person in payload["participants"]]
        kind = event["event"].removeprefix("participant.")
        kind += "" if kind == "joined" else " clean" if payload["clean"] else " dropped"
        rows.append((kind, sorted(names), payload["online"]))
    events.clear()
    return rows


async def later(clock: Clock, processes: Sequence[Registry], seconds: float = module.REFRESH) -> None:
    """Time goes by, and then these beat."""
    clock.go_on(seconds)
    for process in processes:
        await process.flush()


async def outlast(clock: Clock, *processes: Registry) -> None:
    """These go on until whatever no longer beats has run out and was taken away."""
    for _ in range(int(module.LIFE / module.REFRESH) + 2):
        await later(clock, processes)


async def test_who_is_in_two_processes_comes_once_and_goes_once(events: list[dict[str, Any]]) -> None:
    one, other, ada = Process(), Process(), person("Ada")
    one.enter(ada)
    await one.flush()
    assert summary(events) == [("joined", ["Ada"], 1)]
    other.enter(ada)
    await other.flush()
    assert summary(events) == []
    assert await other.roster(ROOM) == (1, [ada["id"]])
    one.leave(ROOM, ada["id"], at_once=True)
    await one.flush()
    assert summary(events) == []
    other.leave(ROOM, ada["id"], at_once=True)
    await other.flush()
    assert summary(events) == [("left clean", [ada["id"]], 0)]
    assert await one.roster(ROOM) == (0, [])
    assert await redis.client().keys() == []


async def test_a_crashed_process_is_missed_within_a_minute_and_that_is_announced_once(
    events: list[dict[str, Any]], clock: Clock
) -> None:
    assert module.LIFE + 2 * module.REFRESH < 60
    dead, here, there = Process(), Process(), Process()
    ada, bob, cyd = person("Ada"), person("Bob"), person("Cyd")
    dead.enter(ada, bob)
    await dead.flush()
    here.enter(bob)
    there.enter(cyd)
    await here.flush()
    await there.flush()
    summary(events)
    await later(clock, [here, there], module.LIFE - module.REFRESH)
    assert summary(events) == []
    await later(clock, [here, there])
    await later(clock, [here, there])
    # Bob is somewhere else, too.
    assert summary(events) == [("left dropped", [ada["id"]], 2)]
    assert await here.roster(ROOM) == (2, sorted([bob["id"], cyd["id"]]))


async def test_a_process_that_died_alone_counts_no_longer_although_nobody_took_its_entries_away(
    events: list[dict[str, Any]], clock: Clock
) -> None:
    dead = Process()
    dead.enter(person("Ada"))
    await dead.flush()
    clock.go_on(module.LIFE - 1)
    assert (await read(Question(ROOM)))[0].online == 1
    clock.go_on(1)
    assert await read(Question(ROOM, 10)) == [(0, [])]


async def test_a_process_that_was_only_slow_announces_that_its_people_are_back(
    events: list[dict[str, Any]], clock: Clock
) -> None:
    slow, other = Process(), Process()
    slow.enter(person("Ada"))
    await slow.flush()
    other.enter(person("Bob"))
    await outlast(clock, other)
    await slow.flush()
    assert [kind for kind, _, _ in summary(events)] == ["joined", "joined", "left dropped", "joined"]
    assert (await slow.roster(ROOM))[0] == 2


async def test_after_an_outage_nobody_is_taken_for_dead(events: list[dict[str, Any]], clock: Clock) -> None:
    one, other = Process(), Process()
    one.enter(person("Ada"))
    other.enter(person("Bob"))
    await later(clock, [one, other])
    await later(clock, [one, other])
    summary(events)
    clock.go_on(module.LIFE + 1)
    with without_redis():
        for process in (one, other):
            with pytest.raises(redis.RedisError):
                await process.flush()
    # The first to come back beats more than once before the other one does.
    await later(clock, [one], 0.5)
    one.enter(person("Cyd"))
    await later(clock, [one], 0.5)
    await outlast(clock, other, one)
    assert summary(events) == [("joined", ["Cyd"], 3)]


async def test_what_redis_forgot_is_written_again_whole(events: list[dict[str, Any]], clock: Clock) -> None:
    here = Process()
    here.enter(person("Ada"), person("Bob"))
    await here.flush()
    await redis.client().flushall()
    await later(clock, [here])
    assert (await read(Question(ROOM)))[0].online == 2


@pytest.mark.parametrize("part", range(3))
async def test_what_redis_forgot_a_part_of_is_written_again_whole(
    events: list[dict[str, Any]], clock: Clock, part: int
) -> None:
    """As a server does that runs out of memory."""
    one, other = Process(), Process()
    one.enter(person("Ada"), person("Bob"))
    other.enter(person("Bob"), person("Cyd"))
    await later(clock, [one, other])
    await redis.client().delete(ROOM.keys()[part])
    await later(clock, [one, other])
    assert (await read(Question(ROOM)))[0].online == 3
    for name in ("Ada", "Bob"):
        one.leave(ROOM, person(name)["id"], at_once=True)
    await one.flush()
    assert (await read(Question(ROOM)))[0].online == 2


async def test_what_happened_while_redis_was_away_is_announced_when_it_is_back(
    events: list[dict[str, Any]],
) -> None:
    here, ada, bob, cyd = Process(), person("Ada"), person("Bob"), person("Cyd")
    here.enter(ada, cyd)
    await here.flush()
    summary(events)
    with without_redis():
        here.enter(bob)
        here.leave(ROOM, ada["id"], at_once=True)
        with pytest.raises(redis.RedisError):
            await here.flush()
        assert await here.roster(ROOM) == (2, sorted([bob["id"], cyd["id"]]))
        assert await here.counts([ROOM, INBOX]) == {ROOM: 2, INBOX: 0}
    await here.flush()
    assert summary(events) == [("joined", ["Bob"], 3), ("left clean", [ada["id"]], 2)]


async def test_a_thousand_who_come_at_once_are_one_event_of_bounded_size(
    events: list[dict[str, Any]],
) -> None:
    here = Process()
    here.enter(*(person(f"Visitor {number}") for number in range(1000)))
    await here.flush()
    (joined,) = events
    assert len(joined["payload"]["participants"]) == rooms.MOST_NAMED
    assert joined["payload"]["more"] == 1000 - rooms.MOST_NAMED
    assert joined["payload"]["online"] == 1000
    online, named = await here.roster(ROOM)
    assert (online, len(named)) == (1000, module.MAX_MEMBERS)


async def test_who_comes_back_within_the_grace_never_left(events: list[dict[str, Any]], clock: Clock) -> None:
    here, ada = Process(), person("Ada")
    here.enter(ada)
    await here.flush()
    here.leave(ROOM, ada["id"], clean=False)
    await here.flush()
    here.enter(ada)
    await here.flush()
    await outlast(clock, here)
    assert summary(events) == [("joined", ["Ada"], 1)]
    assert await here.roster(ROOM) == (1, [ada["id"]])


async def test_who_leaves_again_within_a_minute_is_only_announced_as_gone_after_a_while(
    events: list[dict[str, Any]], clock: Clock
) -> None:
    here, ada = Process(), person("Ada")
    for _ in range(2):
        here.enter(ada)
        await here.flush()
        here.leave(ROOM, ada["id"], at_once=True)
        await here.flush()
    assert [kind for kind, _, _ in summary(events)] == ["joined", "left clean", "joined"]
    await later(clock, [here], module.PATIENCE - 1)
    assert summary(events) == []
    await later(clock, [here], 1)
    assert summary(events) == [("left clean", [ada["id"]], 0)]


async def test_who_has_just_come_is_counted_before_redis_knows(events: list[dict[str, Any]]) -> None:
    here, other, ada, bob = Process(), Process(), person("Ada"), person("Bob")
    other.enter(bob)
    await other.flush()
    here.enter(ada)
    assert await here.roster(ROOM) == (2, sorted([ada["id"], bob["id"]]))
    assert await other.roster(ROOM) == (1, [bob["id"]])


async def test_another_room_knows_nothing_of_it(events: list[dict[str, Any]]) -> None:
    here = Process()
    here.enter(person("Ada"))
    await here.flush()
    stranger = Scope("room", str(uuid.uuid4()))
    assert await here.roster(stranger) == (0, [])
    assert await here.counts([ROOM, stranger]) == {ROOM: 1, stranger: 0}
    assert {event["connection"] for event in events} == {ROOM.key}


async def test_a_beat_is_one_command_for_each_scope_however_many_are_there(
    events: list[dict[str, Any]], clock: Clock
) -> None:
    here = Process()
    here.enter(*(person(f"Visitor {number}") for number in range(300)))
    here.start(*(uuid.uuid4() for _ in range(300)))
    await later(clock, [here])
    sent = await _sent()
    await later(clock, [here])
    commands, bytes_in = (after - before for before, after in zip(sent, await _sent(), strict=True))
    # What a script calls counts as well, and one of ours asks.
    assert commands < 30
    assert bytes_in < 2000


async def _sent() -> tuple[int, int]:
    stats = await redis.client().info("stats")
    return stats["total_commands_processed"], stats["total_net_input_bytes"]


# ----------------------------------------------------------------- in an inbox


async def test_in_an_inbox_two_processes_are_one(events: list[dict[str, Any]]) -> None:
    one, other = Process(), Process()
    one.start(ADA, EVE)
    other.start(ADA, identified=True)
    await one.flush()
    await other.flush()
    assert await online.acount(1) == (2, 1, 3)
    one.leave(INBOX, ADA.hex)
    await one.flush()
    assert await online.acount(1) == (2, 1, 2)
    other.leave(INBOX, ADA.hex, identified=True)
    await other.flush()
    assert await online.acount(1) == (1, 0, 1)
    assert not await online.ais_online(ADA, inbox=1)
    assert await online.ais_online(EVE, inbox=1)
    assert events == []


async def test_in_an_inbox_a_visitor_is_identified_as_long_as_one_of_their_sockets_is(
    events: list[dict[str, Any]],
) -> None:
    here = Process()
    here.start(ADA)
    here.start(ADA, identified=True)
    await here.flush()
    assert await online.acount(1) == (1, 1, 2)
    here.leave(INBOX, ADA.hex, identified=True)
    await here.flush()
    assert await online.acount(1) == (1, 0, 1)


async def test_in_an_inbox_who_goes_is_gone_at_once_since_nobody_is_told(
    events: list[dict[str, Any]],
) -> None:
    here = Process()
    for _ in range(2):
        here.start(ADA)
        await here.flush()
        here.leave(INBOX, ADA.hex, clean=False)
        await here.flush()
        assert await online.acount(1) == (0, 0, 0)


async def test_the_visitors_of_a_process_that_died_are_forgotten_within_a_minute(
    events: list[dict[str, Any]], clock: Clock
) -> None:
    dead, other = Process(), Process()
    dead.start(ADA)
    await dead.flush()
    ttl = await redis.client().ttl(INBOX.keys()[0])
    assert module.LIFE < ttl <= 3 * module.LIFE
    clock.go_on(module.LIFE)
    assert await online.acount(1) == (0, 0, 0)
    assert not await online.ais_online(ADA, inbox=1)
    # What is left of it another takes away.
    other.start(EVE)
    await other.flush()
    await later(clock, [other])
    assert await redis.client().zcard(INBOX.keys()[2]) == 1
    assert await online.acount(1) == (1, 0, 1)


async def test_a_quiet_process_stays(events: list[dict[str, Any]], clock: Clock) -> None:
    here = Process()
    here.start(ADA)
    await here.flush()
    await outlast(clock, here)
    assert await online.acount(1) == (1, 0, 1)


async def test_what_changed_while_redis_was_away_is_not_lost(
    events: list[dict[str, Any]], clock: Clock
) -> None:
    here = Process()
    here.start(ADA)
    await here.flush()
    with without_redis():
        here.start(EVE)
        here.leave(INBOX, ADA.hex)
        with pytest.raises(redis.RedisError):
            await here.flush()
    await here.flush()
    assert await online.ais_online(EVE, inbox=1)
    assert not await online.ais_online(ADA, inbox=1)


async def test_ten_thousand_are_counted_and_only_some_are_named(
    events: list[dict[str, Any]], transactional_db: None
) -> None:
    many = [uuid.uuid4() for _ in range(5000)]
    one, other = Process(), Process()
    one.start(*many)
    other.start(*many[:1000], identified=True)
    other.start(*(uuid.uuid4() for _ in range(5000)))
    await one.flush()
    await other.flush()
    assert await online.acount(1) == (10_000, 1000, 11_000)
    assert len(await online.asessions(inbox=1)) == 200


async def test_a_visitor_is_found_in_any_inbox(events: list[dict[str, Any]], transactional_db: None) -> None:
    shop = await sync_to_async(Inbox.objects.create)(name="shop")
    here = Process()
    here.arrive(Scope("inbox", shop.pk), ADA.hex)
    await here.flush()
    assert await online.ais_online(ADA)
    assert not await online.ais_online(EVE)
    assert not await online.ais_online(ADA, inbox=shop.pk + 1)
    assert [found.inbox for found in await online.asessions(visitor=ADA)] == [shop.pk]
