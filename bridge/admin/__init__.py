"""The admin: inboxes to configure, history to look through, failed deliveries to try again."""

from bridge.admin import blocks, inboxes, lists, mails, rooms, webhooks

__all__ = ["blocks", "inboxes", "lists", "mails", "rooms", "webhooks"]
