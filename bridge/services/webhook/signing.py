"""Signatures as the Standard Webhooks specification has them, version 1.0.0: HMAC-SHA256, `v1`.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence

from bridge.errors import BridgeError, Code

TOLERANCE = 300
"""Seconds that a timestamp may be away from our clock, either way."""
MOST_SIGNATURES = 10

ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"

_NUMBER = re.compile(r"[0-9]{1,12}", re.ASCII)
_ID = re.compile(r"[\w-]{1,200}", re.ASCII)


def headers(*, event: str, body: bytes, secrets: Sequence[str], now: float) -> dict[str, str]:
    """The three headers of an event, signed with each of the secrets. `now` in seconds since 1970."""
    timestamp = str(int(now))
    signed = " ".join(
        f"v1,{base64.b64encode(_sign(secret, event, timestamp, body)).decode()}" for secret in secrets
    )
    return {ID: event, TIMESTAMP: timestamp, SIGNATURE: signed}


def verify(given: Mapping[str, str], *, body: bytes, secrets: Sequence[str], now: float) -> None:
    """Whether this comes from somebody who has one of the secrets, and was signed just now.

    Raises BridgeError `not_identified`.
    """
    event, timestamp = given.get(ID, ""), given.get(TIMESTAMP, "")
    if not _ID.fullmatch(event) or not _NUMBER.fullmatch(timestamp) or not given.get(SIGNATURE):
        raise BridgeError(
            Code.NOT_IDENTIFIED, f"The headers {ID}, {TIMESTAMP} (in seconds) and {SIGNATURE} are required."
        )
    if abs(now - int(timestamp)) > TOLERANCE:
        raise BridgeError(
            Code.NOT_IDENTIFIED,
            f"{TIMESTAMP} differs by more than {TOLERANCE} seconds from the server's time.",
        )
    wanted = [_sign(secret, event, timestamp, body) for secret in secrets]
    found = [_read(each) for each in given[SIGNATURE].split(" ")[:MOST_SIGNATURES]]
    # Each with each, and none left out once one fits: how long it takes says nothing.
    if sum(hmac.compare_digest(right, each) for right in wanted for each in found) == 0:
        raise BridgeError(Code.NOT_IDENTIFIED, "The signature is invalid.")


def _sign(secret: str, event: str, timestamp: str, body: bytes) -> bytes:
    key = base64.b64decode(secret.removeprefix("whsec_"))
    return hmac.digest(key, f"{event}.{timestamp}.".encode() + body, hashlib.sha256)


def _read(signature: str) -> bytes:
    """The bytes of one of `v1`; none of another kind."""
    version, _, value = signature.partition(",")
    try:
        return base64.b64decode(value, validate=True) if version == "v1" and value.isascii() else b""
    except (binascii.Error, ValueError):
        return b""
