"""The Python API: conversations for code that has no socket and no service class of its own.

As in Django's ORM, everything has a synchronous and an async version: `send` and `asend`, `for` and `async for`. See
`docs/python-api.md`.
"""

from asgiref.sync import sync_to_async

from bridge.api.connections import Connection, File, Message, aconnection_for, connection_for
from bridge.api.reading import Messages, messages
from bridge.identity.revocation import revoke_token, revoke_visitor

arevoke_token = sync_to_async(revoke_token)
arevoke_visitor = sync_to_async(revoke_visitor)

__all__ = [
    "Connection",
    "File",
    "Message",
    "Messages",
    "aconnection_for",
    "arevoke_token",
    "arevoke_visitor",
    "connection_for",
    "messages",
    "revoke_token",
    "revoke_visitor",
]
