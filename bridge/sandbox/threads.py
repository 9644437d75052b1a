"""Threads as Discord keeps them: one a message, archived, locked, counted, woken by a new message."""

from collections.abc import Iterable
from typing import Any

from simcord.backend import errors
from simcord.backend.models import Channel, Guild, Message, ThreadMetadata
from simcord.enums import ChannelType, MessageType

from . import wire
from .world import World, refused

_NAME_LENGTH = 100
_DURATIONS = (60, 1440, 4320, 10080)


class ThreadWorld(World):
    """simcord's `Guild.thread_ids` holds the active threads here, as a guild's do on the gateway."""

    def __init__(self) -> None:
        self._forum_starter: Message | None = None
        super().__init__()

    # --------------------------------------------------------------- opening

    def create_thread(
        self,
        parent_id: int,
        name: str,
        owner_id: int,
        *,
        type: int = ChannelType.PUBLIC_THREAD,
        auto_archive_duration: int = 1440,
        message_id: int | None = None,
        applied_tags: Iterable[int] = (),
        broadcast: bool = True,
    ) -> Channel:
        if not isinstance(name, str) or not 1 <= len(name) <= _NAME_LENGTH:
            raise errors.invalid_form_body(f"name: Must be between 1 and {_NAME_LENGTH} in length")
        if auto_archive_duration not in _DURATIONS:
            raise errors.invalid_form_body(f"auto_archive_duration: Value must be one of {_DURATIONS}")
        if message_id is not None and message_id in self.channels:
            raise refused(400, 160004, "A thread has already been created for this message")
        self._require_room(self.guild_of(parent_id))
        starter, self._forum_starter = self._forum_starter, None
        thread = super().create_thread(
            parent_id,
            name,
            owner_id,
            type=type,
            auto_archive_duration=auto_archive_duration,
            message_id=message_id if starter is None else starter.id,
            applied_tags=applied_tags,
            broadcast=False,
        )
        self.mark("channel", thread.id)
        if broadcast:
            self._announce(thread, message_id)
        return thread

    def create_forum_post(self, forum_id: int, name: str, starter: Message, **options: Any) -> Any:
        """A post's first message has the post's own id; simcord gives it another."""
        self._forum_starter = starter
        thread, message = super().create_forum_post(forum_id, name, starter, **options)
        thread.message_count = 0
        return thread, message

    def _announce(self, thread: Channel, message_id: int | None) -> None:
        """Tell of a thread; from a message, it begins with a copy of it, and the message says so."""
        self.announce_thread_create(thread)
        parent_id, owner_id = thread.parent_id or 0, thread.owner_id or 0
        if message_id is None:
            self.create_system_message(
                parent_id, MessageType.THREAD_CREATED, owner_id, target_channel_id=thread.id
            )
            return
        starter = Message(
            id=self.snowflake(),
            channel_id=thread.id,
            author_id=owner_id,
            timestamp=self.now_iso(),
            type=MessageType.THREAD_STARTER_MESSAGE,
            reference={"type": 0, "channel_id": str(parent_id), "message_id": str(message_id)},
        )
        self.commit_message(starter)
        thread.message_count = 0
        said = self.get_message(parent_id, message_id)
        said.flags |= wire.HAS_THREAD
        self.emit("MESSAGE_UPDATE", self._event_payload(said))

    def _event_payload(self, said: Message) -> dict[str, Any]:
        return {**wire.message(self, said), "guild_id": str(self.guild_of(said.channel_id).id)}

    def _require_room(self, guild: Guild) -> None:
        if len(guild.thread_ids) >= self.active_thread_cap:
            raise refused(400, 160006, "Maximum number of active threads reached")

    # ---------------------------------------------------------------- states

    def wake(self, channel: Channel, author_id: int) -> None:
        """Unarchive the thread that a new message goes to, or refuse where it is locked."""
        state = channel.thread_metadata
        if state is None:
            return
        if state.locked and not self.may(author_id, channel.id, "manage_threads"):
            if state.archived:
                raise archived()
            raise refused(400, 160005, "This thread is locked")
        if state.archived:
            self.set_state(channel, archived=False)

    def set_state(self, thread: Channel, *, archived: bool | None = None, locked: bool | None = None) -> None:
        state = state_of(thread)
        guild = self.guild_of(thread.id)
        active = guild.thread_ids
        if archived is False and state.archived:
            self._require_room(guild)
            active.append(thread.id)
        elif archived and not state.archived:
            active.remove(thread.id)
        changes: dict[str, Any] = {} if locked is None else {"locked": locked}
        if archived is not None and archived != state.archived:
            changes |= {"archived": archived, "archive_timestamp": self.now_iso()}
        self.edit_channel(thread.id, {}, thread_metadata=changes)

    def require_active(self, channel_id: int) -> None:
        """Refuse a change inside an archived thread."""
        state = self.get_channel(channel_id).thread_metadata
        if state is not None and state.archived:
            raise archived()

    def archived_page(self, parent_id: int, *, before: str | None, limit: int) -> tuple[list[Channel], bool]:
        """Return archived public threads, latest archived first, and whether there are more."""
        threads = [
            thread
            for thread in self.archived_threads(parent_id, private=False)
            if before is None or _archived_at(thread) < before
        ]
        threads.sort(key=_archived_at, reverse=True)
        return threads[:limit], len(threads) > limit

    def delete_channel(self, channel_id: int) -> None:
        guild = self.guild_of(self.get_channel(channel_id).id)
        threads = [each for each in self.channels.values() if each.parent_id == channel_id and each.is_thread]
        for thread in threads:
            self.gone[thread.id] = (thread, self.messages.timeline(thread.id))
            del self.channels[thread.id], self.messages[thread.id]
            self.mark("channel", thread.id)
            if thread.id in guild.thread_ids:
                guild.thread_ids.remove(thread.id)
        super().delete_channel(channel_id)


def archived() -> errors.BackendError:
    return refused(400, 50083, "Thread is archived")


def state_of(thread: Channel) -> ThreadMetadata:
    if thread.thread_metadata is None:
        raise errors.cannot_execute_on_channel_type()
    return thread.thread_metadata


def _archived_at(thread: Channel) -> str:
    return state_of(thread).archive_timestamp
