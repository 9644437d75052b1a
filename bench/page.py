"""A conversation of 5,000 messages in a browser: for how long the page does one thing, and nothing else, at a time.

A task of more than 50 ms is what browsers call a long one: what is typed or scrolled meanwhile waits.
"""

import asyncio
import json
import os
import subprocess
import sys
from base64 import b64decode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, NamedTuple

from playwright.async_api import Browser, CDPSession, Page, async_playwright

from tests.chromium import ARGUMENTS, find
from tests.processes import HERE, Site

MESSAGES, LIVE = 5_000, 200
EARLY, LATE, SPAN = 500, 4_500, 250
"""Messages that are loaded where the cost of a page of history is looked at, and about how many it is looked at for."""
TEXTS = (
    "Is the **blue** kettle in stock? I saw it at https://shop.example.com/kettle?a=1",
    "Yes, *three* of them. It is ~~49~~ 39 until <t:1790000000:R>",
    "Thank you!",
    "> Will there be a larger one?\nIn spring, with `blue=1`. Until then:\n- the small one\n- the red one",
    "My order has not arrived. It was sent a week ago, says the mail, to the address that I gave, and nobody "
    "here has seen it. Could somebody have a look where it is, and what I should do if it does not come?",
    "# Opening hours\nMonday to Friday, **nine to five**\n```python\nprint(9, 17)\n```",
    "😀👍",
    "Done ||it was the number of the house||, see [the order](https://shop.example.com/orders/1)",
)
PIXEL = b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC"
)

WATCH = """
window.long = []; window.slowest = 0;
new PerformanceObserver((list) => {
  for (const { duration } of list.getEntries()) long.push(duration);
}).observe({ type: "longtask", buffered: true });
new PerformanceObserver((list) => {
  for (const { duration, name } of list.getEntries())
    if (/^key|^input/.test(name)) slowest = Math.max(slowest, duration);
}).observe({ type: "event", durationThreshold: 16 });
"""
# A screen at a time, as with a held key, until message number `until` is on the page.
CLIMB = """
(until) => new Promise((done) => {
  const scroller = document.querySelector("[data-scroller]");
  let most = 0;
  const step = () => {
    const rows = document.querySelector("[data-rows]").children;
    most = Math.max(most, rows.length);
    const first = [...rows].find((row) => row.matches(".message"))?.querySelector("[data-words]").textContent;
    if (Number(/#(\\d+)$/.exec(first)?.[1]) <= until && (until > 1 || scroller.scrollTop === 0)) return done(most);
    scroller.scrollTop -= scroller.clientHeight * 0.9;
    requestAnimationFrame(step);
  };
  step();
})
"""
AT_THE_END = """
(text) => document.querySelector("[data-rows] .message:last-child [data-words]")?.textContent.endsWith(text)
"""


class Phase(NamedTuple):
    name: str
    tasks: int
    """Of more than 50 ms."""
    longest: float
    """Milliseconds."""
    cpu: float
    """Milliseconds of a processor that a task took, at the most: what else the machine does is not in it."""


class Run(NamedTuple):
    phases: list[Phase]
    rows: int
    """On the page at once, at the most."""
    key: float
    """Milliseconds from a key to what it shows, at the most; 0 where it was always within 16."""
    early: float
    late: float
    """Milliseconds of work for a page of history."""

    @property
    def longest(self) -> float:
        return max(each.cpu for each in self.phases)


def run(site: Site, *, slower: int, rounds: int) -> Run:
    """The best of rounds: what is more is what else the machine does. `slower`: as with a processor of a so-manieth."""
    site.web.start()
    try:
        token = json.loads(_run(site, "seed"))
        return min(
            (asyncio.run(_round(site, token, slower)) for _ in range(rounds)), key=lambda each: each.longest
        )
    finally:
        site.web.stop()


async def _round(site: Site, token: dict[str, str], slower: int) -> Run:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=find(), args=ARGUMENTS)
        async with _page(browser, site, token, slower) as (page, devtools):
            return await _Visit(page, devtools, site).run()


@asynccontextmanager
async def _page(
    browser: Browser, site: Site, token: dict[str, str], slower: int
) -> AsyncIterator[tuple[Page, CDPSession]]:
    context = await browser.new_context(viewport={"width": 1280, "height": 800})
    await context.add_cookies([{**token, "url": site.url}])  # type: ignore[typeddict-item]
    await context.add_init_script(WATCH)
    page = await context.new_page()
    devtools = await context.new_cdp_session(page)
    await devtools.send("Performance.enable")
    await devtools.send("Emulation.setCPUThrottlingRate", {"rate": slower})
    yield page, devtools
    await context.close()


class _Visit:
    def __init__(self, page: Page, devtools: CDPSession, site: Site) -> None:
        self.page, self.devtools, self.site = page, devtools, site
        self.phases: list[Phase] = []
        self.history = 0
        page.on("websocket", lambda socket: socket.on("framesent", self._count))

    def _count(self, frame: str | bytes) -> None:
        self.history += '"history.page"' in str(frame)

    async def run(self) -> Run:
        page, newest = self.page, int(_run(self.site, "read"))
        async with self._phase("opening it"):
            await page.goto(self.site.url)
            await page.wait_for_function(AT_THE_END, arg=f"#{newest}")
        rows, early = await self._cost(newest - EARLY)
        async with self._phase("up 300 messages"):
            await page.evaluate(CLIMB, newest - EARLY - SPAN - 300)
        more, late = await self._cost(newest - LATE)
        async with self._phase("up to the first"):
            await page.evaluate(CLIMB, 1)
        async with self._phase("to the end"):
            await page.locator("[data-newer]").click()
            await page.wait_for_function(AT_THE_END, arg=f"#{newest}")
        async with self._phase(f"{LIVE} come, typing"):
            live = asyncio.create_task(asyncio.to_thread(_run, self.site, "live"))
            while not live.done():
                await page.get_by_label("Your message").press_sequentially("I write meanwhile. ", delay=40)
            await page.wait_for_function(AT_THE_END, arg=f"#{newest + LIVE}")
        return Run(self.phases, max(rows, more), await page.evaluate("slowest"), early, late)

    async def _cost(self, around: int) -> tuple[int, float]:
        """Rows on the page, at the most, and milliseconds of work for a page of history, around this message."""
        before = await self.page.evaluate(CLIMB, around + SPAN)
        began, pages = await _work(self.devtools), self.history
        rows = await self.page.evaluate(CLIMB, around - SPAN)
        spent = await _work(self.devtools) - began
        return max(before, rows), spent * 1000 / max(1, self.history - pages)

    @asynccontextmanager
    async def _phase(self, name: str) -> AsyncIterator[None]:
        browser = self.page.context.browser
        assert browser is not None
        await browser.start_tracing(page=self.page, categories=["toplevel"])
        yield
        # The browser tells of a task a moment after it.
        await self.page.wait_for_timeout(500)
        seen = await self.page.evaluate("long.splice(0)")
        tasks = _tasks(json.loads(await browser.stop_tracing())["traceEvents"])
        longest = max(tasks, key=lambda each: float(each["dur"]))
        cpu = max(float(each.get("tdur", 0)) for each in tasks)
        self.phases.append(Phase(name, len(seen), longest["dur"] / 1000, cpu / 1000))


def _tasks(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What the page's thread did, of the thread that did most."""
    threads = {
        (each["pid"], each["tid"])
        for each in events
        if each["name"] == "thread_name" and each["args"]["name"] == "CrRendererMain"
    }
    tasks: dict[tuple[int, int], list[dict[str, Any]]] = {each: [] for each in threads}
    for each in events:
        if each["name"].endswith("RunTask") and (each["pid"], each["tid"]) in threads and "dur" in each:
            tasks[each["pid"], each["tid"]].append(each)
    return max(tasks.values(), key=lambda some: sum(float(each["dur"]) for each in some))


async def _work(devtools: CDPSession) -> float:
    """Seconds for which the page has been busy."""
    metrics = (await devtools.send("Performance.getMetrics"))["metrics"]
    return float(next(each["value"] for each in metrics if each["name"] == "TaskDuration"))


# --------------------------------------------------------------- in a process with the site's settings


def _run(site: Site, what: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "bench.page", what],
        cwd=HERE,
        env=site.env,
        capture_output=True,
        text=True,
        timeout=300,
    )
    if done.returncode != 0:
        raise SystemExit(f"{what} failed:\n{done.stderr}")
    return done.stdout.splitlines()[-1] if done.stdout else ""


def seed() -> dict[str, str]:
    """A conversation of many months. Returns its visitor's cookie."""
    from django.core.files.base import ContentFile
    from django.utils import timezone

    from bridge.identity.tokens import COOKIE_NAME, issue
    from bridge.models import Attachment, Connection, Message, Reaction
    from tests.seeding import seed

    seed(messages=MESSAGES, connections=1)
    connection = Connection.objects.latest("pk")
    connection.participants.filter(role="visitor").update(visitor=connection.visitor, read_seq=MESSAGES)
    people = [connection.participants.get(role=role) for role in ("visitor", "staff")]
    messages = list(connection.messages.order_by("seq"))
    picture = Attachment().file.storage.save("cat.png", ContentFile(PIXEL))
    files, reactions = [], []
    for at, message in enumerate(messages):
        message.content = f"{TEXTS[at % len(TEXTS)]}\n#{message.seq}"
        message.author = people[at // 3 % 2]
        message.created_at = timezone.now() - timedelta(minutes=50 * (MESSAGES - at))
        message.reply_to = messages[at - 5] if at > 5 and at % 7 == 0 else None
        message.state, message.failure = "delivered", ""
        if at % 15 == 0:
            about = {"content_type": "image/png", "size": len(PIXEL), "width": 400, "height": 300}
            files.append(
                Attachment(message=message, inbox=connection.inbox, name="cat.png", file=picture, **about)
            )
        if at % 5 == 0:
            reactions.append(Reaction(message=message, participant=people[at % 2], emoji="👍"))
    fields = ["content", "author", "created_at", "reply_to", "state", "failure"]
    Message.objects.bulk_update(messages, fields, batch_size=100)
    Attachment.objects.bulk_create(files)
    Reaction.objects.bulk_create(reactions)
    return {"name": COOKIE_NAME, "value": issue(connection.visitor).text}


def live() -> None:
    """As the bot would: one message after the other."""
    from django.utils import timezone

    from bridge.chat.actions.receiving import Incoming, RemoteAuthor, receive_message
    from bridge.models import Endpoint

    endpoint = Endpoint.objects.get()
    first = endpoint.connection.last_seq + 1
    for number in range(first, first + LIVE):
        content = f"{TEXTS[number % len(TEXTS)]}\n#{number}"
        ada = RemoteAuthor("7", "Ada")
        receive_message(
            endpoint.pk, Incoming(str(number + 10**18 * 4), ada, content, created_at=timezone.now())
        )


def read() -> int:
    """The visitor has read it all. Returns how many there are."""
    from bridge.models import Connection

    connection = Connection.objects.get()
    connection.participants.filter(role="visitor").update(read_seq=connection.last_seq)
    return connection.last_seq


if __name__ == "__main__":
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chatbridge_site.settings")
    django.setup()
    answer: Any = {"seed": seed, "live": live, "read": read}[sys.argv[1]]()
    print(json.dumps(answer))
