"""Everything that another app needs to declare commands and events in its `bridge_commands.py`: docs/commands.md."""

from bridge.errors import BridgeError, Code
from bridge.live.dependencies import From, Row
from bridge.live.groups import CommandGroup, Event
from bridge.live.permissions import (
    anyone,
    author,
    member,
    message_participant,
    owner,
    participant,
    signed_in,
    started,
)
from bridge.live.sessions import Session
from bridge.models import Connection, Contact, Message, Participant
from bridge.protocol.values import Payload, Uuid

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
