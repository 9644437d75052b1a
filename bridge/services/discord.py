"""Discord as a service: one request of the delivery rules becomes one or two calls of discord.py."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import ClassVar, TypeVar

import aiohttp
import discord
from channels.db import database_sync_to_async

from bridge.errors import DeliveryFailed
from bridge.models import Connection, Endpoint
from bridge.services.base import (
    MESSAGE_GONE,
    NOT_PERMITTED,
    THREAD_GONE,
    Answer,
    Delete,
    Done,
    Edit,
    FindOpening,
    Found,
    Missing,
    Open,
    Opened,
    Post,
    ReadBack,
    Request,
    Seen,
    Service,
    Stored,
    current_attempt,
)
from bridge.services.discord_card import card_embed, card_text, thread_name

T = TypeVar("T")

# Discord's JSON error codes, from its API documentation.
UNKNOWN_CHANNEL = 10003
UNKNOWN_MESSAGE = 10008
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
}
"""This content is refused and will be tomorrow. The message itself is at fault."""

NO_MENTIONS = discord.AllowedMentions.none()
NEAR_PAGES = 1000
"""Messages of a parent channel that are searched for a card whose fate is not known."""

Parent = discord.TextChannel | discord.ForumChannel


class DiscordService(Service):
    name: ClassVar[str] = "discord"
    max_length: ClassVar[int] = 2000

    def __init__(self, client: discord.Client) -> None:
        self._client = client

    async def perform(self, request: Request) -> Answer:
        try:
            return await self._perform(request)
        except DeliveryFailed:
            raise
        except (discord.DiscordException, aiohttp.ClientError, OSError, TimeoutError) as error:
            raise failure_of(error, opening=isinstance(request, Open | FindOpening)) from error

    async def _perform(self, request: Request) -> Answer:
        match request:
            case Open():
                return await self._open(request)
            case FindOpening():
                return await self._find_opening(request)
            case Post():
                return await self._post(request)
            case ReadBack():
                return await self._read_back(request)
            case Edit():
                await self._unarchived(request, self._edit)
            case Delete():
                await self._unarchived(request, self._delete)
        return Done()

    async def _post(self, request: Post) -> Stored:
        thread = self._thread(request.thread)
        reply: dict[str, discord.MessageReference] = {}
        if request.reply_to:
            reply["reference"] = discord.MessageReference(
                message_id=int(request.reply_to), channel_id=thread.id, fail_if_not_exists=False
            )
        # discord.py asks Discord to enforce the nonce: for a few minutes a repeat returns the first message.
        message = await thread.send(
            request.text, nonce=request.nonce, allowed_mentions=NO_MENTIONS, mention_author=False, **reply
        )
        return Stored(str(message.id))

    async def _read_back(self, request: ReadBack) -> Found:
        mine = self._me().id
        history = self._thread(request.thread).history(
            after=discord.Object(int(request.after)), limit=None, oldest_first=True
        )
        return Found(tuple([Seen(str(m.id), m.content) async for m in history if m.author.id == mine]))

    async def _edit(self, request: Edit | Delete) -> None:
        assert isinstance(request, Edit)  # noqa: S101  # paired in _perform
        message = self._thread(request.thread).get_partial_message(int(request.remote_id))
        await message.edit(content=request.text, allowed_mentions=NO_MENTIONS)

    async def _delete(self, request: Edit | Delete) -> None:
        await self._thread(request.thread).get_partial_message(int(request.remote_id)).delete()

    async def _unarchived(
        self, request: Edit | Delete, change: Callable[[Edit | Delete], Awaitable[None]]
    ) -> None:
        """Edits fail in an archived thread (50083), only a new message would wake it: wake it and go on."""
        try:
            await change(request)
        except discord.HTTPException as error:
            if error.code != THREAD_ARCHIVED:
                raise
            thread = await self._client.fetch_channel(int(request.thread))
            if not isinstance(thread, discord.Thread):
                raise
            await thread.edit(archived=False)
            await change(request)

    async def _open(self, request: Open) -> Answer:
        endpoint = await database_sync_to_async(_endpoint)(request.endpoint_id)
        parent = await self._parent(endpoint)
        text, embed = card_text(endpoint), card_embed(endpoint)
        if isinstance(parent, discord.ForumChannel):
            return await self._open_forum_post(parent, endpoint, text=text, embed=embed)
        if request.card_id is None:
            card = await parent.send(text, embed=embed, nonce=request.nonce, allowed_mentions=NO_MENTIONS)
            return Stored(str(card.id))
        message = parent.get_partial_message(int(request.card_id))
        try:
            await self._with_room(
                parent, lambda: message.create_thread(name=thread_name(endpoint.connection))
            )
        except discord.HTTPException as error:
            if error.code != THREAD_ALREADY_STARTED:
                raise
        # A thread that was started from a message has its id.
        return Opened(remote_id=request.card_id, card_id=request.card_id)

    async def _open_forum_post(
        self, forum: discord.ForumChannel, endpoint: Endpoint, *, text: str, embed: discord.Embed
    ) -> Opened:
        # A forum post takes no nonce: a second request would make a second post.
        if (attempt := current_attempt()) is not None:
            attempt.repeatable = False
        needs_tag = forum.flags.require_tag and forum.available_tags
        created = await self._with_room(
            forum,
            lambda: forum.create_thread(
                name=thread_name(endpoint.connection),
                content=text,
                embed=embed,
                applied_tags=forum.available_tags[:1] if needs_tag else [],
                allowed_mentions=NO_MENTIONS,
            ),
        )
        return Opened(remote_id=str(created.thread.id), card_id=str(created.message.id))

    async def _with_room(self, parent: Parent, create: Callable[[], Awaitable[T]]) -> T:
        """A server takes only so many active threads: the longest idle closed one makes room."""
        try:
            return await create()
        except discord.HTTPException as error:
            if error.code != TOO_MANY_ACTIVE_THREADS:
                raise
            if not await self._archive_idle(parent.guild):
                raise DeliveryFailed(
                    "too_many_threads",
                    "The Discord server has too many active threads, and none of ours is closed: archive some.",
                    permanent=False,
                    certain=True,
                ) from error
        return await create()

    async def _archive_idle(self, guild: discord.Guild) -> bool:
        mine = {
            thread.id: thread for thread in await guild.active_threads() if thread.owner_id == self._me().id
        }
        closed = await database_sync_to_async(_closed)(list(map(str, mine)))
        idle = sorted(
            (mine[int(pk)] for pk in closed), key=lambda thread: thread.last_message_id or thread.id
        )
        if idle:
            await idle[0].edit(archived=True)
        return bool(idle)

    async def _find_opening(self, request: FindOpening) -> Answer:
        """The card, or the forum post, of an opening of unknown fate: both end in the conversation's code."""
        endpoint = await database_sync_to_async(_endpoint)(request.endpoint_id)
        parent = await self._parent(endpoint)
        code, mine = endpoint.connection.code, self._me().id
        old = endpoint.predecessor_id
        if isinstance(parent, discord.ForumChannel):
            for thread in await parent.guild.active_threads():
                ours = thread.parent_id == parent.id and thread.owner_id == mine and str(thread.id) != old
                if ours and thread.name.endswith(code):
                    return Opened(remote_id=str(thread.id), card_id=str(thread.id))
            return Missing()
        # A minute for the difference between Discord's clock and ours.
        since = discord.utils.time_snowflake(endpoint.connection.created_at - timedelta(minutes=1))
        after = discord.Object(max(since, int(old or 0)))
        async for message in parent.history(limit=NEAR_PAGES, after=after, oldest_first=False):
            if message.author.id == mine and message.content.endswith(code) and str(message.id) != old:
                return Stored(str(message.id))
        return Missing()

    async def _parent(self, endpoint: Endpoint) -> Parent:
        channel_id = endpoint.connection.inbox.channel_id
        if channel_id is None:
            raise DeliveryFailed(
                NOT_PERMITTED,
                f"The inbox {endpoint.connection.inbox} has no Discord channel: set one in the admin.",
                permanent=False,
                certain=True,
            )
        channel = self._client.get_channel(channel_id) or await self._client.fetch_channel(channel_id)
        if not isinstance(channel, Parent):
            raise DeliveryFailed(
                NOT_PERMITTED,
                f"The Discord channel {channel_id} is neither a text nor a forum channel: choose another.",
                permanent=False,
                certain=True,
            )
        return channel

    def _thread(self, thread: str) -> discord.PartialMessageable:
        return self._client.get_partial_messageable(int(thread))

    def _me(self) -> discord.ClientUser:
        if self._client.user is None:
            raise DeliveryFailed("offline", "The bot is not logged in yet.", permanent=False, certain=True)
        return self._client.user


def failure_of(error: Exception, *, opening: bool) -> DeliveryFailed:
    """What an exception of discord.py or aiohttp says of a delivery (rule 5)."""
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
    if error.code == THREAD_LOCKED:
        return NOT_PERMITTED, "The thread is locked: unlock it, or give the bot “Manage Threads”.", False
    if error.status in {401, 403}:
        return NOT_PERMITTED, f"The bot may not do this in Discord: check its permissions. {said}", False
    if error.status == 429:
        return "rate_limited", "Discord asks us to slow down.", False
    if error.status >= 500:
        return "unreachable", said, False
    return f"refused_{error.code or error.status}", said, True


def http_trace(on_invalid: Callable[[], None]) -> aiohttp.TraceConfig:
    """Ask the attempt before each write, and tell it what came back: discord.py repeats requests by itself.

    `on_invalid` is called for each answer that Discord counts towards a ban of the address (rule 5).
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

    async def broke(_session: object, _context: object, params: aiohttp.TraceRequestExceptionParams) -> None:
        if (attempt := current_attempt()) is None:
            return
        if isinstance(params.exception, aiohttp.ClientConnectorError):
            attempt.unreached()
        else:
            attempt.broke()

    trace.on_request_start.append(start)
    trace.on_request_end.append(end)
    trace.on_request_exception.append(broke)
    return trace


def _endpoint(pk: int) -> Endpoint:
    return Endpoint.objects.select_related("connection__inbox").get(pk=pk)


def _closed(threads: list[str]) -> list[str]:
    """Those of these threads whose conversation is closed."""
    closed = Endpoint.objects.filter(
        service=DiscordService.name, remote_id__in=threads, connection__state=Connection.State.CLOSED
    )
    return [remote_id for remote_id in closed.values_list("remote_id", flat=True) if remote_id]
