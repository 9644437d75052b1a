"""What the sandbox answers is what Discord's own description of its HTTP API says."""

import time
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest

from bridge.sandbox import defaults, limits
from bridge.sandbox.client import SandboxClient
from tests.sandbox.api import ROUTES, Api

SUPPORT, FORUM, GUILD = defaults.SUPPORT_CHANNEL_ID, defaults.FORUM_CHANNEL_ID, defaults.GUILD_ID
MESSAGES = "/channels/{channel_id}/messages"
MESSAGE = MESSAGES + "/{message_id}"
HOOK = "/webhooks/{webhook_id}/{webhook_token}"

Scenario = Callable[[Api, SandboxClient], Awaitable[None]]


async def send(
    api: Api, channel_id: int | str = SUPPORT, content: str = "Hello", **fields: Any
) -> dict[str, Any]:
    sent = await api.call(f"POST {MESSAGES}", channel_id=channel_id, json={"content": content, **fields})
    assert sent["content"] == content
    return sent  # type: ignore[no-any-return]


async def open_thread(api: Api) -> dict[str, Any]:
    card = await send(api, content="A visitor")
    started = await api.call(
        f"POST {MESSAGE}/threads",
        status=201,
        channel_id=SUPPORT,
        message_id=card["id"],
        json={"name": "A visitor", "auto_archive_duration": 1440},
    )
    assert started["id"] == card["id"]
    return started  # type: ignore[no-any-return]


async def accounts(api: Api, sandbox: SandboxClient) -> None:
    await api.call("GET /gateway")
    assert (await api.call("GET /gateway/bot"))["url"].startswith("ws://127.0.0.1:")
    assert (await api.call("GET /users/@me"))["id"] == str(defaults.BOT_ID)
    assert (await api.call("GET /users/{user_id}", user_id=defaults.ADA_ID))["username"] == "ada"
    assert (await api.call("GET /applications/@me"))["id"] == str(defaults.APPLICATION_ID)
    await api.call("GET /oauth2/applications/@me")


async def commands(api: Api, sandbox: SandboxClient) -> None:
    command = {"name": "close", "description": "Close this conversation", "type": 1, "options": []}
    answer = await api.call(
        "PUT /applications/{application_id}/commands", application_id=defaults.APPLICATION_ID, json=[command]
    )
    assert [each["name"] for each in answer] == ["close"]


async def guild(api: Api, sandbox: SandboxClient) -> None:
    await api.call("GET /guilds/{guild_id}", guild_id=GUILD)
    counted = await api.call("GET /guilds/{guild_id}", guild_id=GUILD, params={"with_counts": "true"})
    assert counted["approximate_member_count"] == 5
    channels = await api.call("GET /guilds/{guild_id}/channels", guild_id=GUILD)
    assert [each["name"] for each in channels] == ["general", "support", "tickets", "lobby"]
    assert len(await api.call("GET /guilds/{guild_id}/members", guild_id=GUILD, params={"limit": 1000})) == 5
    ada = await api.call("GET /guilds/{guild_id}/members/{user_id}", guild_id=GUILD, user_id=defaults.ADA_ID)
    assert ada["roles"] == [str(defaults.STAFF_ROLE_ID)]
    await api.call("GET /channels/{channel_id}", channel_id=SUPPORT)
    await api.call("GET /channels/{channel_id}", channel_id=FORUM)


async def messages(api: Api, sandbox: SandboxClient) -> None:
    embed = {
        "title": "A visitor",
        "description": "from /pricing",
        "fields": [{"name": "Locale", "value": "en"}],
    }
    sent = await send(
        api, embeds=[embed], nonce="one", enforce_nonce=True, allowed_mentions={"parse": []}, tts=False
    )
    assert sent["nonce"] == "one"
    asked = await sandbox.post_as("ada", SUPPORT, f"Hello <@{defaults.BOT_ID}>")
    reply = await send(api, content="Yes?", message_reference={"message_id": asked["id"]})
    assert reply["referenced_message"]["content"] == asked["content"]
    edited = await api.call(
        f"PATCH {MESSAGE}",
        channel_id=SUPPORT,
        message_id=sent["id"],
        json={"content": "Changed", "embeds": []},
    )
    assert edited["edited_timestamp"] is not None
    assert (await api.call(f"GET {MESSAGE}", channel_id=SUPPORT, message_id=sent["id"]))[
        "content"
    ] == "Changed"
    assert len(await api.call(f"GET {MESSAGES}", channel_id=SUPPORT)) == 3
    await api.call(f"DELETE {MESSAGE}", status=204, channel_id=SUPPORT, message_id=sent["id"])
    await api.call("POST /channels/{channel_id}/typing", status=204, channel_id=SUPPORT)


async def reactions(api: Api, sandbox: SandboxClient) -> None:
    asked = await sandbox.post_as("ada", SUPPORT, "Done?")
    place = {"channel_id": SUPPORT, "message_id": asked["id"], "emoji_name": "✅"}
    await api.call(f"PUT {MESSAGE}/reactions/{{emoji_name}}/@me", status=204, **place)
    seen = await api.call(f"GET {MESSAGE}", channel_id=SUPPORT, message_id=asked["id"])
    assert seen["reactions"][0]["me"] is True
    users = await api.call(f"GET {MESSAGE}/reactions/{{emoji_name}}", **place)
    assert [each["id"] for each in users] == [str(defaults.BOT_ID)]
    await api.call(f"DELETE {MESSAGE}/reactions/{{emoji_name}}/@me", status=204, **place)


async def threads(api: Api, sandbox: SandboxClient) -> None:
    thread = await open_thread(api)
    await send(api, thread["id"])
    await api.call("GET /channels/{channel_id}", channel_id=thread["id"])
    await api.call(f"GET {MESSAGES}", channel_id=thread["id"])
    await api.call(f"GET {MESSAGE}", channel_id=SUPPORT, message_id=thread["id"])
    await api.call("GET /channels/{channel_id}/thread-members", channel_id=thread["id"])
    await api.call("PUT /channels/{channel_id}/thread-members/@me", status=204, channel_id=thread["id"])
    active = await api.call("GET /guilds/{guild_id}/threads/active", guild_id=GUILD)
    assert [each["id"] for each in active["threads"]] == [thread["id"]]
    archived = await api.call(
        "PATCH /channels/{channel_id}", channel_id=thread["id"], json={"archived": True}
    )
    assert archived["thread_metadata"]["archived"] is True
    listed = await api.call("GET /channels/{channel_id}/threads/archived/public", channel_id=SUPPORT)
    assert [each["id"] for each in listed["threads"]] == [thread["id"]]
    await api.call("DELETE /channels/{channel_id}", channel_id=thread["id"])


async def forum(api: Api, sandbox: SandboxClient) -> None:
    post = await api.call(
        "POST /channels/{channel_id}/threads",
        status=201,
        channel_id=FORUM,
        json={
            "name": "A visitor",
            "auto_archive_duration": 1440,
            "applied_tags": [str(defaults.FORUM_TAG_ID)],
            "message": {"content": "Hello", "allowed_mentions": {"parse": []}},
        },
    )
    assert post["message"]["id"] == post["id"]
    assert post["message"]["content"] == "Hello"


async def webhooks(api: Api, sandbox: SandboxClient) -> None:
    thread = await open_thread(api)
    made = await api.call("POST /channels/{channel_id}/webhooks", channel_id=SUPPORT, json={"name": "Web"})
    listed = await api.call("GET /channels/{channel_id}/webhooks", channel_id=SUPPORT)
    assert [each["id"] for each in listed] == [made["id"]]
    place = {"webhook_id": made["id"], "webhook_token": made["token"]}
    body = {"content": "Hello", "username": "Visitor", "avatar_url": "https://example.org/a.png"}
    await api.call(f"POST {HOOK}", status=204, json=body, **place)
    inside = {"wait": "true", "thread_id": thread["id"]}
    sent = await api.call(f"POST {HOOK}", json=body, params=inside, **place)
    assert (sent["channel_id"], sent["author"]["username"]) == (thread["id"], "Visitor")
    place |= {"message_id": sent["id"]}
    there = {"thread_id": thread["id"]}
    await api.call(f"GET {HOOK}/messages/{{message_id}}", params=there, **place)
    edited = await api.call(
        f"PATCH {HOOK}/messages/{{message_id}}", params=there, json={"content": "Changed"}, **place
    )
    assert edited["content"] == "Changed"
    await api.call(f"DELETE {HOOK}/messages/{{message_id}}", status=204, params=there, **place)
    await api.call(f"DELETE {HOOK}", status=204, **place)


SCENARIOS: list[Scenario] = [accounts, commands, guild, messages, reactions, threads, forum, webhooks]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
async def test_answers_are_as_discord_describes_them(
    scenario: Scenario, api: Api, sandbox: SandboxClient
) -> None:
    await scenario(api, sandbox)
    assert api.called


async def test_no_described_route_is_left_out(api: Api, sandbox: SandboxClient) -> None:
    for scenario in SCENARIOS:
        await scenario(api, sandbox)
    assert api.called == ROUTES


# ------------------------------------------------------------------- refusals


async def refused(api: Api, route: str, status: int, code: int, **call: Any) -> None:
    body = await api.call(route, status=status, **call)
    assert body["code"] == code


async def test_refusals_are_as_discord_describes_them(api: Api, sandbox: SandboxClient) -> None:
    await refused(api, f"POST {MESSAGES}", 404, 10003, channel_id=1, json={"content": "x"})
    await refused(api, f"POST {MESSAGES}", 400, 50035, channel_id=SUPPORT, json={"content": "x" * 2001})
    await refused(api, f"POST {MESSAGES}", 400, 50006, channel_id=SUPPORT, json={"content": ""})
    await refused(api, f"GET {MESSAGE}", 404, 10008, channel_id=SUPPORT, message_id=1)
    said = await sandbox.post_as("robin", SUPPORT, "Mine")
    edit = {"channel_id": SUPPORT, "message_id": said["id"], "json": {"content": "Yours"}}
    await refused(api, f"PATCH {MESSAGE}", 403, 50005, **edit)
    await sandbox.permit(SUPPORT, "send_messages", allowed=False)
    await refused(api, f"POST {MESSAGES}", 403, 50013, channel_id=SUPPORT, json={"content": "x"})
    await sandbox.permit(SUPPORT, "view_channel", allowed=False)
    await refused(api, f"POST {MESSAGES}", 403, 50001, channel_id=SUPPORT, json={"content": "x"})


async def test_a_wrong_token_is_refused(server: Any) -> None:
    async with Api(server.url, token="wrong") as stranger:
        await refused(stranger, "GET /users/@me", 401, 0)


async def test_a_message_has_one_thread(api: Api) -> None:
    thread = await open_thread(api)
    await refused(
        api,
        f"POST {MESSAGE}/threads",
        400,
        160004,
        channel_id=SUPPORT,
        message_id=thread["id"],
        json={"name": "Again"},
    )


async def test_active_threads_are_capped(api: Api, sandbox: SandboxClient) -> None:
    await sandbox.settings(active_thread_cap=1)
    first = await open_thread(api)
    second = {"channel_id": SUPPORT, "message_id": (await send(api))["id"], "json": {"name": "Second"}}
    await refused(api, f"POST {MESSAGE}/threads", 400, 160006, **second)
    await sandbox.archive(first["id"])
    await api.call(f"POST {MESSAGE}/threads", status=201, **second)
    await refused(api, f"POST {MESSAGES}", 400, 160006, channel_id=first["id"], json={"content": "Back"})


async def test_an_archived_thread_takes_a_new_message_and_nothing_else(
    api: Api, sandbox: SandboxClient
) -> None:
    thread = await open_thread(api)
    said = await send(api, thread["id"])
    await sandbox.archive(thread["id"])
    place = {"channel_id": thread["id"], "message_id": said["id"]}
    await refused(api, f"PATCH {MESSAGE}", 400, 50083, json={"content": "x"}, **place)
    await refused(api, f"PUT {MESSAGE}/reactions/{{emoji_name}}/@me", 400, 50083, emoji_name="✅", **place)
    await refused(
        api, "PATCH /channels/{channel_id}", 400, 50083, channel_id=thread["id"], json={"name": "x"}
    )
    await send(api, thread["id"], "Back")
    assert [each["archived"] for each in await sandbox.threads()] == [False]


async def test_a_locked_thread_needs_the_right_to_manage_threads(api: Api, sandbox: SandboxClient) -> None:
    thread = await open_thread(api)
    await sandbox.lock(thread["id"])
    await send(api, thread["id"], "Allowed")
    await sandbox.permit(SUPPORT, "manage_threads", allowed=False)
    await refused(api, f"POST {MESSAGES}", 400, 160005, channel_id=thread["id"], json={"content": "x"})
    await sandbox.archive(thread["id"])
    await refused(api, f"POST {MESSAGES}", 400, 50083, channel_id=thread["id"], json={"content": "x"})


async def test_a_rate_limit_is_as_discord_describes_it(
    api: Api, sandbox: SandboxClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A machine that is slow must not see the bucket fill again.
    monkeypatch.setattr(limits, "time", SimpleNamespace(monotonic=lambda: 1000.0, time=time.time))
    await sandbox.settings(rate_limits=True)
    for number in range(5):
        await send(api, content=str(number))
    limited = await api.call(f"POST {MESSAGES}", status=429, channel_id=SUPPORT, json={"content": "six"})
    assert limited["retry_after"] == 5
    await sandbox.settings(rate_limits=False)
    await sandbox.fault("ratelimited", route=f"* {MESSAGES}".replace("{channel_id}", "*"), everywhere=True)
    assert (await api.call(f"POST {MESSAGES}", status=429, channel_id=SUPPORT, json={}))["global"] is True


async def test_reactions_are_limited_and_repeated_as_discord_does(api: Api, sandbox: SandboxClient) -> None:
    said = await sandbox.post_as("ada", SUPPORT, "Done?")
    place = {"channel_id": SUPPORT, "message_id": said["id"]}
    mine = f"{MESSAGE}/reactions/{{emoji_name}}/@me"
    for number in range(20):
        await api.call(f"PUT {mine}", status=204, emoji_name=chr(0x1F600 + number), **place)
    await refused(api, f"PUT {mine}", 403, 30010, emoji_name="✅", **place)
    await api.call(f"PUT {mine}", status=204, emoji_name=chr(0x1F600), **place)
    for _ in range(2):
        await api.call(f"DELETE {mine}", status=204, emoji_name=chr(0x1F600), **place)
    for nothing in ("a", "nobody:1180000000000000099"):
        await refused(api, f"PUT {mine}", 400, 10014, emoji_name=nothing, **place)
    pk, (name, _) = next(iter(defaults.EMOJI.items()))
    await api.call(f"PUT {mine}", status=204, emoji_name=f"renamed:{pk}", **place)
    seen = await api.call(f"GET {MESSAGE}", channel_id=SUPPORT, message_id=said["id"])
    assert seen["reactions"][-1]["emoji"] == {"id": str(pk), "name": name, "animated": False}
