"""Discord's HTTP API: webhooks."""

import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from simcord.backend import errors

from . import wire
from .routes import Answer, Request, answers, shown
from .world import refused

_MOST, _LONGEST = 15, 80


@answers("POST", "/channels/{channel}/webhooks")
def create_webhook(request: Request) -> Answer:
    _require_name("name", str((request.json or {}).get("name", "")))
    if (
        len([each for each in request.world.webhooks.values() if each.channel_id == request.args["channel"]])
        >= _MOST
    ):
        raise refused(400, 30007, "Maximum number of webhooks reached (15)")
    return 200, _webhook(request, request.simcord())


def _require_name(field: str, name: str) -> None:
    if not 1 <= len(name) <= _LONGEST:
        raise errors.invalid_form_body(f"{field}: Must be between 1 and {_LONGEST} in length.")
    for word in ("clyde", "discord"):
        if word in unicodedata.normalize("NFKC", name).lower():
            raise errors.invalid_form_body(f'{field}: Username cannot contain "{word}"')
    if name.lower() in {"everyone", "here"}:
        raise errors.invalid_form_body(f'{field}: Username cannot be "{name}"')


def _require_address(address: Any) -> None:
    parts = urlsplit(str(address))
    if parts.scheme not in {"http", "https"} or "." not in (parts.hostname or ""):
        raise errors.invalid_form_body("avatar_url: Not a well formed URL.")


@answers("GET", "/channels/{channel}/webhooks")
def channel_webhooks(request: Request) -> Answer:
    return 200, [_webhook(request, payload) for payload in request.simcord()]


@answers("GET", r"/webhooks/{webhook}(/[\w-]+)?")
def get_webhook(request: Request) -> Answer:
    return 200, _webhook(request, request.simcord())


def _webhook(request: Request, payload: dict[str, Any]) -> dict[str, Any]:
    """Whoever made it has its token: of the webhooks of others a bot sees none."""
    wire.user(payload["user"])
    if int(payload["id"]) in request.world.own_webhooks:
        payload["application_id"] = str(request.world.application_id)
    else:
        payload.pop("token", None)
    return payload


def _is_interaction(request: Request) -> bool:
    """What a bot says after it has answered a command goes by the same addresses."""
    return request.path.split("/")[3] in request.world.interaction_tokens


@contextmanager
def _in_place(request: Request) -> Iterator[int]:
    """Yield where a webhook's request goes; for simcord, which ignores `thread_id`, the thread stands in."""
    world, token = request.world, request.path.split("/")[3]
    webhook = world.webhooks.get(request.args["webhook"])
    if webhook is None or webhook.token != token:
        raise errors.unknown_webhook()
    thread_id, home = request.number("thread_id"), webhook.channel_id
    if thread_id is None:
        yield home
        return
    if world.get_channel(thread_id).parent_id != home:
        raise errors.unknown_channel()
    webhook.channel_id = thread_id
    try:
        yield thread_id
    finally:
        webhook.channel_id = home


@answers("POST", r"/webhooks/{webhook}/[\w-]+")
def execute_webhook(request: Request) -> Answer:
    world = request.world
    if _is_interaction(request):
        return 200, request.simcord()
    body = request.json if isinstance(request.json, dict) else {}
    if body.get("username") is not None:
        _require_name("username", str(body["username"]))
    if body.get("avatar_url"):
        _require_address(body["avatar_url"])
    with _in_place(request) as place:
        world.wake(world.get_channel(place), world.bot_user.id)
        sent = request.simcord()
    if request.params.get("wait", "").lower() not in ("true", "1"):
        return 204, None
    return 200, shown(request, world.get_message(place, int(sent["id"])))


@answers("GET", r"/webhooks/{webhook}/[\w-]+/messages/{message}")
def get_webhook_message(request: Request) -> Answer:
    if _is_interaction(request):
        return 200, request.simcord()
    with _in_place(request) as place:
        request.simcord()
    return 200, shown(request, request.world.get_message(place, request.args["message"]))


@answers("PATCH", r"/webhooks/{webhook}/[\w-]+/messages/{message}")
def edit_webhook_message(request: Request) -> Answer:
    if _is_interaction(request):
        return 200, request.simcord()
    with _in_place(request) as place:
        request.world.require_active(place)
        request.simcord()
    return 200, shown(request, request.world.get_message(place, request.args["message"]))


@answers("DELETE", r"/webhooks/{webhook}/[\w-]+/messages/{message}")
def delete_webhook_message(request: Request) -> Answer:
    if _is_interaction(request):
        request.simcord()
        return 204, None
    with _in_place(request):
        request.simcord()
    return 204, None
