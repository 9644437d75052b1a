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
    """A command: who answers it, with what, and its guards."""

    name: str
    function: Callable[[Session, Any], Awaitable[Any]]
    payload: type[Payload]
    reply: Any
    """What its reply carries, as the function's annotation says."""
    permission: Permission
    throttle: str


entries: dict[str, Entry] = {}


def command(name: str, *, permission: Permission, throttle: str) -> Callable[[Handler], Handler]:
    """Let the function answer this command: `async def f(session: Session, payload: Its) -> ItsReply`.

    Raises TypeError, at import, where anything does not fit. The function stays what it was.
    """
    if not inspect.iscoroutinefunction(permission):
        raise TypeError(f"{name}: the permission must be an async function")
    if throttle not in THROTTLES:
        raise TypeError(f"{name}: there is no throttle {throttle!r}")

    def tag(function: Handler) -> Handler:
        if name in entries:
            raise TypeError(f"{name} is answered by {entries[name].function.__qualname__} already")
        payload, reply = _types_of(name, function)
        entries[name] = Entry(name, function, payload, reply, permission, throttle)
        return function

    return tag


def _types_of(name: str, function: Callable[..., Any]) -> tuple[type[Payload], Any]:
    if not inspect.iscoroutinefunction(function):
        raise TypeError(f"{name}: {function.__qualname__} must be an async function")
    hints = typing.get_type_hints(function)
    if "return" not in hints:
        raise TypeError(f"{name}: {function.__qualname__} does not say what it returns")
    reply = hints.pop("return")
    match list(hints.values()):
        case [session, type() as payload] if session is Session and issubclass(payload, Payload):
            return payload, reply
    raise TypeError(f"{name}: {function.__qualname__} must take (Session, its Payload)")


async def perform(session: Session, entry: Entry, body: object, throttler: Throttler) -> Any:
    """What the reply to this command carries: the one way of every command, whichever door it came in by.

    `body` is the payload as it came in. Raises BridgeError, and nothing else, where it is refused.
    """
    try:
        payload = entry.payload.model_validate(body)
    except ValidationError as error:
        raise _invalid(error) from None
    try:
        await throttler.take(entry.throttle, visitor=session.visitor, address=session.arrival.address)
        await entry.permission(session, payload)
        return await entry.function(session, payload)
    except BridgeError:
        raise
    except (OperationalError, InterfaceError) as error:
        logger.warning("The database is away: %r", error)
        text = "The server cannot do this just now. Please try again."
        raise BridgeError(Code.UNAVAILABLE, text) from error
    except Exception as error:
        logger.exception("A command failed: %s", entry.name)
        raise BridgeError(Code.INTERNAL, "Something went wrong on the server.") from error


async def answer(session: Session, text: str, throttler: Throttler) -> tuple[bytes, BridgeError | None]:
    """The one reply to a socket's frame, and what was refused in it."""
    command_id: str | None = None
    try:
        frame = _frame(text)
        command_id = _id(frame)
        entry = _entry(frame)
        payload = await perform(session, entry, frame.get("payload", {}), throttler)
        return protocol.reply_frame(command_id, payload), None
    except BridgeError as refusal:
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


def _entry(frame: dict[str, Any]) -> Entry:
    name = frame.get("command")
    if _id(frame) is None or not isinstance(name, str) or not frame.keys() <= {"command", "id", "payload"}:
        raise BridgeError(Code.INVALID_FRAME, "A frame has command and id, both text, and a payload.")
    entry = entries.get(name)
    if entry is None:
        raise BridgeError(Code.UNKNOWN_COMMAND, "There is no such command.")
    return entry


def _invalid(error: ValidationError) -> BridgeError:
    """Which field and why, without what was sent."""
    fields = {
        ".".join(map(str, each["loc"])) or "payload": each["msg"].removeprefix("Value error, ")
        for each in error.errors(include_url=False, include_context=False, include_input=False)[:5]
    }
    name, problem = next(iter(fields.items()))
    return BridgeError(Code.INVALID_PAYLOAD, f"{name}: {problem}"[:300], fields=fields)
