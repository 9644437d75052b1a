"""Cut Discord's description of its HTTP API down to the routes that the bot uses.

    python tests/sandbox/openapi/trim.py openapi.json > tests/sandbox/openapi/discord.json

The whole is published as `specs/openapi.json` in github.com/discord/discord-api-spec, under the licence
beside this.
"""

import json
import sys
from typing import Any

ROUTES = """
GET /gateway
GET /gateway/bot
GET /users/@me
GET /users/{user_id}
GET /applications/@me
GET /oauth2/applications/@me
PUT /applications/{application_id}/commands
GET /guilds/{guild_id}
GET /guilds/{guild_id}/channels
GET /guilds/{guild_id}/members
GET /guilds/{guild_id}/members/{user_id}
GET /guilds/{guild_id}/threads/active
GET /channels/{channel_id}
PATCH /channels/{channel_id}
DELETE /channels/{channel_id}
GET /channels/{channel_id}/messages
POST /channels/{channel_id}/messages
GET /channels/{channel_id}/messages/{message_id}
PATCH /channels/{channel_id}/messages/{message_id}
DELETE /channels/{channel_id}/messages/{message_id}
GET /channels/{channel_id}/messages/{message_id}/reactions/{emoji_name}
PUT /channels/{channel_id}/messages/{message_id}/reactions/{emoji_name}/@me
DELETE /channels/{channel_id}/messages/{message_id}/reactions/{emoji_name}/@me
POST /channels/{channel_id}/messages/{message_id}/threads
POST /channels/{channel_id}/threads
POST /channels/{channel_id}/typing
GET /channels/{channel_id}/threads/archived/public
GET /channels/{channel_id}/thread-members
PUT /channels/{channel_id}/thread-members/@me
GET /channels/{channel_id}/webhooks
POST /channels/{channel_id}/webhooks
POST /webhooks/{webhook_id}/{webhook_token}
GET /webhooks/{webhook_id}/{webhook_token}/messages/{message_id}
PATCH /webhooks/{webhook_id}/{webhook_token}/messages/{message_id}
DELETE /webhooks/{webhook_id}/{webhook_token}/messages/{message_id}
DELETE /webhooks/{webhook_id}/{webhook_token}
"""

PROSE = ("description", "summary", "operationId", "tags", "security", "x-discord-internal", "headers")


def without_prose(value: Any, *, naming: bool = False) -> Any:
    """Drop what says nothing about shapes; `naming`: the keys of this object are names of fields."""
    if isinstance(value, list):
        return [without_prose(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        key: without_prose(each, naming=key == "properties" and not naming)
        for key, each in value.items()
        if naming or key not in PROSE
    }


def referenced(value: Any) -> set[str]:
    """Return the components that a piece of the description refers to."""
    if isinstance(value, list):
        return set().union(*(referenced(each) for each in value))
    if not isinstance(value, dict):
        return set()
    found = set().union(*(referenced(each) for each in value.values()))
    return found | ({value["$ref"]} if isinstance(value.get("$ref"), str) else set())


def trimmed(whole: dict[str, Any]) -> dict[str, Any]:
    paths: dict[str, Any] = {}
    for line in ROUTES.split("\n"):
        if line:
            method, path = line.split(" ")
            responses = whole["paths"][path][method.lower()]["responses"]
            paths.setdefault(path, {})[method.lower()] = {"responses": without_prose(responses)}
    components: dict[str, dict[str, Any]] = {}
    todo = referenced(paths)
    while todo:
        _, _, kind, name = todo.pop().split("/")
        if name not in components.setdefault(kind, {}):
            components[kind][name] = without_prose(whole["components"][kind][name])
            todo |= referenced(components[kind][name])
    kept = {key: whole[key] for key in ("openapi", "info")}
    return {
        **kept,
        "paths": paths,
        "components": {kind: dict(sorted(components[kind].items())) for kind in components},
    }


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as file:
        json.dump(trimmed(json.load(file)), sys.stdout, indent=1, ensure_ascii=False)
    sys.stdout.write("\n")
