"""The proof of work: whose it is, for what it counts, and how it cannot be come by."""

import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import pytest

from bridge.infra.proofs import ANSWERS, EASIER, GOOD_FOR, Demand, solve

NOW = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
DEMAND = Demand(visitor=uuid.UUID(int=7), inbox=1, after=12, bits=6, now=NOW)


@cache
def solved() -> tuple[str, tuple[int, ...]]:
    challenge = DEMAND.challenge()
    return challenge["challenge"], tuple(solve(**challenge))


def test_a_solution_counts_again_until_something_was_opened_with_it() -> None:
    challenge, answers = solved()
    assert DEMAND.is_met(challenge, answers)
    assert replace(DEMAND, now=NOW + GOOD_FOR - timedelta(seconds=1)).is_met(challenge, answers)


@pytest.mark.parametrize(
    "other",
    [
        {"visitor": uuid.UUID(int=8)},
        {"inbox": 2},
        {"after": 13},
        {"after": 0},
        {"now": NOW + GOOD_FOR},
        {"now": NOW + timedelta(days=400)},
        {"bits": DEMAND.bits + EASIER + 1},
    ],
    ids=lambda other: next(iter(other)),
)
def test_for_anything_else_than_it_was_made_for_it_counts_not(other: dict[str, Any]) -> None:
    assert not replace(DEMAND, **other).is_met(*solved())


def test_a_load_that_grew_a_little_meanwhile_does_not_matter() -> None:
    assert replace(DEMAND, bits=DEMAND.bits + EASIER).is_met(*solved())


@pytest.mark.parametrize(
    "change",
    [
        lambda challenge, answers: (challenge, answers[:-1]),
        lambda challenge, answers: (challenge, (*answers, 0)),
        lambda challenge, answers: (challenge, ()),
        lambda challenge, answers: (challenge, tuple(max(0, each - 1) for each in answers)),
        lambda challenge, answers: (challenge, tuple(sorted(answers))),
        lambda challenge, answers: (challenge, (0,) * ANSWERS),
        lambda challenge, answers: (challenge[:-1], answers),
        lambda challenge, answers: (challenge.replace(":", ""), answers),
        lambda challenge, answers: ("B" + challenge[1:], answers),
        lambda challenge, answers: ("", answers),
        lambda challenge, answers: ("é:" + challenge, answers),
        lambda challenge, answers: (challenge + "=", answers),
    ],
)
def test_nothing_else_is_a_solution(change: Any) -> None:
    challenge, answers = solved()
    # Each answer is the smallest number that is one: no smaller one in its place solves the puzzle.
    changed = change(challenge, answers)
    assert changed != solved()
    assert not DEMAND.is_met(*changed)


def test_another_tokens_signature_is_none_here(settings: Any) -> None:
    from bridge.identity import tokens

    token = tokens.issue(DEMAND.visitor).text
    assert not DEMAND.is_met(token, solve(token, 0, ANSWERS))


def test_each_challenge_is_another_so_nobody_can_compute_ahead() -> None:
    assert len({DEMAND.challenge()["challenge"] for _ in range(50)}) == 50


def test_one_bit_more_is_twice_the_work() -> None:
    """In hashes, not in seconds: each answer is how many were tried before it."""

    def tried(bits: int) -> int:
        total = 0
        for _ in range(12):
            total += sum(solve(**replace(DEMAND, bits=bits).challenge()))
        return total

    # 192 puzzles each: within a quarter of the mean, and then some.
    assert 1.4 < tried(7) / tried(6) < 2.8
