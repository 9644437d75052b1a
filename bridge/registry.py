"""Which function answers which command, and what guards it."""

import inspect
import logging
import typing
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import orjson
from django.db import InterfaceError, OperationalError
from pydantic import ValidationError

from bridge import protocol
from bridge.errors import BridgeError, Code
from bridge.permissions import Permission
from bridge.protocol import Payload
from bridge.sessions import Session
from bridge.throttling import THROTTLES, Throttler

logger = logging.getLogger(__name__)

Handler = TypeVar("Handler", bound=Callable[..., Awaitable[Any]])


@dataclass(frozen=True, slots=True)
class Entry:
    """A command: who answers it, and its guards."""

    name: str
    function: Callable[[Session, Any], Awaitable[Any]]
    payload: type[Payload]
    permission: Permission
    throttle: str


entries: dict[str, Entry] = {}


def command(name: str, *, permission: Permission, throttle: str) -> Callable[[Handler], Handler]:
    """Let the function answer this command: `async def f(session: Session, payload: Its) -> …`.

    Raises TypeError, at import, where anything does not fit. The function stays what it was.
    """
    if not inspect.iscoroutinefunction(permission):
        raise TypeError(f"{name}: the permission must be an async function")
    if throttle not in THROTTLES:
        raise TypeError(f"{name}: there is no throttle {throttle!r}")

    def tag(function: Handler) -> Handler:
        if name in entries:
            raise TypeError(f"{name} is answered by {entries[name].function.__qualname__} already")
        entries[name] = Entry(name, function, _payload_of(name, function), permission, throttle)
        return function

    return tag


def _payload_of(name: str, function: Callable[..., Any]) -> type[Payload]:
    if not inspect.iscoroutinefunction(function):
        raise TypeError(f"{name}: {function.__qualname__} must be an async function")
    if name not in protocol.COMMANDS:
        raise TypeError(f"{name} is no command of the protocol")
    expected = protocol.COMMANDS[name][0]
    if list(typing.get_type_hints(function).values())[:2] != [Session, expected]:
        raise TypeError(f"{name}: {function.__qualname__} must take (Session, {expected.__name__})")
    return expected


async def answer(session: Session, text: str, throttler: Throttler) -> tuple[bytes, BridgeError | None]:
    """The one reply to a frame, and what was refused in it. Every command takes this way and no other."""
    command_id: str | None = None
    try:
        frame = _frame(text)
        command_id = _id(frame)
        entry, payload = _command(frame)
        await throttler.take(entry.throttle, visitor=session.visitor, address=session.arrival.address)
        await entry.permission(session, payload)
        return protocol.reply_frame(command_id, await entry.function(session, payload)), None
    except BridgeError as error:
        refusal = error
    except (OperationalError, InterfaceError) as error:
        logger.warning("The database is away: %r", error)
        refusal = BridgeError(Code.UNAVAILABLE, "The server cannot do this just now. Please try again.")
    except Exception:
        logger.exception("A command failed")
        refusal = BridgeError(Code.INTERNAL, "Something went wrong on the server.")
    return protocol.error_frame(command_id, refusal), refusal


def _frame(text: str) -> dict[str, Any]:
    try:
        frame = orjson.loads(text)
    except orjson.JSONDecodeError:
        frame = None
    if not isinstance(frame, dict):
        raise BridgeError(Code.INVALID_FRAME, "A frame is a JSON object with command, id and payload.")
    return frame


def _id(frame: dict[str, Any]) -> str | None:
    value = frame.get("id")
    return value if isinstance(value, str) and len(value) <= protocol.MAX_ID else None


def _command(frame: dict[str, Any]) -> tuple[Entry, Payload]:
    name, body = frame.get("command"), frame.get("payload", {})
    if _id(frame) is None or not isinstance(name, str) or not frame.keys() <= {"command", "id", "payload"}:
        raise BridgeError(Code.INVALID_FRAME, "A frame has command and id, both text, and a payload.")
    entry = entries.get(name)
    if entry is None:
        raise BridgeError(Code.UNKNOWN_COMMAND, "There is no such command.")
    try:
        return entry, entry.payload.model_validate(body)
    except ValidationError as error:
        raise _invalid(error) from None


def _invalid(error: ValidationError) -> BridgeError:
    """Which field and why, without what was sent."""
    fields = {
        ".".join(map(str, each["loc"])) or "payload": each["msg"].removeprefix("Value error, ")
        for each in error.errors(include_url=False, include_context=False, include_input=False)[:5]
    }
    name, problem = next(iter(fields.items()))
    return BridgeError(Code.INVALID_PAYLOAD, f"{name}: {problem}"[:300], fields=fields)
