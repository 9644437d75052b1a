"""What the browser can ask for: one short function for each command, in the way that other apps write theirs."""

from bridge.commands import conversations, messages, rooms, session

__all__ = ["conversations", "messages", "rooms", "session"]
