"""The admin: inboxes to configure, history to look through, failed deliveries to try again."""

from bridge.admin import inboxes, lists

__all__ = ["inboxes", "lists"]
