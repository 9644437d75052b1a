"""Discord's HTTP API: webhooks."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from simcord.backend import errors

from . import wire
from .routes import Answer, Request, answers, shown


@answers("POST", "/channels/{channel}/webhooks")
def create_webhook(request: Request) -> Answer:
    name = str((request.json or {}).get("name", ""))
    if not 1 <= len(name) <= 80 or any(word in name.lower() for word in ("clyde", "discord")):
        raise errors.invalid_form_body("name: not a name that a webhook may have")
    return 200, _webhook(request.simcord())


@answers("GET", "/channels/{channel}/webhooks")
def channel_webhooks(request: Request) -> Answer:
    return 200, [_webhook(payload) for payload in request.simcord()]


@answers("GET", r"/webhooks/{webhook}(/[\w-]+)?")
def get_webhook(request: Request) -> Answer:
    return 200, _webhook(request.simcord())


def _webhook(payload: dict[str, Any]) -> dict[str, Any]:
    wire.user(payload["user"])
    return payload


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
    with _in_place(request) as place:
        world.wake(world.get_channel(place), world.bot_user.id)
        sent = request.simcord()
    if request.params.get("wait", "").lower() not in ("true", "1"):
        return 204, None
    return 200, shown(request, world.get_message(place, int(sent["id"])))


@answers("GET", r"/webhooks/{webhook}/[\w-]+/messages/{message}")
def get_webhook_message(request: Request) -> Answer:
    with _in_place(request) as place:
        request.simcord()
    return 200, shown(request, request.world.get_message(place, request.args["message"]))


@answers("PATCH", r"/webhooks/{webhook}/[\w-]+/messages/{message}")
def edit_webhook_message(request: Request) -> Answer:
    with _in_place(request) as place:
        request.world.require_active(place)
        request.simcord()
    return 200, shown(request, request.world.get_message(place, request.args["message"]))


@answers("DELETE", r"/webhooks/{webhook}/[\w-]+/messages/{message}")
def delete_webhook_message(request: Request) -> Answer:
    with _in_place(request):
        request.simcord()
    return 204, None
