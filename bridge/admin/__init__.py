"""The admin: inboxes to configure, history to look through, failed deliveries to try again."""

from bridge.admin import inboxes, lists, rooms

__all__ = ["inboxes", "lists", "rooms"]
