"""The admin: configures inboxes and rooms, shows conversations, retries failed deliveries."""

from bridge import services
from bridge.admin import blocks, inboxes, lists, mails, rooms

__all__ = ["blocks", "inboxes", "lists", "mails", "rooms"]

for _, service in services.usable():
    service.register_admin()
