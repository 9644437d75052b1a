"""The control API under `/sandbox/`: what tests, bench and the page ask of the world.

JSON in and out; no login, since the sandbox listens on loopback only and asks for a JSON content type,
which no foreign page may send. Ids are strings in answers; numbers and strings are taken. `as` is ada,
grace, robin, butler, bot or an id; ada where it is left out.

    GET    /sandbox/state                           the file that keeps this world: whose sandbox this is
    GET    /sandbox/world                           guild, users, channels and threads, settings, gateway
    GET    /sandbox/channels/ID/messages            every message, oldest first, with nonce and deleted
           ?before=ID&limit=50                      one page only, without the deleted
    POST   /sandbox/post      {channel, content, as, reply_to, files: [{name, data}]}: data in Base64
    POST   /sandbox/edit      {channel, message, content}
    POST   /sandbox/delete    {channel, message}
    POST   /sandbox/react     {channel, message, emoji, as}, and /sandbox/unreact
    POST   /sandbox/clear     {channel, message, emoji}: all reactions, or those of one emoji
    POST   /sandbox/type      {channel, as}
    POST   /sandbox/invoke    {channel, message, command, as}: a message command; answers what the bot says
    GET    /sandbox/commands?channel=ID&as=ada      the message commands that somebody is shown there
    POST   /sandbox/archive   {channel}, and unarchive, lock, unlock: a thread
    POST   /sandbox/remove    {channel}: deletes a thread or a channel
    POST   /sandbox/permit    {channel, permission, allowed, as: bot}: what the bot, somebody, or `everyone` may there
    POST   /sandbox/role      {as, role, has}: give somebody a role, or take it away
    POST   /sandbox/branch    {joined: true}: a second server, with the bot on it or without
    POST   /sandbox/server    {server, available}: an outage of a server, and its end
    POST   /sandbox/leave     {server}: the bot is taken off it; join: it is invited again
    POST   /sandbox/settings  {intents_allowed, active_thread_cap, session_limit, nonce_seconds, rate_limits, seed}
    POST   /sandbox/oddities  {match, put, drop}, see `oddities.Oddity`; DELETE makes everything as usual
    POST   /sandbox/faults    a rule, see `faults.Rule`; GET lists them, DELETE ends them
    POST   /sandbox/gateway   {resumable: true, code: 4000}: drops every connection; code 0 tears it down
    GET    /sandbox/requests?since=N                what reached the HTTP door, with time.monotonic()
    GET    /sandbox/counts    how many requests of each shape arrived
           ?route=POST /channels/*/messages&count=N&wait=SECONDS     waits for N in all
    GET    /sandbox/events    server-sent events, for the page
"""

from base64 import b64decode
from collections.abc import Callable
from typing import Any

import orjson
from aiohttp import web
from simcord.backend.errors import BackendError
from simcord.backend.permissions import flag
from simcord.enums import OverwriteType

from . import defaults, interactions, servers, view
from .faults import Rule
from .oddities import Oddity
from .sandbox import Sandbox
from .threads import ThreadWorld

Body = dict[str, Any]
Act = Callable[[ThreadWorld, Body], Any]


def user_of(body: Body) -> int:
    name = body.get("as", "ada")
    return defaults.USERS.get(name) or int(name)


def post(world: ThreadWorld, body: Body) -> Any:
    reply_to = int(body["reply_to"]) if body.get("reply_to") else None
    files = [(str(each["name"]), b64decode(each["data"])) for each in body.get("files", ())]
    said = world.say(
        int(body["channel"]), user_of(body), str(body["content"]), reply_to=reply_to, files=files
    )
    return view.message(world, said)


def edit(world: ThreadWorld, body: Body) -> Any:
    world.require_active(int(body["channel"]))
    said = world.edit_message(int(body["channel"]), int(body["message"]), {"content": str(body["content"])})
    return view.message(world, said)


def delete(world: ThreadWorld, body: Body) -> None:
    world.delete_message(int(body["channel"]), int(body["message"]))


def react(world: ThreadWorld, body: Body) -> None:
    world.require_active(int(body["channel"]))
    world.set_reaction(int(body["channel"]), int(body["message"]), str(body["emoji"]), user_of(body), True)


def unreact(world: ThreadWorld, body: Body) -> None:
    world.require_active(int(body["channel"]))
    world.set_reaction(int(body["channel"]), int(body["message"]), str(body["emoji"]), user_of(body), False)


def clear(world: ThreadWorld, body: Body) -> None:
    world.require_active(int(body["channel"]))
    emoji = world.emoji(str(body["emoji"])) if body.get("emoji") else None
    if emoji is None:
        world.clear_reactions(int(body["channel"]), int(body["message"]))
    else:
        world.clear_reaction(int(body["channel"]), int(body["message"]), emoji)


def type_(world: ThreadWorld, body: Body) -> None:
    world.show_typing(int(body["channel"]), user_of(body))


def archive(world: ThreadWorld, body: Body) -> None:
    world.set_state(world.get_thread(int(body["channel"])), archived=True)


def unarchive(world: ThreadWorld, body: Body) -> None:
    world.set_state(world.get_thread(int(body["channel"])), archived=False)


def lock(world: ThreadWorld, body: Body) -> None:
    world.set_state(world.get_thread(int(body["channel"])), locked=True)


def unlock(world: ThreadWorld, body: Body) -> None:
    world.set_state(world.get_thread(int(body["channel"])), locked=False)


def remove(world: ThreadWorld, body: Body) -> None:
    world.delete_channel(int(body["channel"]))


def permit(world: ThreadWorld, body: Body) -> None:
    """Give the bot, somebody or everyone a permission in a channel, or take it away there."""
    channel_id, bit = int(body["channel"]), flag(str(body["permission"]))
    if body.get("as") == "everyone":
        target, kind = world.guild_of(channel_id).id, OverwriteType.ROLE
    else:
        target, kind = user_of({"as": "bot"} | body), OverwriteType.MEMBER
    servers.overwrite(world, channel_id, target, kind, bit, bool(body["allowed"]))


def role(world: ThreadWorld, body: Body) -> None:
    guild = servers.server(world, int(body.get("server", defaults.GUILD_ID)))
    give = world.add_member_role if body["has"] else world.remove_member_role
    give(guild.id, user_of(body), int(body["role"]))


def branch(world: ThreadWorld, body: Body) -> None:
    servers.found_branch(world, joined=bool(body.get("joined", True)))


def server(world: ThreadWorld, body: Body) -> None:
    servers.set_available(world, int(body["server"]), bool(body["available"]))


def leave(world: ThreadWorld, body: Body) -> None:
    servers.leave(world, int(body["server"]))


def join(world: ThreadWorld, body: Body) -> None:
    servers.join(world, int(body["server"]))


ACTS: dict[str, Act] = {
    "post": post,
    "edit": edit,
    "delete": delete,
    "react": react,
    "unreact": unreact,
    "clear": clear,
    "type": type_,
    "archive": archive,
    "unarchive": unarchive,
    "lock": lock,
    "unlock": unlock,
    "remove": remove,
    "permit": permit,
    "role": role,
    "branch": branch,
    "server": server,
    "leave": leave,
    "join": join,
}


class Control:
    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/sandbox/state", self.state),
            web.get("/sandbox/world", self.world),
            web.get("/sandbox/channels/{channel}/messages", self.messages),
            web.post("/sandbox/settings", self.settings),
            web.get("/sandbox/faults", self.list_faults),
            web.post("/sandbox/faults", self.add_fault),
            web.delete("/sandbox/faults", self.clear_faults),
            web.post("/sandbox/oddities", self.add_oddity),
            web.delete("/sandbox/oddities", self.clear_oddities),
            web.post("/sandbox/gateway", self.drop),
            web.get("/sandbox/requests", self.requests),
            web.get("/sandbox/counts", self.counts),
            web.get("/sandbox/commands", self.commands),
            web.post("/sandbox/invoke", self.invoke),
            web.post("/sandbox/{act}", self.act),
        ]

    async def act(self, request: web.Request) -> web.Response:
        act = ACTS.get(request.match_info["act"])
        if act is None:
            raise web.HTTPNotFound
        body = await _body(request)
        try:
            result = act(self._sandbox.world, body)
        except BackendError as error:
            return _json(error.to_json(), status=error.status)
        finally:
            self._sandbox.settle()
        return _json(result)

    async def commands(self, request: web.Request) -> web.Response:
        found = interactions.message_commands(
            self._sandbox.world,
            user_id=user_of(dict(request.query)),
            channel_id=int(request.query["channel"]),
        )
        return _json([each["name"] for each in found])

    async def invoke(self, request: web.Request) -> web.Response:
        body, world = await _body(request), self._sandbox.world
        try:
            record = interactions.invoke(
                world,
                user_id=user_of(body),
                channel_id=int(body["channel"]),
                message_id=int(body["message"]),
                name=str(body["command"]),
            )
            self._sandbox.settle()
            return _json(await interactions.answered(world, record))
        except BackendError as error:
            return _json(error.to_json(), status=error.status)

    async def state(self, request: web.Request) -> web.Response:
        return _json({"state": str(self._sandbox.state) if self._sandbox.state else None})

    async def world(self, request: web.Request) -> web.Response:
        gateway = self._sandbox.gateway
        counts = {
            "connected": gateway.connected(),
            "identifies": gateway.identifies,
            "resumes": gateway.resumes,
        }
        return _json(view.world_state(self._sandbox.world) | {"gateway": counts})

    async def messages(self, request: web.Request) -> web.Response:
        world = self._sandbox.world
        _, timeline, _ = world.everywhere()[int(request.match_info["channel"])]
        if "limit" not in request.query:
            said_here = timeline.everything()
            return _json(
                [view.message(world, said, deleted=gone) for said, gone in said_here if not said.is_ephemeral]
            )
        before = request.query.get("before")
        page = timeline.page(
            limit=int(request.query["limit"]), before=int(before) if before else None, after=None, around=None
        )
        return _json([view.message(world, said) for said in reversed(page) if not said.is_ephemeral])

    async def settings(self, request: web.Request) -> web.Response:
        body = await _body(request)
        if "rate_limits" in body:
            self._sandbox.limits.on = bool(body["rate_limits"])
        if "seed" in body:
            self._sandbox.faults.random.seed(body["seed"])
        self._sandbox.world.apply_settings(body)
        self._sandbox.settle()
        return _json(self._sandbox.world.settings())

    async def add_fault(self, request: web.Request) -> web.Response:
        try:
            self._sandbox.faults.add(Rule(**await _body(request)))
        except (TypeError, ValueError) as error:
            return _json({"message": str(error)}, status=400)
        return _json(None)

    async def list_faults(self, request: web.Request) -> web.Response:
        return _json(self._sandbox.faults.described())

    async def clear_faults(self, request: web.Request) -> web.Response:
        self._sandbox.faults.clear()
        return _json(None)

    async def add_oddity(self, request: web.Request) -> web.Response:
        try:
            self._sandbox.world.oddities.append(Oddity(**await _body(request)))
        except (TypeError, ValueError) as error:
            return _json({"message": str(error)}, status=400)
        return _json(None)

    async def clear_oddities(self, request: web.Request) -> web.Response:
        self._sandbox.world.oddities.clear()
        return _json(None)

    async def drop(self, request: web.Request) -> web.Response:
        body = await _body(request)
        resumable, code = bool(body.get("resumable", True)), int(body.get("code", 4000))
        dropped = self._sandbox.gateway.drop(resumable=resumable, code=code)
        return _json({"dropped": dropped})

    async def requests(self, request: web.Request) -> web.Response:
        return _json(self._sandbox.log.since(int(request.query.get("since", 0))))

    async def counts(self, request: web.Request) -> web.Response:
        log, query = self._sandbox.log, request.query
        if "wait" in query:
            await log.wait(query["route"], int(query["count"]), float(query["wait"]))
        return _json(dict(log.counts))


async def _body(request: web.Request) -> Body:
    """Return the JSON body. Its content type keeps other sites' forms out."""
    if request.content_type != "application/json":
        raise web.HTTPUnsupportedMediaType
    body = orjson.loads(await request.read())
    if not isinstance(body, dict):
        raise web.HTTPBadRequest
    return body


def _json(value: Any, *, status: int = 200) -> web.Response:
    return web.Response(status=status, body=orjson.dumps(value), content_type="application/json")
