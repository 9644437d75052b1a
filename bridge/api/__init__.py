"""The Python API: conversations for code that wants neither a socket nor a class of its own for its service.

As in Django's ORM, everything is there twice, `send` and `asend`, and what can be looped over takes `for` and
`async for`. `docs/python-api.md` tells it from the beginning.
"""

from bridge.api.connections import Connection, File, Message, aconnection_for, connection_for
from bridge.api.reading import Messages, messages
from bridge.api.revoking import arevoke_token, arevoke_visitor, revoke_token, revoke_visitor

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
