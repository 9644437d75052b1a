"""Signed links to files, for staff who open them from a service without a login here."""

from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings as project
from django.core import signing
from django.utils import timezone
from django.utils.crypto import constant_time_compare

LINK_AGE = timedelta(days=365)
"""How long a link is valid after the upload. A link must never change, because the text that a service has is compared
with ours."""


def key_of(uid: UUID, *, key: str | bytes | None = None) -> str:
    return signing.Signer(key=key, salt="bridge.file").signature(uid.hex)


def link(address: str, *, site: str, uid: UUID) -> str:
    """The full URL of a file, with the key that opens it; "" if the site's own address is unknown."""
    return f"{site}{address}?key={key_of(uid)}" if site else ""


def is_signed(key: str, *, uid: UUID, created_at: datetime) -> bool:
    keys = (project.SECRET_KEY, *project.SECRET_KEY_FALLBACKS)
    fits = key.isascii() and any(constant_time_compare(key, key_of(uid, key=secret)) for secret in keys)
    return fits and timezone.now() < created_at + LINK_AGE
