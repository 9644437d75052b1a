"""Whatever happens, and in whatever order: what the registry announces and answers is what a simple model says.

Processes come, are killed and fall silent; sockets open and close; Redis is away, and forgets. The model knows the
sockets that are open, and what the rooms were told.
"""

import asyncio
from collections import Counter
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, NamedTuple

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from bridge.infra import redis
from bridge.presence import online
from bridge.presence.registry import AGAIN, GRACE, LIFE, PATIENCE, REFRESH, Moves, Registry
from bridge.presence.shared import Scope
from bridge.protocol.outgoing import Author
from tests.presence.clock import Clock, without_redis

SCOPES = [Scope("room", "lobby"), Scope("room", "attic"), Scope("inbox", 1)]
MEMBERS = ["ada", "bob", "cyd"]
STEP = REFRESH / 2


class Process(Registry):
    def __init__(self, machine: "Schedules") -> None:
        super().__init__(lambda moves: machine.hear(self, moves))
        self.flushed_at = float("-inf")

    def __repr__(self) -> str:
        return self._name[:4]


class Socket(NamedTuple):
    process: Process
    scope: Scope
    member: str
    identified: bool


class Closed(NamedTuple):
    """How the last socket of a member closed, in a process."""

    clean: bool
    grace: float
    at: float


def _author(member: str) -> Author:
    return {"id": member, "name": member, "role": "visitor", "service": "web", "avatar": "", "colour": ""}


class Schedules(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.patch = pytest.MonkeyPatch()
        self.clock = Clock(self.patch)
        self.run(_forget())
        self.processes = [Process(self), Process(self)]
        self.sockets: list[Socket] = []
        self.opened: dict[tuple[Process, Scope, str], float] = {}
        self.closed: dict[tuple[Process, Scope, str], Closed] = {}
        self.went: dict[tuple[Process, Scope, str], float] = {}
        # Who is in each scope, according to what was announced.
        self.view: dict[Scope, set[str]] = {scope: set() for scope in SCOPES}
        self.is_away = False
        self.forgot_at = float("-inf")

    def teardown(self) -> None:
        try:
            self.settle()
        finally:
            self.patch.undo()
            self.loop.close()

    def run(self, awaited: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(awaited)

    @property
    def now(self) -> float:
        return self.clock.monotonic()

    # ---------------------------------------------------------------- schedules

    @rule(
        process=st.integers(0, 2),
        scope=st.sampled_from(SCOPES),
        member=st.sampled_from(MEMBERS),
        identified=st.booleans(),
    )
    def open(self, process: int, scope: Scope, member: str, identified: bool) -> None:
        here = self.processes[process % len(self.processes)]
        self.opened.setdefault((here, scope, member), self.now)
        here.arrive(scope, member, identified=identified, author=_author(member))
        self.sockets.append(Socket(here, scope, member, identified))

    @precondition(lambda self: self.sockets)
    @rule(which=st.integers(0, 100), clean=st.booleans(), at_once=st.booleans())
    def close(self, which: int, clean: bool, at_once: bool) -> None:
        socket = self.sockets.pop(which % len(self.sockets))
        here, scope, member, identified = socket
        here.leave(scope, member, identified=identified, clean=clean, at_once=at_once)
        if not self._tabs(here, scope)[member]:
            del self.opened[here, scope, member]
            self.closed[here, scope, member] = Closed(clean, 0 if at_once else GRACE[clean], self.now)

    @precondition(lambda self: self.sockets)
    @rule(
        which=st.integers(0, 100),
        clean=st.booleans(),
        gap=st.sampled_from([0.0, 1.0, STEP]),
        process=st.integers(0, 2),
    )
    def reload(self, which: int, clean: bool, gap: float, process: int) -> None:
        socket = self.sockets[which % len(self.sockets)]
        self.close(which, clean, at_once=False)
        self.clock.go_on(gap)
        self.open(process, socket.scope, socket.member, socket.identified)

    @precondition(lambda self: len(self.processes) > 1)
    @rule(which=st.integers(0, 2))
    def kill(self, which: int) -> None:
        dead = self.processes.pop(which % len(self.processes))
        self.sockets = [socket for socket in self.sockets if socket.process is not dead]

    @precondition(lambda self: len(self.processes) < 3)
    @rule()
    def start(self) -> None:
        self.processes.append(Process(self))

    @rule(which=st.integers(0, 2))
    def flush(self, which: int) -> None:
        self._flush(self.processes[which % len(self.processes)])

    @rule(steps=st.integers(1, 12), silent=st.sets(st.integers(0, 2), max_size=2))
    def go_on(self, steps: int, silent: set[int]) -> None:
        for _ in range(steps):
            self.clock.go_on(STEP)
            for number, process in enumerate(self.processes):
                if number not in silent:
                    self._flush(process)

    @rule(seconds=st.sampled_from([0.5, 1.0, 4.0, 12.0]))
    def wait(self, seconds: float) -> None:
        self.clock.go_on(seconds)

    @rule()
    def redis_goes_or_is_back(self) -> None:
        self.is_away = not self.is_away

    @rule()
    def redis_forgets(self) -> None:
        self.run(_forget())
        self.forgot_at = self.now
        for members in self.view.values():
            members.clear()

    @rule()
    def settle(self) -> None:
        """Within a minute everything is as it is."""
        self.is_away = False
        for _ in range(int(60 / STEP)):
            self.clock.go_on(STEP)
            for process in self.processes:
                self._flush(process)
        for scope in SCOPES:
            there = {socket.member for socket in self.sockets if socket.scope == scope}
            # Where nobody is, there is nobody to tell.
            assert self.view[scope] == there or not there
            for process in self.processes:
                assert self.run(process.roster(scope)) == (len(there), sorted(there))
                assert self.run(process.counts([scope])) == {scope: len(there)}
            sockets = [socket for socket in self.sockets if socket.scope == scope]
            identified = {socket.member for socket in sockets if socket.identified}
            if scope.kind == "inbox":
                assert online.count(int(scope.key)) == (len(there), len(identified), len(sockets))

    def _flush(self, process: Process) -> None:
        if self.is_away:
            with without_redis(), suppress(redis.RedisError):
                self.run(process.flush())
            return
        self.run(process.flush())
        process.flushed_at = self.now
        # Whoever's grace is over is gone now, and everybody else is not.
        for scope, entries in self.run(_entries(process._name)).items():
            tabs = self._tabs(process, scope)
            assert tabs.keys() <= entries.keys() or not self._has_written_all(process)
            assert {member: tabs[member] for member in entries} == entries
            for member in entries.keys() - tabs.keys():
                assert scope.kind == "room"
                assert self.now < self.closed[process, scope, member].at + max(*GRACE.values(), PATIENCE)

    def _has_written_all(self, process: Process) -> bool:
        """Since Redis forgot what it had: with its next beat."""
        return process.flushed_at >= self.forgot_at + REFRESH

    def _tabs(self, process: Process, scope: Scope) -> Counter[str]:
        own = (socket for socket in self.sockets if (socket.process, socket.scope) == (process, scope))
        return Counter(socket.member for socket in own)

    # -------------------------------------------------------------------- model

    def hear(self, process: Process, moves: Moves) -> None:
        """What is announced changes what was announced before: each coming and going once, by one process."""
        came = {author["id"] for author in moves.came if author}
        left = [*moves.went, *moves.lost]
        view = self.view[moves.scope]
        assert len(came) == len(moves.came)
        assert view.isdisjoint(came)
        view |= came
        assert len(set(left)) == len(left)
        assert view.issuperset(left)
        view.difference_update(left)
        assert moves.online == len(view)
        for member in left:
            self._check_left(moves.scope, member)
        for member in moves.went:
            key = (process, moves.scope, member)
            assert self.closed[key].clean
            if moves.scope.kind == "room":
                # Nobody's name flickers.
                assert PATIENCE < AGAIN
                assert self.now - self.went.get(key, -PATIENCE) >= PATIENCE
                self.went[key] = self.now

    def _check_left(self, scope: Scope, member: str) -> None:
        """Nobody is announced as gone who is there, or may come back any moment, in a process that goes on."""
        for process in self.processes:
            key = (process, scope, member)
            if self.now - process.flushed_at >= LIFE - REFRESH or not self._has_written_all(process):
                continue
            if key in self.opened:
                assert self.opened[key] > process.flushed_at
            elif scope.kind == "room" and (closed := self.closed.get(key)):
                assert self.now >= closed.at + closed.grace

    @invariant()
    def redis_holds_what_was_announced(self) -> None:
        assert self.run(_members()) == list(self.view.values())

    @invariant()
    def while_redis_is_away_a_process_knows_its_own(self) -> None:
        with without_redis():
            for process in self.processes:
                for scope in SCOPES:
                    tabs = self._tabs(process, scope)
                    assert self.run(process.roster(scope)) == (len(tabs), sorted(tabs))
                    assert self.run(process.counts([scope])) == {scope: len(tabs)}


async def _forget() -> None:
    await redis.client().flushall()


async def _members() -> list[set[str]]:
    """The members of each scope, as Redis has them."""
    pipeline = redis.client().pipeline(transaction=False)
    for scope in SCOPES:
        pipeline.hkeys(scope.keys()[1])
    return [{member.decode() for member in members} for members in await pipeline.execute()]


async def _entries(name: str) -> dict[Scope, dict[str, int]]:
    """Members of this process in each scope, with their sockets, as Redis has them."""
    pipeline = redis.client().pipeline(transaction=False)
    for scope in SCOPES:
        pipeline.hgetall(scope.keys()[0])
    entries: dict[Scope, dict[str, int]] = {}
    for scope, row in zip(SCOPES, await pipeline.execute(), strict=True):
        texts = ((key.decode().split(" "), value) for key, value in row.items())
        entries[scope] = {
            member: int(value.split()[0]) for (member, process), value in texts if process == name
        }
    return entries


def test_whatever_happens_everybody_is_announced_and_counted_as_the_model_says(valkey_url: str) -> None:
    # A schedule takes a while, and is short enough to be read as it is.
    phases = (Phase.reuse, Phase.generate)
    run_state_machine_as_test(
        Schedules, settings=settings(max_examples=25, stateful_step_count=30, phases=phases)
    )
