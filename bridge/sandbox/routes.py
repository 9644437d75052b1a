"""Discord's HTTP API: simcord's routes, and before them those where simcord answers otherwise."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from simcord import intents
from simcord.backend import errors
from simcord.backend.models import Channel, Message
from simcord.http import router
from simcord.http import routes as _simcord_routes  # noqa: F401  (importing it fills the router's table)

from . import wire
from .threads import ThreadWorld
from .world import refused


@dataclass
class Request:
    """One request to the HTTP API, read from the network."""

    world: ThreadWorld
    method: str
    path: str
    json: Any = None
    params: dict[str, str] = field(default_factory=dict)
    files: list[Any] = field(default_factory=list)
    args: dict[str, int] = field(default_factory=dict)

    def simcord(self, *, json: Any = None) -> Any:
        """Let simcord answer."""
        return router.dispatch(
            self.world,
            self.method,
            self.path,
            json=self.json if json is None else json,
            params=dict(self.params),
            files=self.files,
            message_content_access=self.world.message_content_allowed(),
        )

    def channel(self, *needed: str) -> Channel:
        """Return the channel of the path, where the bot may see it and has what is `needed` there."""
        channel = self.world.get_channel(self.args["channel"])
        self.world.require_permissions(channel.guild_id, self.world.bot_user.id, channel.id, *needed)
        return channel

    def number(self, name: str, default: int | None = None) -> int | None:
        if name not in self.params:
            return default
        if not self.params[name].isdecimal():
            raise errors.invalid_form_body(f'{name}: Value "{self.params[name]}" is not snowflake.')
        return int(self.params[name])

    def limit(self, default: int, most: int) -> int:
        limit = self.number("limit", default)
        if limit is None or not 1 <= limit <= most:
            raise errors.invalid_form_body(f"limit: Must be between 1 and {most}")
        return limit


LARGEST_FILE = 10 * 1024 * 1024
"""Bytes, in a server that nobody pays for."""

Answer = tuple[int, Any]
Handler = Callable[[Request], Answer]
_own: dict[str, list[tuple[re.Pattern[str], Handler]]] = {}


def answers(method: str, template: str) -> Callable[[Handler], Handler]:
    """Register a handler that comes before simcord's; `{name}` in the template is a number."""
    pattern = re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>\\d+)", template) + "$")

    def register(handler: Handler) -> Handler:
        _own.setdefault(method, []).append((pattern, handler))
        return handler

    return register


def answer(request: Request) -> Answer:
    """Return status and body; raises simcord's `BackendError` for what Discord would refuse."""
    for pattern, handler in _own.get(request.method, ()):
        if match := pattern.match(request.path):
            request.args = {name: int(value) for name, value in match.groupdict().items()}
            return handler(request)
    body = request.simcord()
    return (204, None) if body is None else (200, body)


def shown(request: Request, message: Message, *, nonce: bool = False) -> dict[str, Any]:
    """Return a message as this bot may read it."""
    payload = wire.message(request.world, message, nonce=nonce)
    if not request.world.message_content_allowed():
        intents.censor_message(payload, request.world.bot_user.id, backend=request.world)
    return payload


@answers("GET", "/channels/{channel}/messages")
def list_messages(request: Request) -> Answer:
    channel = request.channel()
    limit = request.limit(50, 100)
    if not request.world.may(request.world.bot_user.id, channel.id, "read_message_history"):
        return 200, []
    page = request.world.messages.timeline(channel.id).page(
        limit=limit,
        before=request.number("before"),
        after=request.number("after"),
        around=request.number("around"),
    )
    return 200, [shown(request, message) for message in page if not message.is_ephemeral]


@answers("POST", "/channels/{channel}/messages")
def send_message(request: Request) -> Answer:
    world, body = request.world, request.json if isinstance(request.json, dict) else {}
    channel = request.channel()
    if channel.type == 15:
        raise refused(400, 50008, "Cannot send messages in a non-text channel")
    request.channel("send_messages_in_threads" if channel.is_thread else "send_messages")
    nonce = body.get("nonce")
    if nonce is not None and body.get("enforce_nonce"):
        first = world.repeated(world.bot_user.id, nonce)
        if first is not None and first.id in world.messages.timeline(first.channel_id):
            return 200, shown(request, first, nonce=True)
    _require_something(request, body)
    require_small(request.files)
    world.wake(channel, world.bot_user.id)
    world.use_nonce(nonce)
    try:
        sent = request.simcord()
    finally:
        world.use_nonce(None)
    return 200, shown(request, world.get_message(channel.id, int(sent["id"])), nonce=True)


def require_small(uploads: list[Any]) -> None:
    if any(len(each.fp.getbuffer()) > LARGEST_FILE for each in uploads):
        raise refused(413, 40005, "Request entity too large")


def _require_something(request: Request, body: dict[str, Any]) -> None:
    """Discord has a code of its own for an empty message, where simcord finds its form wrong."""
    parts = ("embeds", "embed", "components", "sticker_ids", "poll", "message_reference")
    if not (str(body.get("content") or "").strip() or request.files or any(body.get(part) for part in parts)):
        raise refused(400, 50006, "Cannot send an empty message")


@answers("GET", "/channels/{channel}/messages/{message}")
def get_message(request: Request) -> Answer:
    channel = request.channel("read_message_history")
    return 200, shown(request, request.world.get_message(channel.id, request.args["message"]))


@answers("PATCH", "/channels/{channel}/messages/{message}")
def edit_message(request: Request) -> Answer:
    channel = request.channel()
    request.world.require_active(channel.id)
    request.simcord()
    return 200, shown(request, request.world.get_message(channel.id, request.args["message"]))
