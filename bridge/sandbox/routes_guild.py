"""Discord's HTTP API: the gateway's address, accounts, the guild and its members, commands."""

from typing import Any

from simcord.backend import errors, serializers
from simcord.backend.models import Guild

from . import defaults, wire
from .routes import Answer, Request, answers

MESSAGE_CONTENT_LIMITED = 1 << 19
GUILD_MEMBERS_LIMITED = 1 << 15


@answers("GET", "/gateway/bot")
def gateway_bot(request: Request) -> Answer:
    world = request.world
    left = max(0, world.session_limit - world.sessions_begun)
    limits = {
        "total": world.session_limit,
        "remaining": left,
        "reset_after": 86_400_000,
        "max_concurrency": 1,
    }
    url = defaults.gateway_url(request.world.base_url)
    return 200, {"url": url, "shards": 1, "session_start_limit": limits}


@answers("GET", "/gateway")
def gateway(request: Request) -> Answer:
    return 200, {"url": defaults.gateway_url(request.world.base_url)}


@answers("GET", "/users/@me")
def me(request: Request) -> Answer:
    return 200, wire.own_user(request.world.bot_user)


@answers("GET", "/users/{user}")
def user(request: Request) -> Answer:
    return 200, wire.user(request.simcord())


@answers("GET", "/applications/@me")
def application(request: Request) -> Answer:
    return 200, application_payload(request)


@answers("GET", "/oauth2/applications/@me")
def oauth_application(request: Request) -> Answer:
    return 200, application_payload(request)


def application_flags(allowed: set[str]) -> int:
    flags = GUILD_MEMBERS_LIMITED if "members" in allowed else 0
    return flags | (MESSAGE_CONTENT_LIMITED if "message_content" in allowed else 0)


def application_payload(request: Request) -> dict[str, Any]:
    world = request.world
    owner = wire.user({**serializers.user_payload(world.users[defaults.ADA_ID])})
    return {
        "id": str(world.application_id),
        "name": world.bot_user.global_name,
        "icon": None,
        "description": "",
        "type": None,
        "summary": "",
        "bot": wire.user({**serializers.user_payload(world.bot_user)}),
        "bot_public": False,
        "bot_require_code_grant": False,
        "integration_types_config": {},
        "verify_key": "0" * 64,
        "flags": application_flags(world.intents_allowed),
        "flags_new": str(application_flags(world.intents_allowed)),
        "eligible_oauth2_scopes": [],
        "hook": True,
        "redirect_uris": [],
        "interactions_endpoint_url": None,
        "role_connections_verification_url": None,
        "owner": owner,
        "team": None,
        "approximate_guild_count": 1,
        "approximate_user_install_count": 0,
        "approximate_user_authorization_count": 0,
        "explicit_content_filter": 0,
    }


@answers("GET", "/guilds/{guild}")
def guild(request: Request) -> Answer:
    server = _joined(request)
    payload = wire.guild(request.world, server)
    if request.params.get("with_counts", "").lower() in ("true", "1"):
        payload["approximate_member_count"] = len(server.members)
        payload["approximate_presence_count"] = 0
    return 200, payload


@answers("GET", "/guilds/{guild}/channels")
def guild_channels(request: Request) -> Answer:
    world = request.world
    return 200, [wire.channel(world, world.channels[channel]) for channel in _joined(request).channel_ids]


def _joined(request: Request) -> Guild:
    guild = request.world.get_guild(request.args["guild"])
    if guild not in request.world.bot_guilds:
        raise errors.missing_access()
    return guild


@answers("GET", "/guilds/{guild}/members")
def guild_members(request: Request) -> Answer:
    _joined(request)
    return 200, [wire.member(member) for member in request.simcord()]


@answers("GET", "/guilds/{guild}/members/{user}")
def guild_member(request: Request) -> Answer:
    _joined(request)
    return 200, wire.member(request.simcord())


@answers("PUT", "/applications/{application}/commands")
def register_commands(request: Request) -> Answer:
    return 200, [_command(command) for command in request.simcord()]


@answers("GET", "/applications/{application}/commands")
def list_commands(request: Request) -> Answer:
    return 200, [_command(command) for command in request.simcord()]


@answers("PUT", "/applications/{application}/guilds/{guild}/commands")
def register_guild_commands(request: Request) -> Answer:
    return 200, [_command(command) for command in request.simcord()]


def _command(payload: dict[str, Any]) -> dict[str, Any]:
    return {"version": payload["id"], "nsfw": False, **payload}
