"""Describes the socket as AsyncAPI 3: a channel, its commands with their replies, and its events."""

from typing import Any

from bridge import protocol
from bridge.infra.limits import THROTTLES
from bridge.live.registry import Entry
from bridge.schemas.described import Described

ADDRESS = "/ws/chat/"
CHANNEL = "#/channels/chat"
MESSAGES = "#/components/messages/"


def document(described: Described) -> dict[str, Any]:
    """The AsyncAPI document, from the server's side: it receives commands and sends events."""
    frames, definitions = described.frames(refer="#/components/schemas/{model}")
    messages = {f"{kind}.{name}": _message(kind, name, frame) for (kind, name), frame in frames.items()}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "ChatBridge",
            "version": str(protocol.VERSION),
            "description": f"The chat socket, subprotocol {protocol.SUBPROTOCOL}: JSON in text frames.",
            "license": {"name": "MIT"},
        },
        "defaultContentType": "application/json",
        "channels": {
            "chat": {
                "address": ADDRESS,
                "description": f"One socket for each browser tab. A frame has at most {protocol.MAX_FRAME:,} bytes.",
                "messages": {name: {"$ref": MESSAGES + name} for name in messages},
                "bindings": {"ws": {"method": "GET", "bindingVersion": "0.1.0"}},
            }
        },
        "operations": {
            **{f"command.{entry.name}": _command(entry) for entry in described.commands},
            **{
                f"event.{name}": {"action": "send", **_in_channel(f"event.{name}")}
                for name in described.events
            },
        },
        "components": {"messages": messages, "schemas": definitions},
    }


def _message(kind: str, name: str, frame: dict[str, Any]) -> dict[str, Any]:
    message: dict[str, Any] = {"name": f"{kind}.{name}", "payload": frame}
    if kind != "event":
        field = "id" if kind == "command" else "reply"
        message["correlationId"] = {"location": f"$message.payload#/{field}"}
    return message


def _command(entry: Entry) -> dict[str, Any]:
    limit = THROTTLES[entry.throttle].visitor
    often = f"At most {limit.amount} from one visitor in {limit.seconds:g} s."
    return {
        "action": "receive",
        **_in_channel(f"command.{entry.name}"),
        "description": f"{often} {entry.warning}." if entry.warning else often,
        "reply": _in_channel(f"reply.{entry.name}", "reply.error"),
    }


def _in_channel(*messages: str) -> dict[str, Any]:
    references = [{"$ref": f"{CHANNEL}/messages/{name}"} for name in messages]
    return {"channel": {"$ref": CHANNEL}, "messages": references}
