"""Performs what a visitor types: `/word rest` is a command, everything else is a message."""

import asyncio
from collections.abc import Awaitable, Callable

from bridge.management.terminal.client import Frame, NotConnected, Refused
from bridge.management.terminal.lines import one_line
from bridge.management.terminal.visitor import PAGE, Talk, Visitor

QUIT = "/quit"
PATIENCE = 10.0
"""Seconds that a command waits for a connection."""


async def perform_all(lines: "asyncio.Queue[str | None]", visitor: Visitor) -> None:
    """Perform the typed lines in order, until `/quit` or None. The visitor can type on in the meantime."""
    while (line := await lines.get()) is not None and line.lower() != QUIT:
        await visitor.client.ready(PATIENCE)
        try:
            await _perform(line, visitor)
        except Refused as refusal:
            visitor.warn(str(refusal))
        except NotConnected:
            visitor.warn("There is no connection right now.")


async def _perform(line: str, visitor: Visitor) -> None:
    if not line.startswith("/") or line.startswith("//"):
        if text := line.removeprefix("/"):
            await _say(text, visitor)
        return
    word, _, rest = line[1:].partition(" ")
    if command := COMMANDS.get(word.lower() or "help"):
        perform, _, _ = command
        await perform(visitor, rest.strip())
    else:
        visitor.warn(f"There is no /{word}. /help lists the commands.")


async def _say(text: str, visitor: Visitor) -> None:
    try:
        await visitor.send(text)
    except Refused as refusal:
        visitor.warn(f"Not sent: {refusal}")


async def _help(visitor: Visitor, rest: str) -> None:
    rows = [(f"/{name} {argument}", meaning) for name, (_, argument, meaning) in COMMANDS.items()]
    rows.append((QUIT, "exit, like Ctrl-C and Ctrl-D"))
    visitor.note("\n".join(f"{usage:16}  {meaning}" for usage, meaning in rows))


async def _rooms(visitor: Visitor, rest: str) -> None:
    rooms = (await visitor.client.command("room.list"))["rooms"]
    visitor.words |= {room["slug"] for room in rooms}
    rows = [f"{room['slug']}  {room['name']}  ({room['online']} here)" for room in rooms]
    visitor.note("\n".join(rows) or "There are no open rooms.")


async def _join(visitor: Visitor, rest: str) -> None:
    room, _, key = rest.partition(" ")
    visitor.room = await visitor.enter(room, key.strip())


async def _members(visitor: Visitor, rest: str) -> None:
    if visitor.room is None:
        visitor.note("Only you and the team can read this. /rooms lists the rooms.")
        return
    reply = await visitor.client.command("room.members", room=visitor.room.uid)
    names = [member["name"] for member in reply["members"]]
    visitor.words.update(names)
    visitor.note(f"{reply['online']} here: {', '.join(map(one_line, names))}")


async def _leave(visitor: Visitor, rest: str) -> None:
    room, visitor.room = visitor.room, None
    if room:
        del visitor.rooms[room.uid]
        await visitor.client.command("room.leave", room=room.uid)


async def _chat(visitor: Visitor, rest: str) -> None:
    visitor.room = None


async def _nick(visitor: Visitor, rest: str) -> None:
    talk = visitor.room or visitor.own
    target = {"connection": talk.uid} if talk else {}
    nick = (await visitor.client.command("nick.set", nick=rest, **target))["nick"]
    if visitor.room is None:
        visitor.nick = nick
    visitor.note(f"You are {nick}.")


async def _more(visitor: Visitor, rest: str) -> None:
    talk = visitor.room or visitor.own
    if talk is None or talk.first <= 1:
        visitor.note("This is the beginning.")
        return
    page = await visitor.client.command("history.page", connection=talk.uid, before=talk.first, limit=PAGE)
    visitor.note("--- earlier ---")
    visitor.show(talk, page["messages"])
    visitor.note("--- until here ---" if page["has_more"] else "--- this is the beginning ---")


async def _close(visitor: Visitor, rest: str) -> None:
    if visitor.own is None:
        visitor.note("You have not written yet.")
        return
    await visitor.client.command("connection.close", connection=visitor.own.uid)
    visitor.note("It has ended. Write again whenever you like.")


async def _list(visitor: Visitor, rest: str) -> None:
    rows = await _conversations(visitor)
    if not rows:
        visitor.note("You have not written yet.")
    for row in rows:
        state = "open" if row["state"] == "open" else "ended"
        unread = f", {row['unread']} unread" if row["unread"] else ""
        visitor.note(f"{row['uid'][:8]}  {one_line(row['title'])[:80]}  ({state}{unread})")


async def _conversations(visitor: Visitor) -> list[Frame]:
    """The conversations with the latest activity."""
    rows: list[Frame] = (await visitor.client.command("connection.list", limit=PAGE))["connections"]
    visitor.words |= {row["uid"][:8] for row in rows}
    return rows


async def _find(visitor: Visitor, code: str) -> Frame | None:
    rows = [row for row in await _conversations(visitor) if code and row["uid"].startswith(code.lower())]
    if len(rows) != 1:
        visitor.warn("Which one? /list shows them.")
        return None
    return rows[0]


async def _read(visitor: Visitor, rest: str) -> None:
    if row := await _find(visitor, rest):
        page = await visitor.client.command("history.page", connection=row["uid"], limit=PAGE)
        visitor.note(f"--- {row['uid'][:8]} ---")
        visitor.show(Talk(row["uid"], row["participant"]), page["messages"])
        visitor.note("--- until here ---")


async def _reopen(visitor: Visitor, rest: str) -> None:
    if row := await _find(visitor, rest):
        await visitor.client.command("connection.reopen", connection=row["uid"])
        visitor.room = None
        await visitor.sync(visitor.own_talk(row["uid"], me=row["participant"]))


COMMANDS: dict[str, tuple[Callable[[Visitor, str], Awaitable[None]], str, str]] = {
    "rooms": (_rooms, "", "list the rooms"),
    "join": (_join, "ROOM [KEY]", "enter a room"),
    "members": (_members, "", "list who is in this room"),
    "leave": (_leave, "", "leave this room, and return to your own conversation"),
    "chat": (_chat, "", "write in your own conversation without leaving the room"),
    "nick": (_nick, "NAME", "change your name here"),
    "more": (_more, "", "show earlier messages"),
    "close": (_close, "", "end your conversation"),
    "list": (_list, "", "list your conversations, latest activity first"),
    "read": (_read, "CODE", "read one of them"),
    "reopen": (_reopen, "CODE", "continue one that has ended"),
    "help": (_help, "", "this list"),
}
WORDS = {QUIT, *(f"/{name}" for name in COMMANDS)}
"""Words that Tab completes, in addition to the names that were shown."""
