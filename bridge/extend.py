"""All that another app needs for commands and events of its own, in its `bridge_commands.py`: see docs/commands.md."""

from bridge.dependencies import From, Row
from bridge.errors import BridgeError, Code
from bridge.groups import CommandGroup, Event
from bridge.models import Connection, Contact, Message, Participant
from bridge.permissions import (
    anyone,
    author,
    member,
    message_participant,
    owner,
    participant,
    signed_in,
    started,
)
from bridge.protocol import Payload, Uuid
from bridge.sessions import Session

__all__ = [
    "BridgeError",
    "Code",
    "CommandGroup",
    "Connection",
    "Contact",
    "Event",
    "From",
    "Message",
    "Participant",
    "Payload",
    "Row",
    "Session",
    "Uuid",
    "anyone",
    "author",
    "member",
    "message_participant",
    "owner",
    "participant",
    "signed_in",
    "started",
]
