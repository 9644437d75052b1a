"""Signed links: for staff who follow one from a service, where nobody is logged in here."""

from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings as project
from django.core import signing
from django.utils import timezone
from django.utils.crypto import constant_time_compare

LINK_AGE = timedelta(days=365)
"""How long a link opens its file, counted from when the file was uploaded. The text with it must never change:
what a service holds is compared with it."""


def key_of(uid: UUID, *, key: str | bytes | None = None) -> str:
    return signing.Signer(key=key, salt="bridge.file").signature(uid.hex)


def link(address: str, *, site: str, uid: UUID) -> str:
    """The whole address of a file, with the key that opens it. Empty where the site's own is not known."""
    return f"{site}{address}?key={key_of(uid)}" if site else ""


def is_signed(key: str, *, uid: UUID, created_at: datetime) -> bool:
    keys = (project.SECRET_KEY, *project.SECRET_KEY_FALLBACKS)
    fits = key.isascii() and any(constant_time_compare(key, key_of(uid, key=each)) for each in keys)
    return fits and timezone.now() < created_at + LINK_AGE
