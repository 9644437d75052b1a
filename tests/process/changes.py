"""Everything that people do to messages, at random, and what all sides must hold in the end.

Within a conversation one thing is done after the other, each until it is acknowledged: so there is one right end,
however often the parts die on the way and whoever repeats what.
"""

import asyncio
import random
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from bridge.sandbox.client import SandboxRefused
from tests.process.crowd import AWAY, PATIENCE, Conversation, Crowd, persist
from tests.visitor import GONE, Refused

T = TypeVar("T")
EMOJI = ["👍", "❤️", "😂", "🎉"]
UNKNOWN_MESSAGE, THREAD_ARCHIVED = 10008, 50083
PAUSE = 0.3
"""Seconds between two things in one conversation, on average."""
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c4944415408d763f8cfc0000003010100"
    "18dd8db00000000049454e44ae426082"
)
"""A picture of one dot, as PNG."""


@dataclass
class Said:
    """One message as everybody must have it in the end."""

    text: str
    by_staff: bool
    uid: str = ""
    """On the page."""
    remote_id: str = ""
    """In Discord, of staff's own: where a visitor's message stands is known when it is carried."""
    edited: bool = False
    deleted: bool = False
    reply_to: "Said | None" = None
    file: str = ""
    reactions: set[tuple[str, str]] = field(default_factory=set)
    """Emoji, and who: `visitor` or `staff`."""

    def counts(self) -> dict[str, int]:
        return dict(Counter(emoji for emoji, _ in self.reactions))


class Story:
    """One conversation: what was done in it, thing by thing."""

    def __init__(self, crowd: Crowd, conversation: Conversation, chance: random.Random) -> None:
        self.crowd, self.conversation, self.chance = crowd, conversation, chance
        self.said: list[Said] = []
        self.done: Counter[str] = Counter()
        self._number = 0

    @property
    def who(self) -> str:
        return f"visitor {self.conversation.number}"

    async def begin(self) -> None:
        await self.post()
        await self.answer()

    async def go_on(self, things: int, *, until: asyncio.Event) -> None:
        """At least so many, and on `until` then."""
        acts: list[tuple[int, Callable[[], Awaitable[bool]]]] = [
            (26, self.post),
            (20, self.answer),
            (8, self.edit),
            (8, self.edit_in_discord),
            (4, self.delete),
            (4, self.delete_in_discord),
            (6, self.reply),
            (6, self.reply_in_discord),
            (5, self.react),
            (5, self.react_in_discord),
            (4, self.attach),
            (4, self.attach_in_discord),
        ]
        weights = [weight for weight, _ in acts]
        while sum(self.done.values()) < things or not until.is_set():
            await asyncio.sleep(self.chance.uniform(0, 2 * PAUSE))
            (_, act) = self.chance.choices(acts, weights)[0]
            if await act():
                self.done[act.__name__.replace("_", " ")] += 1

    # ------------------------------------------------------- on the page

    async def post(self, **extra: Any) -> bool:
        text = self._text("visitor")
        reply = await self._command("message.send", client_id=str(uuid.uuid4()), content=text, **extra)
        self.conversation.visitor.connection = reply["message"]["connection"]
        self.said.append(Said(text, False, uid=reply["message"]["uid"]))
        return True

    async def reply(self) -> bool:
        answered = self._any()
        if answered is None:
            return False
        await self.post(connection=self.conversation.visitor.connection, reply_to=await self._uid(answered))
        self.said[-1].reply_to = answered
        return True

    async def edit(self) -> bool:
        said = self._any(by_staff=False)
        if said is None:
            return False
        text = self._again(said)
        await self._command("message.edit", message=said.uid, content=text)
        said.text, said.edited = text, True
        return True

    async def delete(self) -> bool:
        said = self._any(by_staff=False)
        if said is None:
            return False
        await self._command("message.delete", message=said.uid, done="not_found")
        said.deleted = True
        return True

    async def react(self) -> bool:
        said = self._any()
        if said is None:
            return False
        mine = [emoji for emoji, who in said.reactions if who == "visitor"]
        take_back = bool(mine) and self.chance.random() < 0.4
        emoji = mine[0] if take_back else self.chance.choice(EMOJI)
        name = "reaction.remove" if take_back else "reaction.add"
        await self._command(name, message=await self._uid(said), emoji=emoji)
        (said.reactions.discard if take_back else said.reactions.add)((emoji, "visitor"))
        return True

    async def attach(self) -> bool:
        name = f"{self._text('file').replace(' ', '-')}.png"
        uid = await self._persist(lambda: self._retriable(self.conversation.visitor.upload(name, PIXEL)))
        await self.post(attachments=[uid])
        self.said[-1].file = name
        return True

    # ------------------------------------------------------- in Discord

    async def answer(self, *, reply_to: str | None = None, files: dict[str, bytes] | None = None) -> bool:
        text = self._text("staff")
        thread = await self.crowd.thread(self.conversation)
        while True:
            try:
                posted = await self.crowd.sandbox.post_as("ada", thread, text, reply_to=reply_to, files=files)
            except AWAY:
                found = [each for each in await self._in_discord() if each["content"] == text]
                if not found:
                    continue
                posted = found[0]
            break
        self.said.append(Said(text, True, remote_id=str(posted["id"])))
        return True

    async def reply_in_discord(self) -> bool:
        answered = self._any()
        remote_id = answered and await self._remote_id(answered)
        if not answered or not remote_id:
            return False
        await self.answer(reply_to=remote_id)
        self.said[-1].reply_to = answered
        return True

    async def edit_in_discord(self) -> bool:
        said = self._any(by_staff=True)
        if said is None:
            return False
        text, thread = self._again(said), await self.crowd.thread(self.conversation)
        await self._as_staff(lambda: self.crowd.sandbox.edit(thread, said.remote_id, text))
        said.text, said.edited = text, True
        return True

    async def delete_in_discord(self) -> bool:
        said = self._any(by_staff=True)
        if said is None:
            return False
        thread = await self.crowd.thread(self.conversation)
        await self._as_staff(lambda: self.crowd.sandbox.delete(thread, said.remote_id))
        said.deleted = True
        return True

    async def react_in_discord(self) -> bool:
        said = self._any()
        remote_id = said and await self._remote_id(said)
        if not said or not remote_id:
            return False
        mine = [emoji for emoji, who in said.reactions if who == "staff"]
        take_back = bool(mine) and self.chance.random() < 0.4
        emoji = mine[0] if take_back else self.chance.choice(EMOJI)
        sandbox, thread = self.crowd.sandbox, await self.crowd.thread(self.conversation)
        act = sandbox.unreact_as if take_back else sandbox.react_as
        await self._as_staff(lambda: act("ada", thread, remote_id, emoji))
        (said.reactions.discard if take_back else said.reactions.add)((emoji, "staff"))
        return True

    async def attach_in_discord(self) -> bool:
        name = f"{self._text('paper').replace(' ', '-')}.png"
        await self.answer(files={name: PIXEL})
        self.said[-1].file = name
        return True

    # ----------------------------------------------------------- helping

    def _text(self, by: str) -> str:
        self._number += 1
        return f"{by} {self.conversation.number} line {self._number}"

    def _again(self, said: Said) -> str:
        self._number += 1
        return f"{said.text.partition(' now ')[0]} now {self._number}"

    def _any(self, *, by_staff: bool | None = None) -> Said | None:
        found = [each for each in self.said[-12:] if not each.deleted and by_staff in (None, each.by_staff)]
        return self.chance.choice(found) if found else None

    async def _uid(self, said: Said) -> str:
        """Its uid, once the page shows it: nobody answers what he does not see."""
        visitor = self.conversation.visitor
        if not said.uid:
            first = said.text.partition(" now ")[0]

            def seen() -> list[str]:
                return [m["uid"] for m in visitor.messages() if m["content"].partition(" now ")[0] == first]

            await visitor.until(seen, seconds=PATIENCE)
            said.uid = seen()[0]
        return said.uid

    async def _remote_id(self, said: Said) -> str:
        """Where it stands in Discord by itself, empty where it does not (yet): it may be joined with others."""
        if not said.by_staff:
            found = [each["id"] for each in await self._in_discord() if each["content"] == said.text]
            said.remote_id = str(found[0]) if found else ""
        return said.remote_id

    async def _as_staff(self, call: Callable[[], Awaitable[None]]) -> None:
        """Do it however often the sandbox is killed; in a thread that was archived as people do: they open it."""
        while True:
            try:
                return await persist(call)
            except SandboxRefused as refused:
                if refused.code == UNKNOWN_MESSAGE:
                    return None  # deleted: the first try was heard, its answer was lost
                if refused.code != THREAD_ARCHIVED:
                    raise
                await persist(self._unarchive)

    async def _unarchive(self) -> None:
        await self.crowd.sandbox.unarchive(await self.crowd.thread(self.conversation))

    async def _in_discord(self) -> list[dict[str, Any]]:
        thread = await self.crowd.thread(self.conversation)
        return await persist(lambda: self.crowd.sandbox.messages(thread))

    async def _command(self, name: str, *, done: str = "", **payload: Any) -> dict[str, Any]:
        """Its reply, however often the socket breaks. `done`: what a repeat is refused with."""
        return await self._persist(lambda: self._once(name, done, payload))

    async def _once(self, name: str, done: str, payload: dict[str, Any]) -> dict[str, Any]:
        try:
            return await self._retriable(self.conversation.visitor.command(name, **payload))
        except Refused as refused:
            if refused.error["code"] == done:
                return {}
            raise

    async def _retriable(self, asked: Awaitable[T]) -> T:
        """What was refused for the moment counts as a time-out."""
        try:
            return await asked
        except Refused as refused:
            if refused.error["code"] not in {"throttled", "unavailable", "not_identified"}:
                raise
            await asyncio.sleep(refused.error.get("details", {}).get("retry_after", 0.5))
            raise TimeoutError from refused

    async def _persist(self, call: Callable[[], Awaitable[Any]]) -> Any:
        async with asyncio.timeout(PATIENCE):
            while True:
                try:
                    return await call()
                except (*GONE, *AWAY):
                    await asyncio.sleep(0.2)
