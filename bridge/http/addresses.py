"""All operations of the HTTP API, with their methods and paths."""

from collections.abc import Mapping
from typing import Any

from bridge.http import entries, staff
from bridge.http.operations import Method, Operation, guarded, older
from bridge.http.visitors import IN_INBOX, IN_ROOM, visitor, visitor_at_message, visitor_in_room
from bridge.live.registry import Entry
from bridge.live.registry import entries as commands


def _later(reply: Any) -> Mapping[str, Any]:
    """The position after these changes."""
    return {"since": reply["revision"]}


def _earlier(reply: Any) -> Mapping[str, Any] | None:
    return {"before": reply["connections"][-1]["uid"]} if reply["has_more"] else None


def _visitors(method: Method, path: str, entry: Entry | str, summary: str, **more: Any) -> Operation:
    entry = commands[entry] if isinstance(entry, str) else entry
    guard, places = visitor, IN_INBOX
    if path.startswith("messages/"):
        guard, places = visitor_at_message, IN_ROOM
    elif "{room}" in path and entry.name != "room.join":
        guard, places = visitor_in_room, IN_ROOM
    return Operation(method, path, guarded(entry, guard), summary, places=places, **more)


_READ = "connections/{connection}/messages"
_IN_ROOM = "rooms/{room}/messages"
_REACTION = "messages/{message}/reactions/{emoji}"


def operations() -> list[Operation]:
    """All operations, in the order of the published description."""
    start, text = commands["session.start"], "Start as a new visitor, or continue as the visitor of a token"
    return [
        Operation("POST", "session", start, text, status=201, caller="anyone"),
        _visitors("DELETE", "session", entries.end, "Revoke the token", status=204),
        _visitors(
            "GET",
            "connections",
            "connection.list",
            "List the visitor's conversations, latest activity first",
            next_page=_earlier,
        ),
        _visitors("GET", _READ, "history.page", "Get a page of messages, newest first", next_page=older),
        _visitors("POST", _READ, "message.send", "Write in a conversation", status=201),
        _visitors(
            "GET",
            "connections/{connection}/changes",
            "connection.sync",
            "Get the changes since a revision",
            next_page=_later,
        ),
        _visitors("POST", "connections/{connection}/read", "receipt.read", "Mark messages as read"),
        _visitors("POST", "connections/{connection}/close", "connection.close", "Close a conversation"),
        _visitors("POST", "connections/{connection}/reopen", "connection.reopen", "Reopen a conversation"),
        _visitors(
            "POST", "messages", entries.open_with, "Write in the open conversation or open one", status=201
        ),
        _visitors("PATCH", "messages/{message}", "message.edit", "Edit a message"),
        _visitors("DELETE", "messages/{message}", "message.delete", "Delete a message"),
        _visitors("POST", "messages/{message}/retry", "message.retry", "Retry a failed message"),
        _visitors("PUT", _REACTION, "reaction.add", "React to a message"),
        _visitors("DELETE", _REACTION, "reaction.remove", "Remove a reaction"),
        _visitors("GET", "rooms", "room.list", "List the public rooms"),
        _visitors("POST", "rooms/{room}/join", "room.join", "Join a room with a nick"),
        _visitors("GET", "rooms/{room}/members", entries.room_members, "List the members who are online"),
        _visitors(
            "GET", _IN_ROOM, entries.room_messages, "Get a page of messages, newest first", next_page=older
        ),
        _visitors("POST", _IN_ROOM, entries.room_send, "Write in a room", status=201),
        _visitors(
            "GET",
            "rooms/{room}/changes",
            entries.room_changes,
            "Get the changes since a revision",
            next_page=_later,
        ),
        *staff.operations(),
    ]
