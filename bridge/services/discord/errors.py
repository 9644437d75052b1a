"""What errors of Discord, or of the connection to it, mean for a delivery (rules 3 and 5)."""

import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import aiohttp
import discord

from bridge.errors import DeliveryFailed
from bridge.services.attempts import current_attempt
from bridge.services.requests import (
    FILES_REFUSED,
    MESSAGE_GONE,
    NOT_PERMITTED,
    THREAD_GONE,
    FindOpening,
    Open,
    Post,
    Request,
)

logger = logging.getLogger(__name__)

T = TypeVar("T")
V = TypeVar("V")

# Discord's JSON error codes, from its API documentation.
UNKNOWN_CHANNEL = 10003
UNKNOWN_GUILD = 10004
UNKNOWN_MESSAGE = 10008
UNKNOWN_EMOJI = 10014
UNKNOWN_WEBHOOK = 10015
MISSING_PERMISSIONS = 50013
INVALID_FORM = 50035
NO_HISTORY_FOR_REPLY = 160002
THREAD_ALREADY_STARTED = 160004
THREAD_LOCKED = 160005
TOO_MANY_ACTIVE_THREADS = 160006
THREAD_ARCHIVED = 50083
TOO_MANY_THREADS = "too_many_threads"
REFUSALS = {
    INVALID_FORM: "refused",
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
"""Errors in the message itself, which would be refused again."""
PLACES = {
    UNKNOWN_CHANNEL: THREAD_GONE,
    UNKNOWN_MESSAGE: MESSAGE_GONE,
    # A thread was archived to make room, but another thread took its place.
    TOO_MANY_ACTIVE_THREADS: TOO_MANY_THREADS,
}
"""Errors in the message's destination, not in the message."""
SLOW_DOWN = frozenset({20016, 20022, 20028, 40062, 130000})
"""Temporary errors: slow mode, limits of a channel or server, overload."""
RATE_LIMITED = ("rate_limited", "Discord limits the rate of requests.")
"""The reason and the sentence."""
LOCKED = "The thread is locked: unlock it in Discord, or grant the bot “Manage Threads”."


def spares_text(error: discord.HTTPException) -> bool:
    """Return whether something other than the text is, or may be, refused: a name, a picture, a reply, a file."""
    if error.code != INVALID_FORM:
        return error.code in {NO_HISTORY_FOR_REPLY, UNKNOWN_MESSAGE}
    # Discord names the fields, and discord.py puts each on its own line.
    lines = [line.removeprefix("In ") for line in error.text.splitlines() if line.startswith("In ")]
    return {line.partition(":")[0].partition(".")[0] for line in lines} != {"content"}


def refuses_form(error: discord.HTTPException) -> bool:
    """Return whether something in the request was refused that would be refused again."""
    return error.code in REFUSALS


async def first_taken(
    send: Callable[[V], Awaitable[T]],
    variants: Sequence[V],
    *,
    goes_on: Callable[[discord.HTTPException], bool] = spares_text,
) -> T:
    """Send the first variant that Discord accepts. `goes_on`: whether to try the next one after a refusal."""
    for variant in variants[:-1]:
        try:
            return await send(variant)
        except discord.HTTPException as error:
            if not goes_on(error):
                raise
            logger.warning("Discord refused a part of a message, which is sent without it: %s", error.text)
    return await send(variants[-1])


def not_permitted(sentence: str) -> DeliveryFailed:
    """Return a failure that puts the line on hold until somebody does what the sentence says."""
    return DeliveryFailed(NOT_PERMITTED, sentence, permanent=False, certain=True)


def rate_limited(*, certain: bool = True) -> DeliveryFailed:
    return DeliveryFailed(*RATE_LIMITED, permanent=False, certain=certain)


def failure_of(error: Exception, *, request: Request) -> DeliveryFailed:
    """Convert an exception of discord.py or aiohttp to a failure of a delivery."""
    attempt = current_attempt()
    certain = attempt is None or not attempt.uncertain
    if isinstance(error, discord.HTTPException):
        reason, detail, permanent = _verdict(error, opening=isinstance(request, Open | FindOpening))
        # Without “Attach Files”, Discord refuses every message with files.
        files_refused = error.code == MISSING_PERMISSIONS or spares_text(error)
        if isinstance(request, Post) and request.files and files_refused:
            reason, permanent = FILES_REFUSED, True
        return DeliveryFailed(reason, detail, permanent=permanent and certain, certain=certain)
    return DeliveryFailed(
        "unreachable",
        f"Discord cannot be reached: {error or type(error).__name__}",
        permanent=False,
        certain=certain,
    )


def _verdict(error: discord.HTTPException, *, opening: bool) -> tuple[str, str, bool]:
    """Return the reason, a sentence for staff, and whether the content was refused."""
    detail = f"Discord said: {error.text or error.status} ({error.status}, code {error.code})"[:300]
    if error.code in REFUSALS:
        return REFUSALS[error.code], detail, True
    if error.code == UNKNOWN_CHANNEL and opening:
        return NOT_PERMITTED, "The inbox's Discord channel was deleted: set another one in the admin.", False
    if error.code in PLACES:
        return PLACES[error.code], detail, False
    if error.code in {THREAD_LOCKED, THREAD_ARCHIVED}:
        # A post makes an archived thread active, unless the thread is also locked.
        return NOT_PERMITTED, LOCKED, False
    if error.status in {401, 403} or error.code == UNKNOWN_GUILD:
        sentence = "The bot is not allowed to do this in Discord: check its permissions."
        return NOT_PERMITTED, f"{sentence} {detail}", False
    if error.status == 429 or error.code in SLOW_DOWN:
        return *RATE_LIMITED, False
    if error.status >= 500:
        return "unreachable", detail, False
    if error.status == 413:
        return "too_large", detail, True
    # An error without a code does not come from Discord but from something in between.
    return f"refused_{error.code or error.status}", detail, error.code != 0


def http_trace(on_invalid: Callable[[], None]) -> aiohttp.TraceConfig:
    """Ask the attempt before each write and report the result to it, because discord.py repeats requests by itself."""
    trace = aiohttp.TraceConfig()

    async def start(_session: object, _context: object, params: aiohttp.TraceRequestStartParams) -> None:
        if (attempt := current_attempt()) is not None:
            attempt.begin(write=params.method != "GET")

    async def end(_session: object, _context: object, params: aiohttp.TraceRequestEndParams) -> None:
        response = params.response
        # Discord counts these and may ban the address.
        if response.status in {401, 403, 429}:
            on_invalid()
        if (attempt := current_attempt()) is not None:
            attempt.answered(response.status)
            attempt.rest = _rest(response)
            if response.status == 429 and not attempt.patient:
                response.close()
                raise rate_limited(certain=not attempt.uncertain)

    async def broke(_session: object, _context: object, params: aiohttp.TraceRequestExceptionParams) -> None:
        attempt = current_attempt()
        if attempt and isinstance(params.exception, aiohttp.ClientConnectorError):
            attempt.unreached()
        elif attempt and attempt.in_flight:
            attempt.broke()

    trace.on_request_start.append(start)
    trace.on_request_end.append(end)
    trace.on_request_exception.append(broke)
    return trace


def _rest(response: aiohttp.ClientResponse) -> float:
    """Return the seconds until this rate limit is reset, if it is used up; otherwise 0."""
    used_up = response.headers.get("X-RateLimit-Remaining") == "0"
    if response.status != 429 and not used_up:
        return 0.0
    for name in ("X-RateLimit-Reset-After", "Retry-After"):
        with contextlib.suppress(KeyError, ValueError):
            return float(response.headers[name])
    return 1.0
