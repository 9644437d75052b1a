"""A database that is away for a moment loses nothing of what Discord told: every way in tries again, in order."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from django.db import InterfaceError, OperationalError

from bridge.chat.actions import reacting, receiving
from bridge.models import Message
from bridge.sandbox import defaults
from bridge.services.discord import holding
from bridge.services.discord.bot import inspecting, lease, relay, runner
from tests.services.discord.bot.stage import Stage, db, eventually, held
from tests.services.discord.bot.test_reactions import here

Act = Callable[[Stage, str, dict[str, Any]], Awaitable[Any]]
Result = Callable[[Stage], Awaitable[bool]]


class Failing:
    """Fails the first times, then does what it stands for."""

    def __init__(self, function: Callable[..., Any], error: Exception, *, times: int = 3) -> None:
        self.function, self.error, self.times, self.calls = function, error, times, 0

    def __call__(self, *args: Any, **options: Any) -> Any:
        self.calls += 1
        if self.calls <= self.times:
            raise self.error
        return self.function(*args, **options)


async def post(stage: Stage, thread: str, said: dict[str, Any]) -> None:
    await stage.sandbox.post_as("ada", thread, "News")


async def edit(stage: Stage, thread: str, said: dict[str, Any]) -> None:
    await stage.sandbox.edit(thread, said["id"], "Changed")


async def delete(stage: Stage, thread: str, said: dict[str, Any]) -> None:
    await stage.sandbox.delete(thread, said["id"])


async def react(stage: Stage, thread: str, said: dict[str, Any]) -> None:
    await stage.sandbox.react_as("ada", thread, said["id"], "👍")


async def clear(stage: Stage, thread: str, said: dict[str, Any]) -> None:
    await stage.sandbox.react_as("ada", thread, said["id"], "👍")
    await eventually(lambda: here("Answer"))
    await stage.sandbox.clear_reactions(thread, said["id"])


async def post_odd(stage: Stage, thread: str, said: dict[str, Any]) -> None:
    odd = {"interaction_metadata": {"id": "1", "type": 2, "authorizing_integration_owners": {}}}
    await stage.sandbox.make_odd(match={"content": "Odd"}, put=odd)
    await stage.sandbox.post_as("ada", thread, "Odd")


def reads(*texts: str) -> Result:
    async def same(stage: Stage) -> bool:
        return await stage.page() == list(texts)

    return same


async def reacted(stage: Stage) -> bool:
    return await here("Answer") == {"👍": {"Ada"}}


async def cleared(stage: Stage) -> bool:
    return await here("Answer") == {}


async def gap(stage: Stage) -> bool:
    return await db(lambda: Message.objects.filter(kind="gap").count() == 1)


@pytest.mark.parametrize(
    "error", [OperationalError("server closed"), InterfaceError("connection already closed")]
)
@pytest.mark.parametrize(
    ("module", "name", "act", "result"),
    [
        (receiving, "receive_message", post, reads("Hello", "Answer", "News")),
        (receiving, "move_watermark", post, reads("Hello", "Answer", "News")),
        (receiving, "receive_edit", edit, reads("Hello", "Changed")),
        (receiving, "receive_delete", delete, reads("Hello")),
        (receiving, "receive_unreadable", post_odd, gap),
        (reacting, "receive_reaction", react, reacted),
        (reacting, "receive_clearing", clear, cleared),
        (relay, "endpoint_of", post, reads("Hello", "Answer", "News")),
    ],
    ids=lambda value: getattr(value, "__name__", None) if callable(value) else str(value)[:20],
)
async def test_what_could_not_be_stored_is_stored_later(
    up: Stage,
    module: Any,
    name: str,
    act: Act,
    result: Result,
    error: Exception,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(relay, "LONGEST_PAUSE", 0.05)
    thread = await up.converse("Hello")
    said = await up.sandbox.post_as("ada", thread, "Answer")
    await up.page_shows("Hello", "Answer")
    await eventually(lambda: not up.bot.relay._lanes)
    failing = Failing(getattr(module, name), error)
    monkeypatch.setattr(module, name, failing)
    await act(up, thread, said)

    async def there() -> bool:
        return failing.calls > failing.times and await result(up)

    await eventually(there)
    # In order with what comes after it.
    await up.sandbox.post_as("grace", thread, "After it")
    await eventually(lambda: Message.objects.filter(content="After it").aexists())
    assert up.server.sandbox.gateway.identifies == 1


@pytest.mark.parametrize(
    "error", [OperationalError("server closed"), InterfaceError("connection already closed")]
)
@pytest.mark.parametrize(("module", "name"), [(inspecting, "_everything"), (holding, "note_state")])
async def test_what_is_found_of_an_inbox_is_noted_later(
    up: Stage, module: Any, name: str, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, name, Failing(getattr(module, name), error, times=2))
    await up.sandbox.permit(defaults.SUPPORT_CHANNEL_ID, "send_messages", False)
    cog: Any = up.bot.cogs["RelayCog"]

    async def noted() -> str:
        await cog.inspect()
        return await held("default")

    assert "Send Messages" in await eventually(noted)


@pytest.mark.parametrize(
    "error", [OperationalError("server closed"), InterfaceError("connection already closed")]
)
@pytest.mark.parametrize(("module", "name"), [(lease, "acquire"), (inspecting, "_everything")])
async def test_a_database_that_is_away_at_the_start_is_waited_for(
    stage: Stage, module: Any, name: str, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "SHORTEST_PAUSE", 0.05)
    failing = Failing(getattr(module, name), error, times=2)
    monkeypatch.setattr(module, name, failing)
    await stage.start()
    assert failing.calls > 2
    await stage.converse("Hello")
