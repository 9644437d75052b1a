"""Inspects, names, stores and links files, without database rows and requests."""

from bridge.files.keeping import FILES, THUMBNAILS, Kept, discard, keep, keep_in_turn
from bridge.files.links import is_signed, link
from bridge.files.naming import safe_name
from bridge.files.space import NoRoom, check_room, is_full, is_short
from bridge.files.workers import in_background

__all__ = [
    "FILES",
    "THUMBNAILS",
    "Kept",
    "NoRoom",
    "check_room",
    "discard",
    "in_background",
    "is_full",
    "is_short",
    "is_signed",
    "keep",
    "keep_in_turn",
    "link",
    "safe_name",
]
