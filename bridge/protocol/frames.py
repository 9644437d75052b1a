"""Outgoing frames, each serialised once."""

from datetime import UTC, datetime
from typing import Any

import orjson

from bridge.errors import BridgeError, Code
from bridge.protocol import MAX_CONTENT


def rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def event_frame(
    event: str,
    payload: Any,
    *,
    connection: str | None = None,
    since: int | None = None,
    revision: int | None = None,
) -> bytes:
    """Return an event, serialised once for everyone who may see it."""
    frame: dict[str, Any] = {"event": event, "payload": payload}
    if connection is not None:
        frame["connection"] = connection
    if revision is not None:
        frame |= {"since": since, "revision": revision}
    return orjson.dumps(frame)


def reply_frame(command_id: str | None, payload: Any, *, warning: str = "") -> bytes:
    frame = {"reply": command_id, "ok": True, "payload": payload}
    if warning:
        frame["warning"] = warning
    return orjson.dumps(frame)


def error_frame(command_id: str | None, error: BridgeError) -> bytes:
    return orjson.dumps({"reply": command_id, "ok": False, "error": error.body()})


def too_long(content: str) -> BridgeError:
    return BridgeError(
        Code.TOO_LARGE,
        f"The message has {len(content):,} characters; {MAX_CONTENT:,} are allowed.",
        length=len(content),
        limit=MAX_CONTENT,
    )


def muted(until: datetime) -> BridgeError:
    return BridgeError(Code.NOT_PERMITTED, "You are muted for now.", muted_until=rfc3339(until))
