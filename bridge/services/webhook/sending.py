"""One signed POST to a webhook: who may be asked, for how long, and what its answer means."""

import time
from dataclasses import dataclass

import aiohttp
from yarl import URL

from bridge import __version__
from bridge.models import Webhook
from bridge.services.webhook import signing
from bridge.services.webhook.addresses import guarded

ANSWER_WITHIN = 15.0
"""Seconds, as the specification recommends."""
LONGEST_REST = 3600
"""Seconds, however long it asks to be left alone."""


@dataclass(frozen=True)
class Answered:
    """`rest`: seconds for which it asked to be left alone."""

    status: int
    rest: float


class Sender:
    """Follows no redirect, keeps no cookie, uses no proxy of the environment and reads no answer's body."""

    def __init__(self) -> None:
        self._sessions: dict[bool, aiohttp.ClientSession] = {}

    async def send(self, webhook: Webhook, *, event: str, body: bytes) -> Answered:
        """Raises aiohttp.ClientError, OSError and TimeoutError."""
        signed = signing.headers(event=event, body=body, secrets=webhook.secrets(), now=time.time())
        url = URL(webhook.url)
        headers = {**signed, "Content-Type": "application/json"}
        session = self._session(encrypted=url.scheme == "https")
        limit = aiohttp.ClientTimeout(total=ANSWER_WITHIN)
        async with session.post(
            url, data=body, headers=headers, timeout=limit, allow_redirects=False
        ) as response:
            return Answered(response.status, _rest(response.headers.get("Retry-After", "")))

    def _session(self, *, encrypted: bool) -> aiohttp.ClientSession:
        if encrypted not in self._sessions:
            self._sessions[encrypted] = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(socket_factory=guarded(encrypted=encrypted)),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": f"ChatBridge/{__version__}"},
                auto_decompress=False,
                trust_env=False,
            )
        return self._sessions[encrypted]

    async def close(self) -> None:
        for session in self._sessions.values():
            await session.close()
        self._sessions.clear()


def _rest(text: str) -> float:
    """What Retry-After says, in seconds. A date, which hardly anybody sends, counts as nothing said."""
    return (
        float(min(int(text), LONGEST_REST)) if text.isascii() and text.isdecimal() and len(text) < 10 else 0.0
    )
