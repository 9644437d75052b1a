"""What an error of Discord, or of the way to it, means for a delivery (rules 3 and 5)."""

import contextlib
from collections.abc import Callable

import aiohttp
import discord

from bridge.errors import DeliveryFailed
from bridge.services.base import MESSAGE_GONE, NOT_PERMITTED, THREAD_GONE, current_attempt

# Discord's JSON error codes, from its API documentation.
UNKNOWN_CHANNEL = 10003
UNKNOWN_GUILD = 10004
UNKNOWN_MESSAGE = 10008
UNKNOWN_EMOJI = 10014
UNKNOWN_WEBHOOK = 10015
THREAD_ALREADY_STARTED = 160004
THREAD_LOCKED = 160005
TOO_MANY_ACTIVE_THREADS = 160006
THREAD_ARCHIVED = 50083
REFUSALS = {
    50035: "refused",
    50006: "refused",
    30046: "edited_too_often",
    200000: "blocked_by_automod",
    200001: "blocked_by_automod",
    240000: "blocked_link",
    40005: "too_large",
    UNKNOWN_EMOJI: "unknown_emoji",
    30010: "too_many_reactions",
    90001: "reaction_blocked",
}
"""This content is refused and will be tomorrow. The message itself is at fault."""
SLOW_DOWN = frozenset({20016, 20022, 20028, 40062, 130000})
"""Slow mode, limits of a channel or server, overload: it passes."""
TOO_MANY_THREADS = "too_many_threads"
LOCKED = "The thread is locked: unlock it in Discord, or give the bot “Manage Threads”."


def failure_of(error: Exception, *, opening: bool) -> DeliveryFailed:
    """What an exception of discord.py or aiohttp says of a delivery."""
    attempt = current_attempt()
    certain = attempt is None or not attempt.uncertain
    if isinstance(error, discord.HTTPException):
        reason, detail, permanent = _verdict(error, opening=opening)
        return DeliveryFailed(reason, detail, permanent=permanent and certain, certain=certain)
    return DeliveryFailed(
        "unreachable",
        f"Discord cannot be reached: {error or type(error).__name__}",
        permanent=False,
        certain=certain,
    )


def _verdict(error: discord.HTTPException, *, opening: bool) -> tuple[str, str, bool]:
    """The reason, a sentence for staff, and whether the content is to blame."""
    said = f"Discord said: {error.text or error.status} ({error.status}, code {error.code})"[:300]
    if error.code in REFUSALS:
        return REFUSALS[error.code], said, True
    if error.code == UNKNOWN_CHANNEL:
        if opening:
            return NOT_PERMITTED, "The inbox's Discord channel is gone: set another in the admin.", False
        return THREAD_GONE, said, False
    if error.code == UNKNOWN_MESSAGE:
        return MESSAGE_GONE, said, False
    if error.code in {THREAD_LOCKED, THREAD_ARCHIVED}:
        # A post wakes an archived thread by itself: where it does not, the thread is locked as well.
        return NOT_PERMITTED, LOCKED, False
    if error.code == TOO_MANY_ACTIVE_THREADS:
        # Room was made, and somebody else took it: it says nothing of this message.
        return TOO_MANY_THREADS, said, False
    if error.status in {401, 403} or error.code == UNKNOWN_GUILD:
        return NOT_PERMITTED, f"The bot may not do this in Discord: check its permissions. {said}", False
    if error.status == 429 or error.code in SLOW_DOWN:
        return "rate_limited", "Discord asks us to slow down.", False
    if error.status >= 500:
        return "unreachable", said, False
    if error.status == 413:
        return "too_large", said, True
    # Without a code it was not Discord that spoke, but something on the way to it.
    return f"refused_{error.code or error.status}", said, error.code != 0


def http_trace(on_invalid: Callable[[], None]) -> aiohttp.TraceConfig:
    """Ask the attempt before each write, and tell it what came back: discord.py repeats requests by itself.

    `on_invalid` is called for each answer that Discord counts towards a ban of the address.
    """
    trace = aiohttp.TraceConfig()

    async def start(_session: object, _context: object, params: aiohttp.TraceRequestStartParams) -> None:
        if (attempt := current_attempt()) is not None:
            attempt.begin(write=params.method != "GET")

    async def end(_session: object, _context: object, params: aiohttp.TraceRequestEndParams) -> None:
        if params.response.status in {401, 403, 429}:
            on_invalid()
        if (attempt := current_attempt()) is not None:
            attempt.answered(params.response.status)
            attempt.rest = _rest(params.response)
            if params.response.status == 429 and not attempt.patient:
                params.response.close()
                raise DeliveryFailed(
                    "rate_limited",
                    "Discord asks us to slow down.",
                    permanent=False,
                    certain=not attempt.uncertain,
                )

    async def broke(_session: object, _context: object, params: aiohttp.TraceRequestExceptionParams) -> None:
        if (attempt := current_attempt()) is None:
            return
        if isinstance(params.exception, aiohttp.ClientConnectorError):
            attempt.unreached()
        elif attempt.in_flight:
            attempt.broke()

    trace.on_request_start.append(start)
    trace.on_request_end.append(end)
    trace.on_request_exception.append(broke)
    return trace


def _rest(response: aiohttp.ClientResponse) -> float:
    """Seconds for which a way is to be left alone: it was used up, by this request or before it."""
    used_up = response.headers.get("X-RateLimit-Remaining") == "0"
    if response.status != 429 and not used_up:
        return 0.0
    for name in ("X-RateLimit-Reset-After", "Retry-After"):
        with contextlib.suppress(KeyError, ValueError):
            return float(response.headers[name])
    return 1.0
