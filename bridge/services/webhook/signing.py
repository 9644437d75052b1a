"""Signatures of the Standard Webhooks specification, version 1.0.0, with its own library.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from bridge.errors import BridgeError, Code

MOST_SIGNATURES = 10

ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"

_NUMBER = re.compile(r"[0-9]{1,12}", re.ASCII)
_ID = re.compile(r"[\w-]{1,200}", re.ASCII)
# The library fails at anything else in the header, even beside a valid signature.
_SIGNATURE = re.compile(r"v1,[A-Za-z0-9+/]{43}=", re.ASCII)


def headers(*, event: str, body: bytes, secrets: Sequence[str], now: float) -> dict[str, str]:
    """The three headers of an event, with a signature for each secret. `now` is in seconds since 1970."""
    moment = datetime.fromtimestamp(int(now), UTC)
    signatures = [Webhook(secret).sign(event, moment, body.decode()) for secret in secrets]
    return {ID: event, TIMESTAMP: str(int(now)), SIGNATURE: " ".join(signatures)}


def verify(given: Mapping[str, str], *, body: bytes, secrets: Sequence[str]) -> None:
    """Check that the body was signed with one of the secrets within the last five minutes.

    Raises BridgeError `not_identified`.
    """
    event, timestamp, signature = (given.get(name, "") for name in (ID, TIMESTAMP, SIGNATURE))
    if not _ID.fullmatch(event) or not _NUMBER.fullmatch(timestamp) or not signature:
        raise BridgeError(
            Code.NOT_IDENTIFIED, f"The headers {ID}, {TIMESTAMP} (in seconds) and {SIGNATURE} are required."
        )
    readable = filter(_SIGNATURE.fullmatch, signature.split(" ")[:MOST_SIGNATURES])
    checked = {ID: event, TIMESTAMP: timestamp, SIGNATURE: " ".join(readable)}
    problem: Exception | None = None
    for secret in secrets:
        try:
            Webhook(secret).verify(body, checked, json_parse=False)
        except (WebhookVerificationError, UnicodeDecodeError) as error:
            problem = error
        else:
            return
    raise BridgeError(Code.NOT_IDENTIFIED, f"The signature was refused: {problem}.")
