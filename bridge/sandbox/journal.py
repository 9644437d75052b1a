"""The world on disk: what was answered or announced is still there after `kill -9`."""

import os
from base64 import b64decode, b64encode
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
from pydantic import TypeAdapter
from simcord.backend.models import Channel, Guild, Message, User, Webhook

from .threads import ThreadWorld, state_of

_guilds = TypeAdapter(Guild)
_users = TypeAdapter(User)
_channels = TypeAdapter(Channel)
_messages = TypeAdapter(Message)
_webhooks = TypeAdapter(Webhook)


def _encode(value: Any) -> bytes:
    return orjson.dumps(value, default=list, option=orjson.OPT_NON_STR_KEYS | orjson.OPT_APPEND_NEWLINE)


class Journal:
    """An append-only file with one line for each object that changed; the last line of an object counts.

    A killed process does not lose what it handed to the kernel, so a plain write without fsync is enough, and
    a message costs two short lines however long the history. Only the last line can be torn; nobody was told
    of it.
    """

    def __init__(self, world: ThreadWorld, path: Path | None) -> None:
        self._world = world
        self._path = path
        self._file: int | None = None

    def write(self) -> None:
        """Append everything that changed since the last time."""
        world = self._world
        if not world.dirty:
            return
        if self._file is not None:
            lines = b"".join(_encode(self._line(*key)) for key in world.dirty)
            while lines:
                lines = lines[os.write(self._file, lines) :]
        world.dirty.clear()

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _line(self, kind: str, key: int, channel_id: int) -> list[Any]:
        """Return [kind, key, channel, deleted, nonce, object]; a deleted webhook's object is null."""
        world = self._world
        if kind == "message":
            said, deleted = world.find(channel_id, key)
            return [kind, key, channel_id, deleted, world.nonces.get(key), said]
        if kind == "channel":
            gone = world.gone.get(key)
            return [kind, key, 0, gone is not None, None, gone[0] if gone else world.channels[key]]
        if kind == "settings":
            return [kind, key, 0, False, None, world.settings()]
        if kind == "commands":
            return [kind, key, 0, False, None, list(world.commands.get(key or None, {}).values())]
        if kind == "file":
            return [kind, key, 0, False, None, b64encode(world.files.contents[key]).decode()]
        if kind == "guild":
            # What is where follows from the channels; written here, each thread would cost all threads.
            return [kind, key, 0, False, None, replace(world.guilds[key], channel_ids=[], thread_ids=[])]
        objects: Any = {"user": world.users, "webhook": world.webhooks}[kind]
        return [kind, key, 0, False, None, objects.get(key)]

    # ---------------------------------------------------------------- start

    def load(self) -> None:
        """Read the world back, write it anew without what is outdated, and go on appending."""
        if self._path is None:
            return
        if self._path.exists():
            self._restore(_latest(self._path.read_bytes()))
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._mark_everything()
        fresh = self._path.with_name(self._path.name + ".new")
        self._file = os.open(fresh, os.O_CREAT | os.O_WRONLY | os.O_TRUNC | os.O_APPEND, 0o600)
        self.write()
        os.replace(fresh, self._path)

    def _restore(self, lines: list[list[Any]]) -> None:
        world = self._world
        for kind, key, _, deleted, _, value in lines:
            world.last_id = max(world.last_id, key)
            match kind:
                case "guild":
                    world.guilds[key] = _guilds.validate_python(value)
                case "user":
                    world.users[key] = _users.validate_python(value)
                case "channel":
                    self._restore_channel(_channels.validate_python(value), deleted)
                case "webhook" if value is not None:
                    webhook = world.webhooks[key] = _webhooks.validate_python(value)
                    world.webhook_tokens[webhook.token] = key
                    world.users.setdefault(key, User(id=key, name=webhook.name, bot=True))
                    if webhook.creator_id == world.bot_user.id:
                        world.own_webhooks.add(key)
                case "commands":
                    world.commands[key or None] = {(each["name"], each["type"]): each for each in value}
                case "file":
                    world.files.contents[key] = b64decode(value)
                case "settings":
                    world.apply_settings(value)
        for kind, _, _, deleted, nonce, value in lines:
            if kind == "message":
                self._restore_message(_messages.validate_python(value), deleted, nonce)
        world.bot_user = world.users[world.bot_user.id]
        self._restore_places()
        world.dirty.clear()

    def _restore_places(self) -> None:
        for guild in self._world.guilds.values():
            channels = [each for each in self._world.channels.values() if each.guild_id == guild.id]
            places = sorted((each for each in channels if not each.is_thread), key=lambda each: each.position)
            guild.channel_ids = [each.id for each in places]
            guild.thread_ids = [
                each.id for each in channels if each.is_thread and not state_of(each).archived
            ]

    def _restore_channel(self, channel: Channel, deleted: bool) -> None:
        world = self._world
        world.messages.setdefault(channel.id)
        if deleted:
            world.gone[channel.id] = (channel, world.messages.timeline(channel.id))
            del world.messages[channel.id]
            world.channels.pop(channel.id, None)
        else:
            world.channels[channel.id] = channel

    def _restore_message(self, message: Message, deleted: bool, nonce: Any) -> None:
        world = self._world
        gone = world.gone.get(message.channel_id)
        timeline = gone[1] if gone else world.messages.timeline(message.channel_id)
        timeline[message.id] = message
        if deleted:
            del timeline[message.id]
        if nonce is not None:
            world.nonces[message.id] = nonce
            world.recent_nonces[message.author_id, nonce] = message

    def _mark_everything(self) -> None:
        world = self._world
        world.mark("settings", 0)
        for kind, objects in (("user", world.users), ("guild", world.guilds), ("webhook", world.webhooks)):
            for key in objects:
                world.mark(kind, key)
        for key in world.files.contents:
            world.mark("file", key)
        for scope in world.commands:
            world.mark("commands", scope or 0)
        for key, (_, timeline, _) in world.everywhere().items():
            world.mark("channel", key)
            for message, _ in timeline.everything():
                world.mark("message", message.id, key)


def _latest(text: bytes) -> list[list[Any]]:
    """Return the last whole line of each object, in the order of their ids."""
    latest: dict[tuple[str, int, int], list[Any]] = {}
    for line in text.splitlines(keepends=True):
        if line.endswith(b"\n"):
            entry = orjson.loads(line)
            latest[entry[0], entry[1], entry[2]] = entry
    return sorted(latest.values(), key=lambda entry: entry[1])
