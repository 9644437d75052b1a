"""Where something could fall between two looks at a thread, each time with what is said afterwards."""

from types import SimpleNamespace
from typing import Any

import pytest

from bridge.models import Endpoint
from bridge.services.discord.bot.incoming import author_of
from bridge.services.discord.bot.intake import Intake
from bridge.services.discord.bot.lanes import Compare, Posted
from tests.services.discord.bot.stage import Stage, db, eventually


async def forget_thread(stage: Stage) -> None:
    """As it is while another process waits for the answer to its opening."""
    await db(lambda: Endpoint.objects.update(remote_id=None, watermark=None))


async def learn_thread(stage: Stage, thread: str) -> None:
    """Another process got that answer."""
    await db(lambda: Endpoint.objects.update(remote_id=thread, watermark=int(thread)))


async def test_a_look_that_ends_after_a_new_session_began_does_not_hide_what_that_missed(
    up: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    thread = await up.converse("Hello")
    compare = Intake._compare

    async def slow(intake: Intake, endpoint: Endpoint, event: Compare) -> bool:
        found = await compare(intake, endpoint, event)
        # The page is read; now something is said that no event tells of, and the threads are listed again.
        await up.sandbox.fault("withhold", event="MESSAGE_CREATE", content="Missed", times=1)
        await up.sandbox.post_as("ada", thread, "Missed")
        up.bot.relay.caught_up({int(thread)})
        return found

    monkeypatch.setattr(Intake, "_compare", slow)
    up.bot.relay.see(int(thread), Compare())
    await up.page_shows("Hello", "Missed")


async def test_a_thread_that_no_list_had_is_read_before_what_comes_in_it(up: Stage) -> None:
    """Deleted in a new session's first moment, it takes along what was missed; what is replayed must not show alone."""
    thread = await up.converse("Hello")
    await up.sandbox.fault("withhold", event="MESSAGE_CREATE", content="Missed", times=1)
    await up.sandbox.post_as("ada", thread, "Missed")
    up.bot.relay.fall_behind()
    up.bot.relay.caught_up(set())
    await up.sandbox.post_as("ada", thread, "Live")
    await up.page_shows("Hello", "Missed", "Live")


@pytest.mark.parametrize("was_listed", [True, False])
async def test_what_is_replayed_of_a_deleted_thread_is_not_shown_behind_a_hole(
    up: Stage, was_listed: bool
) -> None:
    thread = await up.converse("Hello")
    for text in ("Missed", "Live"):
        await up.sandbox.fault("withhold", event="MESSAGE_CREATE", content=text, times=1)
    await up.sandbox.fault("withhold", event="THREAD_DELETE", times=1)
    await up.sandbox.post_as("ada", thread, "Missed")
    live = await up.sandbox.post_as("ada", thread, "Live")
    there = await up.bot.get_partial_messageable(int(thread)).fetch_message(int(live["id"]))
    await up.sandbox.remove(thread)
    up.bot.relay.fall_behind()
    up.bot.relay.caught_up({int(thread)} if was_listed else set())
    await eventually(lambda: not up.bot.relay._lanes)
    up.bot.relay.see(int(thread), Posted(there))
    await eventually(lambda: not up.bot.relay._lanes)
    await up.page_shows("Hello")


async def test_what_was_said_before_another_process_made_the_thread_known_is_read(up: Stage) -> None:
    thread = await up.converse("Hello")
    await forget_thread(up)
    await up.sandbox.post_as("ada", thread, "First")
    await eventually(lambda: int(thread) in up.bot.relay._strangers)
    await learn_thread(up, thread)
    await up.sandbox.post_as("ada", thread, "Second")
    await up.page_shows("Hello", "First", "Second")


async def test_what_was_said_while_away_in_a_thread_that_is_not_known_yet_is_read(up: Stage) -> None:
    thread = await up.converse("Hello")
    await up.stop()
    await forget_thread(up)
    await up.sandbox.post_as("ada", thread, "First")
    await up.start()
    await learn_thread(up, thread)
    await up.sandbox.post_as("ada", thread, "Second")
    await up.page_shows("Hello", "First", "Second")


async def test_one_channel_that_cannot_be_listed_does_not_keep_the_others_from_being_compared(
    up: Stage,
) -> None:
    thread = await up.converse("Hello")
    up.bot.listed = False
    await up.sandbox.fault("withhold", event="MESSAGE_CREATE", content="Lost", times=1)
    await up.sandbox.post_as("ada", thread, "Lost")
    await up.bot.cogs["RelayCog"].sweep()  # type: ignore[attr-defined]
    await up.page_shows("Hello", "Lost")


def test_a_name_that_no_database_takes_holds_up_nobody() -> None:
    user: Any = SimpleNamespace(
        id=1,
        display_name="A\x00d\ud83da",
        display_avatar=SimpleNamespace(url="https://cdn.example.com/a.png"),
    )
    assert author_of(user).nick == "Ada"
