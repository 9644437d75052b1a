"""A client for the sandbox's control API, for tests and for measuring."""

from base64 import b64encode
from collections import Counter
from collections.abc import Mapping, Sequence
from io import BytesIO
from types import TracebackType
from typing import Any, Self

import aiohttp
import orjson

POSTS = "POST /channels/*/messages"


class SandboxRefused(Exception):
    """The sandbox said no: `status` and Discord's `code`."""

    def __init__(self, status: int, body: Any) -> None:
        super().__init__(f"{status}: {body}")
        self.status = status
        self.code = body.get("code") if isinstance(body, dict) else None


class SandboxClient:
    """Use it as `async with SandboxClient(url) as sandbox`; `url` is the sandbox's page."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def _call(self, method: str, path: str, *, json: Any = None, params: Any = None) -> Any:
        url = f"{self.url}/sandbox/{path}"
        # As a stream: files make it large.
        body = None if json is None else BytesIO(orjson.dumps(json))
        headers = {} if json is None else {"Content-Type": "application/json"}
        async with self._session.request(method, url, data=body, headers=headers, params=params) as response:
            if response.content_type != "application/json":
                raise SandboxRefused(response.status, await response.text())
            answer = await response.json()
            if response.status != 200:
                raise SandboxRefused(response.status, answer)
            return answer

    async def _act(self, act: str, **body: Any) -> Any:
        return await self._call("POST", act, json=body)

    # --------------------------------------------------------------- reading

    async def world(self) -> dict[str, Any]:
        return await self._call("GET", "world")  # type: ignore[no-any-return]

    async def channels(self) -> list[dict[str, Any]]:
        """Return every channel and thread that ever was; `deleted` says which are gone."""
        return (await self.world())["channels"]  # type: ignore[no-any-return]

    async def threads(self, *, deleted: bool = False) -> list[dict[str, Any]]:
        """Return the threads and forum posts, oldest first."""
        threads = [each for each in await self.channels() if each["parent_id"]]
        found = [each for each in threads if deleted or not each["deleted"]]
        return sorted(found, key=lambda each: int(each["id"]))

    async def messages(self, channel_id: int | str, *, deleted: bool = False) -> list[dict[str, Any]]:
        """Return what was said in a channel or thread, oldest first."""
        found = await self._call("GET", f"channels/{channel_id}/messages")
        return [each for each in found if deleted or not each["deleted"]]

    async def copies(self, channel_id: int | str) -> Counter[str]:
        """Return how often each text stands in a channel."""
        return Counter(each["content"] for each in await self.messages(channel_id))

    async def connected(self) -> int:
        """Return how many bots are on the gateway."""
        return int((await self.world())["gateway"]["connected"])

    async def requests(self, *, since: int = 0) -> list[dict[str, Any]]:
        """Return the requests that reached the HTTP door after the one with this number."""
        return await self._call("GET", "requests", params={"since": since})  # type: ignore[no-any-return]

    async def counts(self) -> Counter[str]:
        """Return how many requests of each shape arrived, "POST /channels/*/messages" for one."""
        return Counter(await self._call("GET", "counts"))

    async def wait_for_requests(self, count: int, *, route: str = POSTS, seconds: float = 30) -> int:
        """Wait until this many such requests arrived since the start, and return how many did."""
        params = {"route": route, "count": count, "wait": seconds}
        return int((await self._call("GET", "counts", params=params)).get(route, 0))

    # ---------------------------------------------------------------- acting

    async def post_as(
        self,
        who: str,
        channel_id: int | str,
        content: str,
        *,
        reply_to: int | str | None = None,
        files: Mapping[str, bytes] | None = None,
    ) -> dict[str, Any]:
        """Write, with files by their names."""
        body: dict[str, Any] = {"as": who, "channel": str(channel_id), "content": content}
        if files:
            body["files"] = [{"name": name, "data": b64encode(data).decode()} for name, data in files.items()]
        if reply_to is not None:
            body["reply_to"] = str(reply_to)
        return await self._call("POST", "post", json=body)  # type: ignore[no-any-return]

    async def edit(self, channel_id: int | str, message_id: int | str, content: str) -> None:
        await self._act("edit", channel=str(channel_id), message=str(message_id), content=content)

    async def delete(self, channel_id: int | str, message_id: int | str) -> None:
        await self._act("delete", channel=str(channel_id), message=str(message_id))

    async def react_as(self, who: str, channel_id: int | str, message_id: int | str, emoji: str) -> None:
        body = {"as": who, "channel": str(channel_id), "message": str(message_id), "emoji": emoji}
        await self._call("POST", "react", json=body)

    async def unreact_as(self, who: str, channel_id: int | str, message_id: int | str, emoji: str) -> None:
        body = {"as": who, "channel": str(channel_id), "message": str(message_id), "emoji": emoji}
        await self._call("POST", "unreact", json=body)

    async def clear_reactions(
        self, channel_id: int | str, message_id: int | str, emoji: str | None = None
    ) -> None:
        """Take everybody's reactions away, or those of one emoji, as a moderator does."""
        await self._act("clear", channel=str(channel_id), message=str(message_id), emoji=emoji)

    async def type_as(self, who: str, channel_id: int | str) -> None:
        await self._act("type", channel=str(channel_id), **{"as": who})

    async def commands(self, who: str, channel_id: int | str) -> list[str]:
        """Return the message commands that somebody is shown in a channel."""
        return await self._call("GET", "commands", params={"as": who, "channel": str(channel_id)})  # type: ignore[no-any-return]

    async def invoke_as(
        self, who: str, channel_id: int | str, message_id: int | str, command: str
    ) -> dict[str, Any]:
        """Use a message command; return what the bot says to it."""
        body = {"as": who, "channel": str(channel_id), "message": str(message_id), "command": command}
        return await self._call("POST", "invoke", json=body)  # type: ignore[no-any-return]

    async def archive(self, thread_id: int | str) -> None:
        await self._act("archive", channel=str(thread_id))

    async def unarchive(self, thread_id: int | str) -> None:
        await self._act("unarchive", channel=str(thread_id))

    async def lock(self, thread_id: int | str) -> None:
        await self._act("lock", channel=str(thread_id))

    async def unlock(self, thread_id: int | str) -> None:
        await self._act("unlock", channel=str(thread_id))

    async def remove(self, channel_id: int | str) -> None:
        """Delete a thread or a channel."""
        await self._act("remove", channel=str(channel_id))

    async def permit(
        self, channel_id: int | str, permission: str, allowed: bool, *, who: str = "bot"
    ) -> None:
        """Give or take a permission in a channel, by discord.py's name for it; `who` may be `everyone`."""
        body = {"channel": str(channel_id), "permission": permission, "allowed": allowed, "as": who}
        await self._call("POST", "permit", json=body)

    async def give_role(self, who: str, role_id: int, has: bool = True) -> None:
        """Give somebody a role on the first server, or take it away."""
        await self._call("POST", "role", json={"as": who, "role": str(role_id), "has": has})

    async def found_branch(self, *, joined: bool = True) -> None:
        """Make a second server; see `bridge.sandbox.defaults` for its ids."""
        await self._act("branch", joined=joined)

    async def set_available(self, server_id: int, available: bool) -> None:
        """Begin or end the outage of a server."""
        await self._act("server", server=str(server_id), available=available)

    async def leave(self, server_id: int) -> None:
        """Take the bot off a server."""
        await self._act("leave", server=str(server_id))

    async def join(self, server_id: int) -> None:
        """Invite the bot to a server again."""
        await self._act("join", server=str(server_id))

    async def settings(self, **values: Any) -> dict[str, Any]:
        """Change `intents_allowed`, `active_thread_cap`, `session_limit`, `nonce_seconds`, `rate_limits` or `seed`."""
        return await self._call("POST", "settings", json=values)  # type: ignore[no-any-return]

    # ---------------------------------------------------------------- faults

    async def fault(
        self, fault: str, *, route: str | None = None, event: str | None = None, **rule: Any
    ) -> None:
        """Make a fault happen; see `bridge.sandbox.faults.Rule` for what a rule may say."""
        await self._call("POST", "faults", json={"fault": fault, "route": route, "event": event, **rule})

    async def make_odd(
        self, *, match: Mapping[str, Any], put: Mapping[str, Any] | None = None, drop: Sequence[str] = ()
    ) -> None:
        """Show every object that matches with other fields than usual, everywhere."""
        await self._act("oddities", match=dict(match), put=dict(put or {}), drop=list(drop))

    async def clear_oddities(self) -> None:
        await self._call("DELETE", "oddities")

    async def clear_faults(self) -> None:
        await self._call("DELETE", "faults")

    async def faults(self) -> list[dict[str, Any]]:
        """Return the rules with how often each `struck`."""
        return await self._call("GET", "faults")  # type: ignore[no-any-return]

    async def drop_gateway(self, *, resumable: bool = True, code: int = 4000) -> int:
        """Drop every gateway connection and return how many there were; code 0: without a close frame."""
        answer = await self._call("POST", "gateway", json={"resumable": resumable, "code": code})
        return int(answer["dropped"])
