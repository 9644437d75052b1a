"""Signed codes that identify a conversation in reply addresses and in unsubscribe links."""

import base64
import binascii
from enum import StrEnum
from uuid import UUID

from django.utils.crypto import constant_time_compare, salted_hmac

from bridge.identity.tokens import signing_keys

SIGNED = 16
"""Bytes of the signature. With the conversation's 16 bytes and "reply+", the local part of the address has 58
characters; 64 are allowed.
"""


class Purpose(StrEnum):
    REPLY = "reply"
    STOP = "stop"


def code_for(connection: UUID, purpose: Purpose) -> str:
    """Only lower-case letters and digits, because some mail servers change the case of addresses."""
    return _spelled(connection.bytes + _signature(connection, purpose, signing_keys()[0]))


def _spelled(whole: bytes) -> str:
    return base64.b32encode(whole).decode().rstrip("=").lower()


def read_code(text: str, purpose: Purpose) -> UUID | None:
    """The conversation's uid; None if the code is not ours or has another purpose."""
    try:
        whole = base64.b32decode(text.upper() + "=" * (-len(text) % 8))
    except (binascii.Error, ValueError):
        return None
    if len(whole) != 16 + SIGNED or _spelled(whole) != text.lower():
        return None
    connection = UUID(bytes=whole[:16])
    for key in signing_keys():
        if constant_time_compare(whole[16:], _signature(connection, purpose, key)):
            return connection
    return None


def _signature(connection: UUID, purpose: Purpose, key: str | bytes) -> bytes:
    made = salted_hmac(f"bridge.services.email.{purpose}", connection.bytes, secret=key, algorithm="sha256")
    return made.digest()[:SIGNED]
