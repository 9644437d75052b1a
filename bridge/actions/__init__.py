"""The only code that changes a conversation: synchronous, atomic, published when committed."""

from bridge.actions.opening import Opening, close_connection, open_connection, reopen_connection
from bridge.actions.posting import Post, Posted, Target, fan_out, post_messages

__all__ = [
    "Opening",
    "Post",
    "Posted",
    "Target",
    "close_connection",
    "fan_out",
    "open_connection",
    "post_messages",
    "reopen_connection",
]
