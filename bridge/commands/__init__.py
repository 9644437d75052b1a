"""The commands of browsers: a short function for each, declared as other apps declare theirs."""

from bridge.commands import conversations, messages, rooms, session

__all__ = ["conversations", "messages", "rooms", "session"]
