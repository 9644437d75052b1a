"""The registry of commands, and how they are performed and answered."""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import orjson
from django.db import InterfaceError, OperationalError
from pydantic import ValidationError

from bridge import protocol
from bridge.errors import BridgeError, Code
from bridge.infra.throttling import Throttler
from bridge.live.permissions import Permission
from bridge.live.sessions import Session
from bridge.protocol.frames import error_frame, reply_frame
from bridge.protocol.values import Payload

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Entry:
    """A command: its function, payload, reply and guards."""

    name: str
    function: Callable[..., Awaitable[Any]]
    call: Callable[[Session, Any], Awaitable[Any]]
    """Calls the function with all its arguments; the function itself if these are just session and payload."""
    payload: type[Payload]
    reply: Any
    """The type of the reply's payload, from the function's annotation."""
    dump: Callable[[Any], Any] | None
    """Converts what the function returns to JSON, if it is not JSON already."""
    permission: Permission
    throttle: str
    deprecated: bool | str = False
    """True, or what to use instead."""

    @property
    def is_ours(self) -> bool:
        return is_ours(self.function)

    @property
    def warning(self) -> str:
        """The warning in its replies; "" if it is not deprecated."""
        instead = f": {self.deprecated}" if isinstance(self.deprecated, str) else ""
        return f"{self.name} is deprecated{instead}" if self.deprecated else ""


def is_ours(declared: Any) -> bool:
    """Whether this function or model is ChatBridge's own."""
    return str(getattr(declared, "__module__", "")).startswith("bridge.")


entries: dict[str, Entry] = {}
"""All commands by name, in the order of their declaration (`bridge.live.groups`)."""


async def perform(session: Session, entry: Entry, body: object, throttler: Throttler) -> Any:
    """Perform a command, and return the reply's payload. Every command is performed here, over the socket and HTTP.

    `body` is the unvalidated payload. Raises BridgeError, and no other error, if the command is refused or fails.
    """
    try:
        payload = entry.payload.model_validate(body)
    except ValidationError as error:
        raise refusal_of(error) from None
    try:
        await throttler.take(entry.throttle, visitor=session.visitor, address=session.handshake.address)
        await entry.permission(session, payload)
        reply = await entry.call(session, payload)
        return reply if entry.dump is None else entry.dump(reply)
    except BridgeError:
        raise
    except (OperationalError, InterfaceError) as error:
        logger.warning("The database is unavailable: %r", error)
        text = "The server cannot do this right now. Please try again."
        raise BridgeError(Code.UNAVAILABLE, text) from error
    except Exception as error:
        logger.exception("A command failed: %s", entry.name)
        raise BridgeError(Code.INTERNAL, "Something went wrong on the server.") from error


async def answer(session: Session, text: str, throttler: Throttler) -> tuple[bytes, BridgeError | None]:
    """The reply to a frame, and the refusal, if there is one."""
    command_id: str | None = None
    try:
        frame = _frame(text)
        if isinstance(value := frame.get("id"), str) and len(value) <= protocol.MAX_ID:
            command_id = value
        entry = _entry(frame, command_id)
        payload = await perform(session, entry, frame.get("payload", {}), throttler)
        return reply_frame(command_id, payload, warning=entry.warning), None
    except BridgeError as refusal:
        return error_frame(command_id, refusal), refusal


def _frame(text: str) -> dict[str, Any]:
    try:
        frame = orjson.loads(text)
    except orjson.JSONDecodeError:
        frame = None
    if not isinstance(frame, dict):
        raise BridgeError(Code.INVALID_FRAME, "A frame must be a JSON object with command, id and payload.")
    return frame


def _entry(frame: dict[str, Any], command_id: str | None) -> Entry:
    name = frame.get("command")
    if command_id is None or not isinstance(name, str) or not frame.keys() <= {"command", "id", "payload"}:
        raise BridgeError(Code.INVALID_FRAME, "A frame must have command and id, both text, and a payload.")
    entry = entries.get(name)
    if entry is None:
        raise BridgeError(Code.UNKNOWN_COMMAND, "This command does not exist.")
    return entry


def refusal_of(error: ValidationError) -> BridgeError:
    """The refusal of an invalid payload: which field and why, without the value."""
    fields = {
        ".".join(map(str, detail["loc"])) or "payload": detail["msg"].removeprefix("Value error, ")
        for detail in error.errors(include_url=False, include_context=False, include_input=False)[:5]
    }
    name, problem = next(iter(fields.items()))
    return BridgeError(Code.INVALID_PAYLOAD, f"{name}: {problem}"[:300], fields=fields)
