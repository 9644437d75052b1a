"""The admin: inboxes to configure, history to look through, failed deliveries to try again."""

from bridge import services
from bridge.admin import blocks, inboxes, lists, mails, rooms

__all__ = ["blocks", "inboxes", "lists", "mails", "rooms"]

for _, service in services.usable():
    service.register_admin()
