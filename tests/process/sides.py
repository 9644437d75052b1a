"""What each side holds of a conversation in the end: page, database, Discord and real browsers, put side by side."""

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

from playwright.async_api import Browser, Page

from bridge.identity.tokens import COOKIE_NAME
from bridge.sandbox.defaults import ADA_ID
from tests.process.changes import Said, Story
from tests.process.crowd import PATIENCE, persist

Row = dict[str, Any]
_ADA = str(ADA_ID)


def expected(story: Story) -> list[Row]:
    """The visitor's own words in his order, then staff's in theirs: how they interleave is each side's own."""
    return _comparable([_row(said) for said in story.said])


def _comparable(rows: list[Row]) -> list[Row]:
    """What staff deleted before the bot saw it was never on the page: their tombstones are left out."""
    rows = [row for row in rows if not (row["deleted"] and row["by"] == "staff")]
    return sorted(rows, key=lambda row: bool(row["by"] == "staff"))


def _row(said: Said) -> Row:
    if said.deleted:
        return {"by": _by(said), "deleted": True}
    return {
        "by": _by(said),
        "deleted": False,
        "text": said.text,
        "edited": said.edited,
        # What was deleted before the bot saw it cannot be quoted, what was deleted later is quoted without words.
        "reply_to": _first(said.reply_to.text) if said.reply_to and not said.reply_to.deleted else None,
        "file": said.file,
        "reactions": said.counts(),
    }


def _by(said: Said) -> str:
    return "staff" if said.by_staff else "visitor"


def _first(text: str) -> str:
    """What stays of a text when it is edited: who wrote it and the how manieth."""
    return text.partition(" now ")[0]


# ------------------------------------------------------------------ the page


async def on_the_page(story: Story) -> list[Row]:
    """What a browser that was there from the beginning has been told, event by event."""
    return _shown(story.conversation.visitor.messages())


async def from_the_server(story: Story) -> list[Row]:
    """What one that comes now is given: the database, page by page."""
    visitor, before = story.conversation.visitor, None
    messages: list[Row] = []
    while True:
        asked = {"connection": visitor.connection} | ({"before": before} if before else {})
        page = await visitor.command("history.page", **asked)
        messages = page["messages"] + messages
        if not page["has_more"]:
            return _shown(messages)
        before = page["messages"][0]["seq"]


def _shown(messages: list[Row]) -> list[Row]:
    assert [each["seq"] for each in messages] == list(range(1, len(messages) + 1)), "places"
    assert {each["kind"] for each in messages} == {"message"}, "gaps"
    texts = {each["uid"]: each["content"] for each in messages}
    return _comparable([_as_row(each, texts) for each in messages])


def _as_row(message: Row, texts: dict[str, str]) -> Row:
    by = message["author"]["role"]
    if message["deleted_at"]:
        assert not message["content"], "a tombstone holds words"
        assert not message["attachments"], "a tombstone holds files"
        return {"by": by, "deleted": True}
    answered = message["reply_to"]
    return {
        "by": by,
        "deleted": False,
        "text": message["content"],
        "edited": bool(message["edited_at"]),
        "reply_to": (answered and _first(texts[answered["uid"]])) or None,
        "file": ", ".join(_file(each) for each in message["attachments"]),
        "reactions": {each["emoji"]: each["count"] for each in message["reactions"]},
    }


def _file(attachment: Row) -> str:
    return (
        attachment["name"]
        if attachment["state"] == "stored"
        else f"{attachment['name']} {attachment['state']}"
    )


# ---------------------------------------------------------------- in Discord


async def in_discord(story: Story) -> list[str]:
    """What is wrong in the thread, in words; nothing where it holds what was said."""
    crowd = story.crowd
    thread = await crowd.thread(story.conversation)
    messages = [each for each in await persist(lambda: crowd.sandbox.messages(thread)) if each["type"] != 21]
    theirs = [each for each in messages if not each["author"]["bot"]]
    ours = [each for each in messages if each["author"]["bot"]]
    alive = [said for said in story.said if not said.deleted]
    return [
        *_lines(ours, [said for said in alive if not said.by_staff]),
        *_unequal("staff's", [each["content"] for each in theirs], [s.text for s in alive if s.by_staff]),
        *_replies(messages, alive),
        *_reactions(messages, alive),
    ]


def _lines(ours: list[Row], alive: list[Said]) -> list[str]:
    lines = [line for each in ours for line in each["content"].splitlines() if line]
    files = [file["filename"] for each in ours for file in each["attachments"]]
    return [
        *_unequal("visitor's", lines, [said.text for said in alive]),
        *_unequal("visitor's files", files, [said.file for said in alive if said.file]),
    ]


def _replies(messages: list[Row], alive: list[Said]) -> list[str]:
    """Each reply stands under what it answers, as long as that stands."""
    texts = {each["id"]: each["content"] for each in messages}
    there = {_first(each["content"]): texts.get(each["reply_to"] or "", "") for each in messages}
    return [
        f"{said.text!r} answers {there.get(_first(said.text))!r}, not {said.reply_to.text!r}"
        for said in alive
        if said.reply_to and not said.reply_to.deleted
        if said.reply_to.text not in (there.get(_first(said.text)) or "").splitlines()
    ]


def _reactions(messages: list[Row], alive: list[Said]) -> list[str]:
    """The bot's stand for the visitor's, on one message for all that were joined in it."""
    wrong = []
    for each in messages:
        parts = [said for said in alive if said.text in each["content"].splitlines()]
        want = {pair for said in parts for pair in said.reactions}
        ada = {reaction["emoji"] for reaction in each["reactions"] if _ADA in reaction["users"]}
        bot = {reaction["emoji"] for reaction in each["reactions"] if set(reaction["users"]) - {_ADA}}
        wrong += _unequal(
            f"reactions on {each['content'][:40]!r}",
            sorted([(emoji, "staff") for emoji in ada] + [(emoji, "visitor") for emoji in bot]),
            sorted(want),
        )
    return wrong


def _unequal(what: str, found: list[Any], wanted: list[Any]) -> list[str]:
    if found == wanted:
        return []
    missing = list((Counter(map(repr, wanted)) - Counter(map(repr, found))).elements())
    strange = list((Counter(map(repr, found)) - Counter(map(repr, wanted))).elements())
    return [
        f"{what}: missing {missing[:5]}, strange {strange[:5]}" if missing or strange else f"{what}: order"
    ]


# --------------------------------------------------------------- in browsers


async def open_browser(browser: Browser, story: Story) -> Page:
    """A real page of the same visitor, open from now on."""
    context = await browser.new_context(locale="en-GB")
    url, token = story.crowd.site.url, story.conversation.visitor.token
    await context.add_cookies([{"name": COOKIE_NAME, "value": token or "", "url": url}])
    page = await context.new_page()
    await page.goto(url)
    return page


async def in_browser(page: Page) -> list[Row]:
    """What stands on the screen, with all that was said before loaded."""
    while await page.locator("[data-older]").is_visible():
        await page.locator("[data-older]").click()
        await asyncio.sleep(0.3)
    rows: list[Row] = json.loads(await page.evaluate(READ))
    return _comparable(rows)


READ = """() => JSON.stringify([...document.querySelectorAll(".row.message")].map((row) => {
  const by = row.classList.contains("own") ? "visitor" : "staff";
  if (row.classList.contains("deleted")) return { by, deleted: true };
  const quote = row.querySelector("[data-quote]:not([hidden]):not(.gone) [data-quote-words]");
  return {
    by,
    deleted: false,
    text: row.querySelector("[data-words]").textContent.trim(),
    edited: !row.querySelector("[data-edited]").hidden,
    reply_to: quote ? quote.textContent.trim().split(" now ")[0] : null,
    file: [...row.querySelectorAll(".attachments img")].map((image) => image.alt).join(", "),
    reactions: Object.fromEntries(
      [...row.querySelectorAll("[data-reactions] [data-emoji]")].map((chip) => [
        chip.dataset.emoji,
        Number(chip.lastElementChild.textContent),
      ]),
    ),
  };
}))"""

# ------------------------------------------------------------------ equality


async def agree(story: Story, pages: list[Page]) -> None:
    """Wait until every side holds the same. Raises AssertionError with what differs."""
    want = expected(story)
    differences: list[str] = ["not looked yet"]
    sides: dict[str, Callable[[], Awaitable[list[Row]]]] = {"page": lambda: on_the_page(story)}
    sides |= {f"browser {number}": _reader(page) for number, page in enumerate(pages)}
    sides["database"] = lambda: from_the_server(story)  # last: how often it may be asked is limited
    try:
        async with asyncio.timeout(PATIENCE):
            while differences:
                await asyncio.sleep(0.5)
                differences = await in_discord(story)
                for name, read in sides.items():
                    # One after the other: the cheap ones say first that it is too early.
                    differences = differences or await _different(name, read, want)
    except TimeoutError:
        listed = "\n".join(differences[:40])
        raise AssertionError(f"{story.who}: the sides differ:\n{listed}") from None


def _reader(page: Page) -> Callable[[], Awaitable[list[Row]]]:
    return lambda: in_browser(page)


async def _different(name: str, read: Callable[[], Awaitable[list[Row]]], want: list[Row]) -> list[str]:
    try:
        found = await read()
    except AssertionError as error:
        return [f"{name}: {error}"]
    pairs = [(a, b) for a, b in zip(want, found, strict=False) if a != b]
    lines = [f"{name}: {len(found)} messages of {len(want)}"] if len(found) != len(want) else []
    return lines + [f"{name}: {found} in place of {wanted}" for wanted, found in pairs[:3]]
