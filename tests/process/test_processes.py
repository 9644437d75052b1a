"""The promise, with real processes: a message that was acknowledged is everywhere, once and in order, whoever dies.

CHAOS_SEED repeats a run; CHAOS_ROUNDS makes it longer, two are usual: in each round every part dies once more.
"""

import pytest

from tests.process import everything, rooms, scenarios, webhooks
from tests.process.conftest import Report


@pytest.mark.scenario.with_args(scenarios.chaos_on_sqlite)
def test_both_sides_hold_the_same_however_the_parts_die_and_discord_misbehaves(report: Report) -> None:
    report()


@pytest.mark.scenario.with_args(scenarios.chaos_on_postgres)
@pytest.mark.postgres
def test_both_sides_hold_the_same_on_postgresql_too(report: Report) -> None:
    report()


@pytest.mark.scenario.with_args(scenarios.all_at_once)
def test_nothing_is_lost_when_all_parts_die_at_once_and_start_in_any_order(report: Report) -> None:
    report()


@pytest.mark.scenario.with_args(scenarios.paused)
def test_a_process_that_hung_does_not_repeat_what_others_did_meanwhile(report: Report) -> None:
    report()


@pytest.mark.scenario.with_args(scenarios.hung_on_postgres)
@pytest.mark.postgres
def test_nobody_waits_for_the_locks_of_a_bot_that_hung(report: Report) -> None:
    report()


@pytest.mark.scenario.with_args(scenarios.valkey_alone)
def test_nobody_waits_for_valkey(report: Report) -> None:
    report()


@pytest.mark.scenario.with_args(rooms.lost_with_their_process)
def test_who_was_in_a_room_by_a_process_that_was_killed_is_missed_within_a_minute(report: Report) -> None:
    report()


@pytest.mark.scenario.with_args(everything.everything)
def test_whatever_people_do_to_messages_is_the_same_on_all_sides(report: Report) -> None:
    report()


@pytest.mark.scenario.with_args(webhooks.survived)
def test_a_webhook_hears_each_event_once_and_in_order_whoever_carries_dies(report: Report) -> None:
    report()
