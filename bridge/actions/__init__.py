"""The only code that changes a conversation: synchronous, atomic, published when committed."""

from bridge.actions.attaching import Uploads, keep_upload
from bridge.actions.changing import delete_own_message, edit_own_message
from bridge.actions.opening import open_connection
from bridge.actions.posting import Post, Posted, fan_out, post_messages
from bridge.actions.reacting import react
from bridge.actions.receipts import is_shown, mark_read
from bridge.actions.renaming import rename
from bridge.actions.retrying import retry_own_message
from bridge.actions.rooms import enter_room, find_room, list_rooms, save_room
from bridge.actions.states import close_connection, reopen_connection
from bridge.speaking import Opening, Target

__all__ = [
    "Opening",
    "Post",
    "Posted",
    "Target",
    "Uploads",
    "close_connection",
    "delete_own_message",
    "edit_own_message",
    "enter_room",
    "fan_out",
    "find_room",
    "is_shown",
    "keep_upload",
    "list_rooms",
    "mark_read",
    "open_connection",
    "post_messages",
    "react",
    "rename",
    "reopen_connection",
    "retry_own_message",
    "save_room",
]
