"""Make simcord's payloads complete: the fields that Discord's description of its API requires or forbids."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from simcord.backend import serializers
from simcord.backend.models import Channel, Guild, Message, User

if TYPE_CHECKING:
    from .world import World

HAS_THREAD = 1 << 5
LOADING = 1 << 7
_ONLY_ON_THE_GATEWAY = (
    "channels",
    "threads",
    "members",
    "presences",
    "voice_states",
    "stage_instances",
    "guild_scheduled_events",
    "soundboard_sounds",
    "member_count",
    "joined_at",
    "large",
    "unavailable",
)
_GUILD_DEFAULTS = {
    "home_header": None,
    "region": "deprecated",
    "widget_enabled": False,
    "widget_channel_id": None,
    "max_stage_video_channel_users": 50,
    "max_video_channel_users": 25,
    "safety_alerts_channel_id": None,
    "nsfw": False,
    "nsfw_level": 0,
    "incidents_data": None,
}
_ONLY_ABOUT_ONESELF = ("verified", "mfa_enabled", "locale")


def user(payload: Any) -> dict[str, Any]:
    """Turn simcord's user, which says what only the user himself may read, into what others see of him."""
    for key in _ONLY_ABOUT_ONESELF:
        payload.pop(key, None)
    payload.setdefault("banner", None)
    payload.setdefault("accent_color", None)
    payload.setdefault("avatar_decoration_data", None)
    payload.setdefault("collectibles", None)
    payload.setdefault("primary_guild", None)
    return payload  # type: ignore[no-any-return]


def shown_user(world: "World", user_id: int) -> dict[str, Any]:
    return user({**serializers.user_payload(world.get_user(user_id))})


def own_user(account: User) -> dict[str, Any]:
    payload: dict[str, Any] = {**serializers.user_payload(account)}
    return {**user(dict(payload)), **{key: payload[key] for key in _ONLY_ABOUT_ONESELF}}


def member(payload: Any) -> dict[str, Any]:
    payload.setdefault("banner", None)
    if "user" in payload:
        user(payload["user"])
    return payload  # type: ignore[no-any-return]


def thread(world: "World", channel: Channel) -> dict[str, Any]:
    payload: dict[str, Any] = {**serializers.thread_payload(world, channel)}
    if world.bot_user.id in channel.thread_members:
        payload["member"] = serializers.thread_member_payload(channel, world.bot_user.id)
    return payload


def channel(world: "World", place: Channel) -> dict[str, Any]:
    if place.is_thread:
        return thread(world, place)
    return complete_channel({**serializers.channel_payload(world, place)})


def complete_channel(payload: dict[str, Any]) -> dict[str, Any]:
    payload.setdefault("flags", 0)
    payload.setdefault("nsfw", False)
    payload.setdefault("last_pin_timestamp", None)
    return payload


def message(world: "World", said: Message, *, nonce: bool = False) -> dict[str, Any]:
    """Return a message as the HTTP API shows it; `nonce` where Discord repeats it, after a post."""
    payload: dict[str, Any] = {**serializers.message_payload(world, said, for_user=world.bot_user.id)}
    payload.pop("guild_id", None)
    return complete_message(world, payload, nonce=nonce)


def complete_message(world: "World", payload: dict[str, Any], *, nonce: bool) -> dict[str, Any]:
    message_id = int(payload["id"])
    payload.pop("nonce", None)
    if nonce and message_id in world.nonces:
        payload["nonce"] = world.nonces[message_id]
    for key in ("sticker_items", "reactions"):
        if not payload.get(key, True):
            del payload[key]
    for embed in payload["embeds"]:
        embed.setdefault("type", "rich")
        for field in embed.get("fields", ()):
            field.setdefault("inline", False)
    for reaction in payload.get("reactions", ()):
        _emoji(world, reaction["emoji"])
    user(payload["author"])
    for mentioned in payload["mentions"]:
        user(mentioned)
    if "webhook_id" in payload:
        _webhook_author(payload)
        if int(payload["webhook_id"]) in world.own_webhooks:
            payload["application_id"] = str(world.application_id)
    if "message_reference" in payload:
        _reference(world, payload)
    if payload["flags"] & HAS_THREAD and (started := world.channels.get(message_id)) is not None:
        payload["thread"] = thread(world, started)
    return payload


def _emoji(world: "World", payload: dict[str, Any]) -> None:
    """Say whether one of the server's own moves."""
    if payload["id"] is not None and (known := world.emoji_of(int(payload["id"]))) is not None:
        payload["animated"] = known.animated


def _webhook_author(payload: dict[str, Any]) -> None:
    author = payload["author"]
    author["discriminator"] = "0000"
    author["global_name"] = None


def _reference(world: "World", payload: dict[str, Any]) -> None:
    reference = payload["message_reference"]
    reference.pop("fail_if_not_exists", None)
    reference.setdefault("type", 0)
    reference.setdefault("guild_id", str(world.guild_of(int(reference["channel_id"])).id))
    if reference["type"] != 0:
        return
    quoted = payload.get("referenced_message")
    if quoted is None:
        payload["referenced_message"] = None
        return
    quoted.pop("guild_id", None)
    quoted.pop("referenced_message", None)
    complete_message(world, quoted, nonce=False)


def guild(world: "World", server: Guild) -> dict[str, Any]:
    """Return a guild as the HTTP API shows it: without channels, threads and members."""
    payload = guild_create(world, server)
    for key in _ONLY_ON_THE_GATEWAY:
        del payload[key]
    return payload | _GUILD_DEFAULTS


def guild_create(world: "World", server: Guild) -> dict[str, Any]:
    """Return a guild as the gateway announces it, with its channels, active threads and members."""
    payload: dict[str, Any] = {**serializers.guild_create_payload(world, server)}
    payload["channels"] = [channel(world, world.channels[key]) for key in server.channel_ids]
    payload["threads"] = [thread(world, world.channels[key]) for key in server.thread_ids]
    for each in payload["members"]:
        member(each)
    for own in payload["emojis"]:
        user(own["user"])
    return payload


def complete_event(world: "World", event: str, announced: Mapping[str, Any]) -> dict[str, Any]:
    """Return a gateway event's payload with everything that Discord would put in."""
    payload = dict(announced)
    if event in ("MESSAGE_CREATE", "MESSAGE_UPDATE"):
        complete_message(world, payload, nonce=event == "MESSAGE_CREATE")
    elif event == "MESSAGE_REACTION_ADD":
        _emoji(world, payload["emoji"])
        said, _ = world.find(int(payload["channel_id"]), int(payload["message_id"]))
        payload["message_author_id"] = str(said.author_id)
    elif event in ("THREAD_CREATE", "THREAD_UPDATE"):
        started = world.channels.get(int(payload["id"]))
        if started is not None and world.bot_user.id in started.thread_members:
            payload["member"] = serializers.thread_member_payload(started, world.bot_user.id)
    elif event == "THREAD_DELETE":
        payload = {key: payload[key] for key in ("id", "guild_id", "parent_id", "type")}
    elif event in ("CHANNEL_CREATE", "CHANNEL_UPDATE"):
        payload = complete_channel(payload)
    if "member" in payload and event.startswith(("MESSAGE", "TYPING")):
        member(payload["member"])
    return payload
