"""Discord's HTTP API: channels and threads."""

from typing import Any

from simcord.backend import errors
from simcord.backend.models import Channel

from . import wire
from .routes import Answer, Request, answers, shown
from .threads import ThreadWorld, state_of


@answers("POST", "/channels/{channel}/messages/{message}/threads")
def thread_from_message(request: Request) -> Answer:
    thread = request.simcord()
    return 201, wire.thread(request.world, request.world.channels[int(thread["id"])])


@answers("POST", "/channels/{channel}/threads")
def start_thread(request: Request) -> Answer:
    created = request.simcord()
    world = request.world
    thread_id = int(created["id"])
    payload = wire.thread(world, world.channels[thread_id])
    if "message" in created:
        payload["message"] = shown(request, world.get_message(thread_id, int(created["message"]["id"])))
    return 201, payload


@answers("GET", "/guilds/{guild}/threads/active")
def active_threads(request: Request) -> Answer:
    world, bot = request.world, request.world.bot_user.id
    if world.get_guild(request.args["guild"]) not in world.bot_guilds:
        raise errors.missing_access()
    active = world.active_threads(request.args["guild"])
    seen = [thread for thread in active if world.may(bot, thread.id, "view_channel")]
    return 200, thread_list(world, seen, more=False)


@answers("GET", "/channels/{channel}/threads/archived/public")
def archived_threads(request: Request) -> Answer:
    channel = request.channel("read_message_history")
    threads, more = request.world.archived_page(
        channel.id, before=request.params.get("before"), limit=request.limit(50, 100)
    )
    return 200, thread_list(request.world, threads, more=more)


def thread_list(world: ThreadWorld, threads: list[Channel], *, more: bool) -> dict[str, Any]:
    payloads = [wire.thread(world, thread) for thread in threads]
    return {
        "threads": payloads,
        "members": [payload["member"] for payload in payloads if "member" in payload],
        "has_more": more,
    }


@answers("GET", "/channels/{channel}")
def get_channel(request: Request) -> Answer:
    return 200, wire.channel(request.world, request.channel())


@answers("PATCH", "/channels/{channel}")
def edit_channel(request: Request) -> Answer:
    channel = request.channel()
    if channel.is_thread:
        _edit_thread(request, channel)
    else:
        request.simcord()
    return 200, wire.channel(request.world, channel)


def _edit_thread(request: Request, thread: Channel) -> None:
    world, body = request.world, dict(request.json or {})
    state = state_of(thread)
    if state.locked or "locked" in body or thread.owner_id != world.bot_user.id:
        request.channel("manage_threads")
    is_archived, locked = body.pop("archived", None), body.pop("locked", None)
    if state.archived and is_archived is not False and body:
        world.require_active(thread.id)
    if is_archived is False or locked is not None:
        world.set_state(thread, archived=is_archived, locked=locked)
    _apply(world, thread, body)
    if is_archived:
        world.set_state(thread, archived=True)


def _apply(world: ThreadWorld, thread: Channel, body: dict[str, Any]) -> None:
    name = body.get("name", thread.name)
    if not isinstance(name, str) or not 1 <= len(name) <= 100:
        raise errors.invalid_form_body("name: Must be between 1 and 100 in length")
    changes: dict[str, Any] = {key: body[key] for key in ("name", "rate_limit_per_user") if key in body}
    if "applied_tags" in body:
        changes["applied_tags"] = [int(tag) for tag in body["applied_tags"]]
    state: dict[str, Any] = {key: body[key] for key in ("auto_archive_duration", "invitable") if key in body}
    if changes or state:
        world.edit_channel(thread.id, changes, thread_metadata=state)


@answers("DELETE", "/channels/{channel}")
def delete_channel(request: Request) -> Answer:
    channel = request.channel()
    request.channel("manage_threads" if channel.is_thread else "manage_channels")
    payload = wire.channel(request.world, channel)
    request.world.delete_channel(channel.id)
    return 200, payload
