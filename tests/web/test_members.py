"""Members across processes: one who is in two is one, who is lost is missed once, what Redis forgot comes back."""

import uuid
from typing import Any

import orjson
import pytest

from bridge.infra import redis
from bridge.presence import members as module
from bridge.presence.members import Members
from bridge.protocol import Author

ROOM = "6f0d3f3e-0000-4000-8000-000000000001"


def person(name: str) -> Author:
    uid = str(uuid.uuid5(uuid.NAMESPACE_DNS, name))
    return {"id": uid, "name": name, "role": "visitor", "service": "web", "avatar": "", "colour": ""}


@pytest.fixture
def told(valkey_url: str, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The events that were published, in order."""
    events: list[dict[str, Any]] = []
    monkeypatch.setattr(
        "bridge.chat.publishing.tell", lambda connection, frame, **_: events.append(orjson.loads(frame))
    )
    return events


def summary(events: list[dict[str, Any]]) -> list[tuple[str, Any, int]]:
    found = []
    for event in events:
        payload = event["payload"]
        names = [each["name"] if isinstance(each, dict) else each for each in payload["participants"]]
        kind = event["event"].removeprefix("participant.")
        kind += "" if kind == "joined" else " clean" if payload["clean"] else " dropped"
        found.append((kind, sorted(names), payload["online"]))
    events.clear()
    return found


async def test_who_is_in_two_processes_comes_once_and_goes_once(told: list[dict[str, Any]]) -> None:
    one, other, ada = Members(), Members(), person("Ada")
    one.arrive(ROOM, ada)
    await one.flush()
    assert summary(told) == [("joined", ["Ada"], 1)]
    other.arrive(ROOM, ada)
    await other.flush()
    assert summary(told) == []
    assert await other.roster(ROOM) == (1, [ada["id"]])
    one.leave(ROOM, ada["id"], clean=True, at_once=True)
    await one.flush()
    assert summary(told) == []
    other.leave(ROOM, ada["id"], clean=True, at_once=True)
    await other.flush()
    assert summary(told) == [("left clean", [ada["id"]], 0)]
    assert await one.roster(ROOM) == (0, [])


async def test_a_crashed_process_is_missed_within_a_minute_and_told_once(
    told: list[dict[str, Any]],
) -> None:
    assert module.LIFE + 2 * module.REFRESH < 60
    dead, here, there = Members(), Members(), Members()
    ada, bob, cyd = person("Ada"), person("Bob"), person("Cyd")
    dead.arrive(ROOM, ada)
    dead.arrive(ROOM, bob)
    await dead.flush()
    here.arrive(ROOM, bob)
    there.arrive(ROOM, cyd)
    await here.flush()
    await there.flush()
    summary(told)
    await _time_is_over(dead)
    for process in (here, there):
        process._refresh_at = 0.0
        await process.flush()
    # Bob is somewhere else, too.
    assert summary(told) == [("left dropped", [ada["id"]], 2)]
    assert await here.roster(ROOM) == (2, sorted([bob["id"], cyd["id"]]))


async def test_a_process_that_was_only_slow_tells_that_its_people_are_back(
    told: list[dict[str, Any]],
) -> None:
    slow, other = Members(), Members()
    slow.arrive(ROOM, person("Ada"))
    await slow.flush()
    await _time_is_over(slow)
    other.arrive(ROOM, person("Bob"))
    await other.flush()
    slow._refresh_at = 0.0
    await slow.flush()
    assert [kind for kind, _, _ in summary(told)] == ["joined", "left dropped", "joined", "joined"]
    assert (await slow.roster(ROOM))[0] == 2


async def test_what_redis_forgot_is_written_again_whole(told: list[dict[str, Any]]) -> None:
    here = Members()
    for name in ("Ada", "Bob"):
        here.arrive(ROOM, person(name))
    await here.flush()
    await redis.client().flushall()
    here._refresh_at = 0.0
    await here.flush()
    assert (await here.roster(ROOM))[0] == 2


async def test_what_happened_while_redis_was_away_is_told_when_it_is_back(
    told: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, ada, bob = Members(), person("Ada"), person("Bob")
    here.arrive(ROOM, ada)
    await here.flush()
    summary(told)

    def away() -> None:
        raise redis.RedisError("away")

    with monkeypatch.context() as patch:
        patch.setattr(module.redis, "client", away)
        here.arrive(ROOM, bob)
        here.leave(ROOM, ada["id"], clean=True, at_once=True)
        with pytest.raises(redis.RedisError):
            await here.flush()
        assert await here.roster(ROOM) == (1, [bob["id"]])
    await here.flush()
    assert summary(told) == [("joined", ["Bob"], 2), ("left clean", [ada["id"]], 1)]


async def test_a_thousand_who_come_at_once_are_one_event_of_bounded_size(told: list[dict[str, Any]]) -> None:
    here = Members()
    for number in range(1000):
        here.arrive(ROOM, person(f"Visitor {number}"))
    await here.flush()
    (joined,) = told
    assert len(joined["payload"]["participants"]) == module.MOST_NAMED
    assert joined["payload"]["more"] == 1000 - module.MOST_NAMED
    assert joined["payload"]["online"] == 1000
    online, named = await here.roster(ROOM)
    assert (online, len(named)) == (1000, module.MAX_MEMBERS)


async def test_who_comes_back_within_the_grace_never_left(told: list[dict[str, Any]]) -> None:
    here, ada = Members(), person("Ada")
    here.arrive(ROOM, ada)
    await here.flush()
    here.leave(ROOM, ada["id"], clean=False)
    await here.flush()
    here.arrive(ROOM, ada)
    await here.flush()
    assert summary(told) == [("joined", ["Ada"], 1)]
    assert await here.roster(ROOM) == (1, [ada["id"]])


async def test_another_room_knows_nothing_of_it(told: list[dict[str, Any]]) -> None:
    here = Members()
    here.arrive(ROOM, person("Ada"))
    await here.flush()
    assert await here.roster(str(uuid.uuid4())) == (0, [])
    assert {event["connection"] for event in told} == {ROOM}


async def _time_is_over(process: Members) -> None:
    """Redis' own clock decides what is over, and nobody can turn it: what it holds of this process is dated back."""
    entries, processes = module._keys(ROOM)
    its = [entry for entry in await redis.client().zrange(entries, 0, -1) if process._name in entry.decode()]
    await redis.client().zadd(entries, dict.fromkeys(its, 1))
    await redis.client().zadd(processes, {process._name: 1})
