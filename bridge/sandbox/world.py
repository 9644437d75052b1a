"""The sandbox's world: simcord's rules, with real time, ids for ever, and Discord's nonces."""

import datetime
import secrets
import time
from collections import OrderedDict, deque
from collections.abc import Mapping, Sequence
from typing import Any

import emoji as unicode_emoji
from simcord._clock import Clock
from simcord.backend import Backend, errors, permissions, serializers
from simcord.backend.errors import BackendError
from simcord.backend.models import Channel, Guild, GuildEmoji, Message, Webhook

from . import wire
from .files import Files
from .oddities import Oddity
from .timeline import Timeline, Timelines

_DISCORD_EPOCH_MS = 1420070400000
_NONCE_LENGTH = 25
_MOST_REACTIONS = 20
_FULL = {
    chars.replace("\ufe0f", ""): chars
    for chars, data in unicode_emoji.EMOJI_DATA.items()
    if data["status"] == unicode_emoji.STATUS["fully_qualified"]
} | {chr(code): chr(code) for code in range(0x1F1E6, 0x1F200)}

Nonce = str | int


class RealClock(Clock):
    def now(self) -> datetime.datetime:
        return datetime.datetime.now(datetime.UTC)


class World(Backend):
    """A guild, or two, and everything said there.

    It takes over from simcord what has to differ: ids rise for ever, also after a restart; nothing is kept
    for a transcript; what changed is noted in `dirty` for the journal; deleted messages stay readable for
    tests.
    """

    messages: Timelines

    def __init__(self) -> None:
        self.last_id = 0
        self.base_url = ""
        # What the journal has yet to write: (kind, id, the channel of a message or 0).
        self.dirty: dict[tuple[str, int, int], None] = {}
        self.gone: dict[int, tuple[Channel, Timeline]] = {}
        self.nonces: dict[int, Nonce] = {}
        self.recent_nonces: OrderedDict[tuple[int, Nonce], Message] = OrderedDict()
        self.nonce_seconds = 300.0
        # Those of the bot, also where they were deleted: their messages name its application.
        self.own_webhooks: set[int] = set()
        self.intents_allowed = {"members", "presences", "message_content"}
        self.active_thread_cap = 1000
        # How many sessions the bot may begin in a day.
        self.session_limit = 1000
        self.sessions_begun = 0
        # Guilds with an outage. It does not outlast the sandbox, and neither does what is odd.
        self.unavailable: set[int] = set()
        self.oddities: list[Oddity] = []
        self._next_nonce: Nonce | None = None
        super().__init__(clock=RealClock())
        self.messages = Timelines()
        self.files = self.cdn = Files(self)
        # simcord keeps every request and event for a failing test's report; here they would only grow.
        self.http_requests = deque(maxlen=0)  # type: ignore[assignment]
        self.transcript = deque(maxlen=0)  # type: ignore[assignment]

    @property
    def guild(self) -> Guild:
        """The first one."""
        return next(iter(self.guilds.values()))

    def guild_of(self, channel_id: int) -> Guild:
        channel = self.channels.get(channel_id) or self.gone[channel_id][0]
        return self.guilds[channel.guild_id or 0]

    @property
    def bot_guilds(self) -> list[Guild]:
        """Those that the bot is on."""
        return [guild for guild in self.guilds.values() if self.bot_user.id in guild.members]

    def emoji_of(self, emoji_id: int) -> GuildEmoji | None:
        return next((g.emojis[emoji_id] for g in self.guilds.values() if emoji_id in g.emojis), None)

    # ------------------------------------------------------- ids and events

    def snowflake(self) -> int:
        """Return an id above every id before it; the journal brings `last_id` over a restart."""
        now = (int(time.time() * 1000) - _DISCORD_EPOCH_MS) << 22
        self.last_id = max(now, self.last_id + 1)
        return self.last_id

    def now_iso(self) -> str:
        return self.clock.now().isoformat(timespec="microseconds")

    def emit(self, event: str, payload: Mapping[str, Any]) -> None:
        complete = wire.complete_event(self, event, payload)
        self._note(event, complete)
        for listener in self.subscribers:
            listener(event, complete)

    def mark(self, kind: str, key: int, channel_id: int = 0) -> None:
        self.dirty[kind, key, channel_id] = None

    def _note(self, event: str, payload: Mapping[str, Any]) -> None:
        """Every change that the bot can see has its event, so events say what the journal must write."""
        if event.startswith("MESSAGE_"):
            channel_id = int(payload["channel_id"])
            for message_id in payload.get("ids") or [payload.get("message_id") or payload["id"]]:
                self.mark("message", int(message_id), channel_id)
            self.mark("channel", channel_id)
        elif event.startswith(("CHANNEL_", "THREAD_")) and "id" in payload:
            self.mark("channel", int(payload["id"]))
            if payload.get("parent_id"):
                self.mark("channel", int(payload["parent_id"]))
        elif event.startswith("GUILD_"):
            self.mark("guild", int(payload.get("guild_id") or payload["id"]))
        elif event == "USER_UPDATE":
            self.mark("user", int(payload["id"]))

    # -------------------------------------------------------------- messages

    def repeated(self, author_id: int, nonce: Nonce) -> Message | None:
        """Return the message that this author sent with this nonce in the past few minutes."""
        oldest_id = (int((time.time() - self.nonce_seconds) * 1000) - _DISCORD_EPOCH_MS) << 22
        while self.recent_nonces:
            key, message = next(iter(self.recent_nonces.items()))
            if message.id >= oldest_id:
                break
            del self.recent_nonces[key]
        return self.recent_nonces.get((author_id, nonce))

    def use_nonce(self, nonce: Nonce | None) -> None:
        """Give the next prepared message this nonce."""
        if nonce is not None and len(str(nonce)) > _NONCE_LENGTH:
            raise errors.invalid_form_body(f"nonce: Must be {_NONCE_LENGTH} or fewer in length")
        self._next_nonce = nonce

    def prepare_message(self, *args: Any, **kwargs: Any) -> Message:
        nonce, self._next_nonce = self._next_nonce, None
        message = super().prepare_message(*args, **kwargs)
        message.content = (
            message.content.strip()
        )  # as Discord does, so what is read back may differ from what was sent
        if nonce is not None:
            self.nonces[message.id] = nonce
            self.recent_nonces[message.author_id, nonce] = message
        return message

    def say(
        self,
        channel_id: int,
        author_id: int,
        content: str,
        *,
        reply_to: int | None = None,
        files: Sequence[tuple[str, bytes]] = (),
    ) -> Message:
        """Post as somebody who sits at a Discord client."""
        channel = self.get_channel(channel_id)
        permission = "send_messages_in_threads" if channel.is_thread else "send_messages"
        self.require_permissions(channel.guild_id, author_id, channel_id, permission)
        self.wake(channel, author_id)
        reference = None if reply_to is None else {"message_id": str(reply_to), "channel_id": str(channel_id)}
        attached = self.store_attachments(channel_id, files)
        return self.create_message(channel_id, author_id, content, reference=reference, attachments=attached)

    def show_typing(self, channel_id: int, user_id: int) -> None:
        channel = self.get_channel(channel_id)
        guild = self.guild_of(channel_id)
        payload: dict[str, Any] = {
            "channel_id": str(channel.id),
            "guild_id": str(guild.id),
            "user_id": str(user_id),
            "timestamp": int(time.time()),
        }
        if user_id in guild.members:
            payload["member"] = serializers.member_payload(self, guild, guild.members[user_id])
        self.emit("TYPING_START", payload)

    def wake(self, channel: Channel, author_id: int) -> None:
        """Do what a new message does to the thread that it goes to; `ThreadRules` knows."""

    def emoji(self, text: str) -> str | None:
        """How an emoji is kept: the characters in full, or name and id of the server's own. None: there is none."""
        if ":" in text:
            pk = text.rpartition(":")[2]
            own = self.emoji_of(int(pk)) if pk.isdecimal() else None
            return f"{own.name}:{own.id}" if own else None
        return _FULL.get(text.replace("\ufe0f", ""))

    def set_reaction(self, channel_id: int, message_id: int, emoji: str, user_id: int, reacted: bool) -> None:
        """As Discord: twice is nothing, and there is room for twenty."""
        spelled, message = self.emoji(emoji), self.get_message(channel_id, message_id)
        if spelled is None:
            raise refused(400, 10014, "Unknown Emoji")
        if reacted and message.reaction_for(spelled) is None and len(message.reactions) >= _MOST_REACTIONS:
            raise refused(403, 30010, f"Maximum number of reactions reached ({_MOST_REACTIONS})")
        super().set_reaction(channel_id, message_id, spelled, user_id, reacted)

    def delete_channel(self, channel_id: int) -> None:
        channel = self.get_channel(channel_id)
        self.gone[channel_id] = (channel, self.messages.timeline(channel_id))
        super().delete_channel(channel_id)

    def find(self, channel_id: int, message_id: int) -> tuple[Message, bool]:
        """Return a message and whether it was deleted, also where its channel was."""
        gone = self.gone.get(channel_id)
        timeline = gone[1] if gone else self.messages.timeline(channel_id)
        if message_id in timeline.deleted:
            return timeline.deleted[message_id], True
        return timeline[message_id], False

    def everywhere(self) -> dict[int, tuple[Channel, Timeline, bool]]:
        """Return every channel that ever was, with its messages and whether it was deleted."""
        present = {
            key: (channel, self.messages.timeline(key), False) for key, channel in self.channels.items()
        }
        return present | {key: (channel, said, True) for key, (channel, said) in self.gone.items()}

    # --------------------------------------------------------------- helpers

    def may(self, user_id: int, channel_id: int, permission: str) -> bool:
        allowed = self.compute_permissions(self.guild_of(channel_id).id, user_id, channel_id)
        return bool(allowed & permissions.flag(permission))

    def create_webhook(self, channel_id: int, name: str, creator_id: int) -> Webhook:
        webhook = super().create_webhook(channel_id, name, creator_id)
        del self.webhook_tokens[webhook.token]
        # As long as Discord's: libraries recognise a webhook's address by a token of 60 characters and more.
        webhook.token = secrets.token_urlsafe(51)
        self.webhook_tokens[webhook.token] = webhook.id
        if creator_id == self.bot_user.id:
            self.own_webhooks.add(webhook.id)
            self.mark("settings", 0)
        self.mark("user", webhook.webhook_user_id)
        self.mark("webhook", webhook.id)
        self._emit_webhooks_update(channel_id)
        return webhook

    def edit_webhook(self, webhook_id: int, changes: Mapping[str, Any]) -> Webhook:
        self.mark("webhook", webhook_id)
        return super().edit_webhook(webhook_id, changes)

    def delete_webhook(self, webhook_id: int) -> None:
        self.mark("webhook", webhook_id)
        super().delete_webhook(webhook_id)

    def register_commands(self, guild_id: int | None, payloads: list[dict[str, Any]]) -> list[dict[str, Any]]:
        self.mark("commands", guild_id or 0)
        return super().register_commands(guild_id, payloads)

    def message_content_allowed(self) -> bool:
        return "message_content" in self.intents_allowed

    def apply_settings(self, values: Mapping[str, Any]) -> None:
        self.own_webhooks |= set(values.get("own_webhooks", ()))
        if "intents_allowed" in values:
            self.intents_allowed = set(values["intents_allowed"])
        self.active_thread_cap = int(values.get("active_thread_cap", self.active_thread_cap))
        self.session_limit = int(values.get("session_limit", self.session_limit))
        self.nonce_seconds = float(values.get("nonce_seconds", self.nonce_seconds))
        self.mark("settings", 0)

    def settings(self) -> dict[str, Any]:
        return {
            "intents_allowed": sorted(self.intents_allowed),
            "active_thread_cap": self.active_thread_cap,
            "session_limit": self.session_limit,
            "nonce_seconds": self.nonce_seconds,
            "own_webhooks": sorted(self.own_webhooks),
        }


def refused(status: int, code: int, message: str) -> BackendError:
    """Return one of Discord's errors that simcord does not know."""
    return BackendError(status, code, message)
