"""Reactions: Discord's limits, its answers where nothing changes, and who stands behind an emoji."""

from urllib.parse import unquote

from simcord.backend.access import reaction_permissions
from simcord.backend.models import Message

from . import wire
from .routes import Answer, Request, answers
from .world import refused

_REACTIONS = "/channels/{channel}/messages/{message}/reactions"


def _asked(request: Request) -> tuple[Message, str]:
    """The message of the path and its emoji, in the world's spelling."""
    channel = request.channel("read_message_history")
    name = unquote(request.path.split("/reactions/")[1].split("/")[0])
    message = request.world.get_message(channel.id, request.args["message"])
    emoji = request.world.emoji(name)
    if emoji is None:
        raise refused(400, 10014, "Unknown Emoji")
    return message, emoji


@answers("PUT", _REACTIONS + "/[^/]+/@me")
def react(request: Request) -> Answer:
    message, emoji = _asked(request)
    request.world.require_active(message.channel_id)
    request.channel(*reaction_permissions(message, emoji))
    request.world.set_reaction(message.channel_id, message.id, emoji, request.world.bot_user.id, True)
    return 204, None


@answers("DELETE", _REACTIONS + "/[^/]+/@me")
def take_back(request: Request) -> Answer:
    message, emoji = _asked(request)
    request.world.require_active(message.channel_id)
    request.world.set_reaction(message.channel_id, message.id, emoji, request.world.bot_user.id, False)
    return 204, None


@answers("DELETE", _REACTIONS + "/[^/]+/{user}")
def take_another_back(request: Request) -> Answer:
    message, emoji = _asked(request)
    if request.args["user"] != request.world.bot_user.id:
        request.channel("manage_messages")
    request.world.require_active(message.channel_id)
    request.world.set_reaction(message.channel_id, message.id, emoji, request.args["user"], False)
    return 204, None


@answers("DELETE", _REACTIONS + "(?:/[^/]+)?")
def clear(request: Request) -> Answer:
    request.world.require_active(request.channel("manage_messages").id)
    request.simcord()
    return 204, None


@answers("GET", _REACTIONS + "/[^/]+")
def list_users(request: Request) -> Answer:
    message, emoji = _asked(request)
    reaction = message.reaction_for(emoji)
    after, limit = request.number("after", 0) or 0, request.limit(25, 100)
    # Nobody has Nitro here: no burst of anybody's.
    normal = request.params.get("type", "0") == "0"
    people = sorted(user for user in reaction.user_ids if user > after) if reaction and normal else []
    return 200, [wire.shown_user(request.world, user) for user in people[:limit]]
