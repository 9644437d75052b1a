"""500 and more things that people do to messages, on both sides, while the parts die and Discord misbehaves."""

import asyncio
import random
import time
from collections import Counter
from pathlib import Path

from playwright.async_api import async_playwright

from tests import chromium
from tests.process.changes import Story
from tests.process.chaos import SEED, Discord, Killer
from tests.process.crowd import Crowd
from tests.process.scenarios import shown, site_in, start
from tests.process.sides import agree, open_browser

THINGS = 500
VISITORS = 10
"""Each may change ten things a minute."""
BROWSERS = 3


async def everything(folder: Path) -> str:
    """500 posts, edits, deletions, replies, reactions and files; every part dies, Discord misbehaves."""
    began, chance = time.monotonic(), random.Random(SEED)
    with shown(site_in(folder)) as site:
        await start(site)
        async with Crowd(site, size=VISITORS, chance=chance) as crowd, async_playwright() as playwright:
            path = await asyncio.to_thread(chromium.find)
            browser = await playwright.chromium.launch(executable_path=path, args=chromium.ARGUMENTS)
            stories = [Story(crowd, each, random.Random(SEED + each.number)) for each in crowd.conversations]
            await asyncio.gather(*(story.begin() for story in stories))
            # Two tabs of one visitor, and another visitor.
            watched = [stories[0], stories[0], stories[1]][:BROWSERS]
            pages = [(story, await open_browser(browser, story)) for story in watched]
            discord, killer = Discord(crowd, random.Random(SEED + 1)), Killer(crowd, random.Random(SEED + 2))
            over = asyncio.Event()
            async with asyncio.TaskGroup() as group:
                for story in stories:
                    group.create_task(story.go_on(THINGS // VISITORS, until=over))
                # A fault waits for somebody whom it can strike.
                await asyncio.gather(killer.rounds(1), discord.misbehave(changes=True))
                over.set()
            noisy = time.monotonic() - began
            for story in stories:
                await agree(story, [page for its, page in pages if its is story])
            await browser.close()
    done = sum((story.done for story in stories), Counter[str]())
    said = [said for story in stories for said in story.said]
    return "\n".join(
        [
            f"{sum(done.values())} things: {_list(done)}",
            f"equal on page, in the database, in Discord and in {BROWSERS} browsers: {len(said)} messages,"
            f" of which {sum(s.deleted for s in said)} deleted, {sum(s.edited for s in said)} edited,"
            f" {sum(bool(s.reply_to) for s in said)} replies, {sum(bool(s.file) for s in said)} with a file,"
            f" {sum(len(s.reactions) for s in said)} reactions",
            f"kill -9: {_list(killer.kills)}",
            f"faults: {_list(discord.struck)}",
            f"{noisy:.0f} s of chaos, all equal after {time.monotonic() - began:.0f} s",
        ]
    )


def _list(counted: "Counter[str]") -> str:
    return ", ".join(f"{name} {count}" for name, count in counted.most_common())
