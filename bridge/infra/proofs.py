"""Proof of work: a browser that nobody knows computes for a moment before a conversation is opened for it.

A challenge is signed, names its visitor, inbox and place, and runs out. It is kept nowhere: once a conversation was
opened with it, `after` is another, so a solution opens one conversation, whichever process looks at it.
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
"""Puzzles in one challenge: the time for all of them varies far less than that for one as hard as all of them."""
LEAST, MOST = 13, 18
"""Bits of each puzzle: 131,000 hashes in all, a quarter of a second of a laptop; and 4.2 million."""
GOOD_FOR = timedelta(minutes=5)
EASIER = 1
"""Bits by which a solution may fall short of what is asked by now: the load grew while it was computed."""

_signer = signing.Signer(salt="bridge.proof")
_LAYOUT = struct.Struct(">16sQQQB8s")


@dataclass(frozen=True, slots=True)
class Demand:
    """What is asked: of this visitor, in this inbox, for the conversation that comes after this one, at this moment."""

    visitor: uuid.UUID
    inbox: int
    after: int
    bits: int
    now: datetime
    """By the database's clock: the machines' own may differ."""

    def challenge(self) -> dict[str, Any]:
        """For the details of a refusal: all that a client needs."""
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
    """What a client answers. Takes its time: for a thread of its own."""
    seed = _seed(challenge)
    return [
        next(number for number in itertools.count() if _fits(seed, at, number, bits)) for at in range(answers)
    ]


def _seed(challenge: str) -> bytes:
    return sha256(challenge.encode()).digest()


def _fits(seed: bytes, at: int, answer: int, bits: int) -> bool:
    found = sha256(seed + f"{at}:{answer}".encode()).digest()
    return int.from_bytes(found[:8], "big") >> (64 - bits) == 0
