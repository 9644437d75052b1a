"""Proof of work: an unknown browser has to compute for a moment before it can open a conversation.

A challenge is signed, names its visitor, its inbox and the previous conversation (`after`), and expires. It is not
stored: once it has opened a conversation, `after` has changed. So a solution opens one conversation in any process.
"""

import base64
import itertools
import secrets
import struct
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from django.core import signing

ANSWERS = 16
"""Puzzles in one challenge. Their total time varies far less than that of one puzzle with the same amount of work."""
LEAST, MOST = 13, 18
"""Bits of each puzzle, for 131,000 hashes in total (a quarter of a second on a laptop) and for 4.2 million."""
GOOD_FOR = timedelta(minutes=5)
EASIER = 1
"""Bits by which a solution may be below the current demand, because the load may have grown while it was computed."""

_signer = signing.Signer(salt="bridge.proof")
_LAYOUT = struct.Struct(">16sQQQB8s")


@dataclass(frozen=True, slots=True)
class Demand:
    """What a visitor has to solve at this moment to open their next conversation in an inbox."""

    visitor: uuid.UUID
    inbox: int
    after: int
    bits: int
    now: datetime
    """The time of the database, because the clocks of machines may differ."""

    def challenge(self) -> dict[str, Any]:
        """All that a client needs, for the details of a refusal."""
        until = int((self.now + GOOD_FOR).timestamp())
        place = (self.visitor.bytes, self.inbox, self.after)
        value = _LAYOUT.pack(*place, until, self.bits, secrets.token_bytes(8))
        text = _signer.sign(base64.urlsafe_b64encode(value).decode())
        return {"challenge": text, "bits": self.bits, "answers": ANSWERS}

    def is_met(self, challenge: str, answers: Sequence[int]) -> bool:
        try:
            value = base64.urlsafe_b64decode(_signer.unsign(challenge))
            visitor, inbox, after, until, bits, _ = _LAYOUT.unpack(value)
        except (signing.BadSignature, ValueError, struct.error):
            return False
        seed = _seed(challenge)
        return (
            (visitor, inbox, after) == (self.visitor.bytes, self.inbox, self.after)
            and self.now.timestamp() < until
            and bits + EASIER >= self.bits
            and len(answers) == ANSWERS
            and all(_fits(seed, at, answer, bits) for at, answer in enumerate(answers))
        )


def solve(challenge: str, bits: int, answers: int) -> list[int]:
    """A client's answers. This is slow, so it belongs in a thread of its own."""
    seed = _seed(challenge)
    return [
        next(number for number in itertools.count() if _fits(seed, at, number, bits)) for at in range(answers)
    ]


def _seed(challenge: str) -> bytes:
    return sha256(challenge.encode()).digest()


def _fits(seed: bytes, at: int, answer: int, bits: int) -> bool:
    digest = sha256(seed + f"{at}:{answer}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> (64 - bits) == 0
