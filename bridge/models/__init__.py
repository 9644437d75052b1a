"""The database models: inboxes, connections, messages, and their deliveries to services."""

from bridge.models.connections import Advance, Connection, Endpoint, Participant, Room
from bridge.models.deliveries import Cursor, Delivery, Lease, RemoteMessage, RemotePart
from bridge.models.inboxes import WEB, Inbox
from bridge.models.mails import RefusedMail
from bridge.models.messages import Attachment, Emoji, Message, MessageVersion, Reaction
from bridge.models.visitors import Block, Contact, RevokedToken
from bridge.models.webhooks import Webhook

__all__ = [
    "WEB",
    "Advance",
    "Attachment",
    "Block",
    "Connection",
    "Contact",
    "Cursor",
    "Delivery",
    "Emoji",
    "Endpoint",
    "Inbox",
    "Lease",
    "Message",
    "MessageVersion",
    "Participant",
    "Reaction",
    "RefusedMail",
    "RemoteMessage",
    "RemotePart",
    "RevokedToken",
    "Room",
    "Webhook",
]
