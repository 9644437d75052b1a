"""The gateway: sessions that identify, hear events, drop, resume with what they missed, or are lost.

Frames are plain text, also where a client would take them compressed.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

import discord
import orjson
from aiohttp import WSMsgType, web
from simcord import intents as rules
from simcord.backend.models import Guild

from . import defaults, wire
from .faults import Faults, Rule
from .oddities import made_odd
from .routes_guild import application_flags
from .sessions import Session, Socket
from .threads import ThreadWorld

HEARTBEAT_MS = 41_250
_ACK_SECONDS = 0.1
"""As far away as Discord is: discord.py notes when it sent a heartbeat only after it did. What is answered sooner looks
to it as if it came a heartbeat late, and it warns of that."""
_REORDER_SECONDS = 0.5

HEARTBEAT, IDENTIFY, RESUME, REQUEST_MEMBERS = 1, 2, 6, 8
INVALID_SESSION, HELLO, ACK = 9, 10, 11

UNKNOWN_ERROR, NOT_AUTHENTICATED, AUTHENTICATION_FAILED, DISALLOWED_INTENTS = 4000, 4003, 4004, 4014


class Gateway:
    def __init__(self, world: ThreadWorld, faults: Faults) -> None:
        self._world = world
        self._faults = faults
        self.sessions: dict[str, Session] = {}
        self.sockets: set[Socket] = set()
        self.identifies = 0
        self.resumes = 0
        self._held: tuple[str, dict[str, Any]] | None = None

    # ---------------------------------------------------------------- events

    def feed(self, event: str, payload: Mapping[str, Any]) -> None:
        """Hand an event of the world to every session, unless a fault has it."""
        if event == "GUILD_CREATE":
            guild = self._world.guilds[int(payload["id"])]
            for session in self.sessions.values():
                self._announce(session, guild)
            return
        content = payload.get("content") if event.startswith("MESSAGE") else None
        rule = self._faults.for_event(event, content)
        if rule is None:
            self._deliver(event, dict(payload))
            self._release()
        else:
            self._deliver_badly(rule, event, dict(payload))

    def _deliver_badly(self, rule: Rule, event: str, payload: dict[str, Any]) -> None:
        if rule.fault == "duplicate":
            self._deliver(event, payload)
            self._deliver(event, payload)
        elif rule.fault == "delay":
            asyncio.get_running_loop().call_later(rule.seconds, self._deliver, event, payload)
        elif rule.fault == "reorder":
            # It comes after the next event; where none follows, it must not be lost.
            self._release()
            self._held = (event, payload)
            asyncio.get_running_loop().call_later(_REORDER_SECONDS, self._release)

    def _release(self) -> None:
        if self._held is not None:
            (event, payload), self._held = self._held, None
            self._deliver(event, payload)

    def _deliver(self, event: str, payload: dict[str, Any]) -> None:
        if self._is_silent(event, payload):
            return
        payload = made_odd(payload, self._world.oddities)
        needed = rules.required_intent(event, payload)
        for session in self.sessions.values():
            if needed is None or getattr(session.intents, needed):
                session.dispatch(event, self._readable(session, event, payload))

    def _is_silent(self, event: str, payload: dict[str, Any]) -> bool:
        """Of a server with an outage nothing is told, and nothing of one that the bot is not on, but that it left."""
        guild_id = payload.get("guild_id")
        if guild_id is None:
            return False
        joined = any(str(guild.id) == guild_id for guild in self._world.bot_guilds)
        return not joined or int(guild_id) in self._world.unavailable

    def _readable(self, session: Session, event: str, payload: dict[str, Any]) -> dict[str, Any]:
        """Blank the content for a bot that may not read it."""
        if session.intents.message_content or event not in ("MESSAGE_CREATE", "MESSAGE_UPDATE"):
            return payload
        censored = orjson.loads(orjson.dumps(payload))
        rules.censor_message(censored, self._world.bot_user.id, backend=self._world)
        return censored  # type: ignore[no-any-return]

    # ----------------------------------------------------------- connections

    async def connect(self, request: web.Request) -> web.WebSocketResponse:
        if "Origin" in request.headers:  # a browser says where it comes from, a bot does not
            raise web.HTTPForbidden
        websocket = web.WebSocketResponse(max_msg_size=16 * 1024, compress=False, timeout=1.0)
        await websocket.prepare(request)
        socket = Socket(websocket, request.transport)
        self.sockets.add(socket)
        writer = asyncio.create_task(socket.write())
        socket.send_op(HELLO, {"heartbeat_interval": HEARTBEAT_MS})
        try:
            async for frame in websocket:
                if frame.type is WSMsgType.TEXT:
                    self._receive(socket, orjson.loads(frame.data))
        finally:
            self._disconnected(socket, websocket.close_code)
            # aiohttp wakes the reader before it sends the close frame, which must not be cancelled then.
            if not socket.closing:
                writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)
        return websocket

    def _disconnected(self, socket: Socket, code: int | None) -> None:
        self.sockets.discard(socket)
        session = socket.session
        if session is None or session.socket is not socket:
            return
        session.socket = None
        if code in (1000, 1001) and not socket.closing:  # the bot said good-bye: Discord ends its session
            self.sessions.pop(session.id, None)

    def _receive(self, socket: Socket, frame: dict[str, Any]) -> None:
        op, data = frame.get("op"), frame.get("d")
        if op == HEARTBEAT:
            asyncio.get_running_loop().call_later(_ACK_SECONDS, socket.send_op, ACK)
        elif op == IDENTIFY and isinstance(data, dict):
            self._identify(socket, data)
        elif op == RESUME and isinstance(data, dict):
            self._resume(socket, data)
        elif socket.session is None:
            socket.close(NOT_AUTHENTICATED)
        elif op == REQUEST_MEMBERS and isinstance(data, dict):
            self._send_members(socket.session, data)

    def _identify(self, socket: Socket, data: dict[str, Any]) -> None:
        self.identifies += 1
        self._world.sessions_begun += 1
        wanted = discord.Intents._from_value(int(data.get("intents", 0)))
        if data.get("token") != defaults.TOKEN:
            socket.close(AUTHENTICATION_FAILED)
            return
        asked = {name for name in rules.PRIVILEGED_INTENTS if getattr(wanted, name)}
        if asked - self._world.intents_allowed:
            socket.close(DISALLOWED_INTENTS)
            return
        session = Session(wanted)
        self.sessions[session.id] = session
        self._attach(session, socket)
        world = self._world
        ready = made_odd(
            {
                "v": 10,
                "user": wire.own_user(world.bot_user),
                "guilds": [{"id": str(guild.id), "unavailable": True} for guild in world.bot_guilds],
                "session_id": session.id,
                "session_type": "normal",
                "resume_gateway_url": defaults.gateway_url(world.base_url),
                "application": {
                    "id": str(world.application_id),
                    "flags": application_flags(world.intents_allowed),
                },
            },
            world.oddities,
        )
        session.dispatch("READY", ready)
        for guild in world.bot_guilds:
            if guild.id not in world.unavailable:
                self._announce(session, guild)

    def _announce(self, session: Session, guild: Guild) -> None:
        """Tell a session of a server: at once, late, or never."""
        rule = self._faults.for_event("GUILD_CREATE", None)
        if rule is not None and rule.fault == "delay":
            asyncio.get_running_loop().call_later(rule.seconds, self._send_guild, session, guild)
        elif rule is None or rule.fault != "withhold":
            self._send_guild(session, guild)

    def _send_guild(self, session: Session, guild: Guild) -> None:
        payload = made_odd(wire.guild_create(self._world, guild), self._world.oddities)
        rules.prune_guild_create(payload, session.intents, self._world.bot_user.id)
        session.dispatch("GUILD_CREATE", payload)

    def _resume(self, socket: Socket, data: dict[str, Any]) -> None:
        self.resumes += 1
        if data.get("token") != defaults.TOKEN:
            socket.close(AUTHENTICATION_FAILED)
            return
        session = self.sessions.get(str(data.get("session_id")))
        missed = None if session is None else session.missed_since(int(data.get("seq") or 0))
        if session is None or missed is None:
            socket.send_op(INVALID_SESSION, False)
            return
        self._attach(session, socket)
        for text in missed:
            socket.send(text)
        session.dispatch("RESUMED", {})

    def _attach(self, session: Session, socket: Socket) -> None:
        previous, session.socket, socket.session = session.socket, socket, session
        if previous is not None:
            previous.close(UNKNOWN_ERROR)
        # A bot that never came back must not collect events for ever.
        for other in [each for each in self.sessions.values() if each.socket is None]:
            del self.sessions[other.id]

    def _send_members(self, session: Session, data: dict[str, Any]) -> None:
        world = self._world
        guild = world.guilds[int(data["guild_id"])]
        wanted = {str(user) for user in data.get("user_ids") or ()}
        prefix = str(data.get("query") or "").lower()
        members = [
            each
            for each in wire.guild_create(world, guild)["members"]
            if (each["user"]["id"] in wanted if wanted else each["user"]["username"].startswith(prefix))
        ]
        chunk: dict[str, Any] = {
            "guild_id": str(guild.id),
            "members": members[: int(data.get("limit") or 0) or None],
            "chunk_index": 0,
            "chunk_count": 1,
            "not_found": sorted(wanted - {each["user"]["id"] for each in members}),
        }
        if data.get("nonce"):
            chunk["nonce"] = data["nonce"]
        session.dispatch("GUILD_MEMBERS_CHUNK", chunk)

    # ---------------------------------------------------------------- faults

    def drop(self, *, resumable: bool, code: int) -> int:
        """Cut every connection, with or without a session to resume; return how many there were."""
        for socket in self.sockets:
            if not resumable and socket.session is not None:
                self.sessions.pop(socket.session.id, None)
            socket.close(code)
        if not resumable:
            self.sessions.clear()
        return len(self.sockets)

    def connected(self) -> int:
        return sum(1 for session in self.sessions.values() if session.socket is not None)
