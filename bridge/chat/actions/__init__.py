"""The only code that changes conversations: synchronous, atomic, and published after the commit."""

from bridge.chat.actions.attaching import keep_upload
from bridge.chat.actions.changing import delete_own_message, edit_own_message
from bridge.chat.actions.opening import open_connection
from bridge.chat.actions.posting import post_messages
from bridge.chat.actions.reacting import react
from bridge.chat.actions.receipts import is_shown, mark_read
from bridge.chat.actions.renaming import rename
from bridge.chat.actions.retrying import retry_own_message
from bridge.chat.actions.rooms import enter_room, find_room, list_rooms, save_room
from bridge.chat.actions.states import close_connection, reopen_connection
from bridge.chat.speaking import Opening, Post, Posted, Target, Uploads

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
