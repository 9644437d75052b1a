"""How the control API and the page see the world: plain, whole, deleted messages included."""

from typing import Any

from simcord.backend.models import Channel, Message
from simcord.enums import MessageType

from . import defaults
from .threads import ThreadWorld


def person(world: ThreadWorld, user_id: int) -> dict[str, Any]:
    account = world.users[user_id]
    staff = user_id in world.guild.members and defaults.STAFF_ROLE_ID in world.guild.members[user_id].role_ids
    return {
        "id": str(account.id),
        "name": account.global_name or account.name,
        "bot": account.bot,
        "staff": staff,
    }


def channel(world: ThreadWorld, place: Channel, *, deleted: bool = False) -> dict[str, Any]:
    state = place.thread_metadata
    return {
        "id": str(place.id),
        "name": place.name,
        "type": int(place.type),
        "topic": place.topic,
        "parent_id": str(place.parent_id) if place.parent_id else None,
        "last_message_id": str(place.last_message_id) if place.last_message_id else None,
        "message_count": place.message_count,
        "archived": bool(state and state.archived),
        "locked": bool(state and state.locked),
        "deleted": deleted,
    }


def message(world: ThreadWorld, said: Message, *, deleted: bool = False) -> dict[str, Any]:
    author = person(world, said.author_id)
    if said.author_name is not None:
        author["name"] = said.author_name
    if said.webhook_id is not None:
        author["avatar"] = said.author_avatar
    starter = _starter(world, said)
    quoted = said.reference if said.reference and said.type != MessageType.THREAD_STARTER_MESSAGE else None
    return {
        "id": str(said.id),
        "channel_id": str(said.channel_id),
        "author": author,
        "content": said.content,
        "nonce": world.nonces.get(said.id),
        "type": int(said.type),
        "timestamp": said.timestamp,
        "edited_timestamp": said.edited_timestamp,
        "deleted": deleted,
        "embeds": said.embeds,
        "attachments": said.attachments,
        "reply_to": quoted["message_id"] if quoted else None,
        "starter": starter and message(world, starter),
        "reactions": [
            {"emoji": each.emoji, "users": [str(user) for user in each.user_ids]} for each in said.reactions
        ],
    }


def _starter(world: ThreadWorld, said: Message) -> Message | None:
    """Return the message that a thread was started from, for the line that stands for it in the thread."""
    if said.type != MessageType.THREAD_STARTER_MESSAGE or said.reference is None:
        return None
    return world.messages.get(int(said.reference["channel_id"]), {}).get(int(said.reference["message_id"]))


def world_state(world: ThreadWorld) -> dict[str, Any]:
    return {
        "guild": {"id": str(world.guild.id), "name": world.guild.name},
        "users": [person(world, user_id) for user_id in defaults.USERS.values()],
        "channels": [
            channel(world, place, deleted=deleted) for place, _, deleted in world.everywhere().values()
        ],
        "settings": world.settings(),
        "emoji": [
            {"spelled": f"{own.name}:{own.id}", "id": str(own.id), "name": own.name, "animated": own.animated}
            for own in world.guild.emojis.values()
        ],
    }
