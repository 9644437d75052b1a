"""A site without Discord: `run_services` carries to a webhook, is killed in the middle, and the webhook answers."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from urllib.request import Request, urlopen

from bridge.models import Webhook
from tests.processes import Process, Site, until
from tests.services.webhook.receiver import Fault, Receiver
from tests.services.webhook.webhooks import signed
from tests.visitor import Visitor

SAID = [f"message {number}" for number in range(30)]
FAULTS: dict[int, Fault] = {2: "cut after", 4: "cut", 5: 500}
PATIENCE = 180.0
MAKE = """
from bridge.models import Inbox, Webhook
made = Webhook.objects.create(inbox=Inbox.objects.get(name="default"), name="Ours", url={url!r})
print(made.uid, made.secret)
"""


async def survived(folder: Path) -> str:
    """Whoever carries is killed twice and the receiver cuts connections: each event arrives once, in order."""
    async with Receiver() as receiver:
        with Site(folder / "var", WEBHOOK_ALLOWED_NETWORKS="127.0.0.0/8", DISCORD_TOKEN="") as site:
            made = await asyncio.to_thread(site.manage, "shell", "-c", MAKE.format(url=receiver.url))
            webhook = Webhook(uid=made.split()[-2], secret=made.split()[-1])
            receiver.secret = webhook.secret
            carrier = _carrier(site)
            await asyncio.to_thread(site.web.start)
            await asyncio.to_thread(carrier.start)
            async with Visitor(site.url) as visitor:
                await _talk(visitor, receiver, carrier)
                connection = receiver.events()[0]["data"]["connection"]["uid"]
                await asyncio.to_thread(_answer, site, webhook, connection)
                await visitor.until(lambda: visitor.messages()[-1]["content"] == "It comes tomorrow.")
            assert receiver.holds(connection) == SAID
            assert len(receiver.asked) >= len(receiver.taken) + 2
        return f"{len(receiver.asked)} requests for {len(receiver.taken)} events"


def _carrier(site: Site) -> Process:
    def carries() -> bool:
        return carrier.log.exists() and "Sending deliveries to" in carrier.log.read_text()

    carrier = site._part("services", ["manage.py", "run_services"], carries)
    site.parts = (*site.parts, carrier)
    return carrier


async def _talk(visitor: Visitor, receiver: Receiver, carrier: Process) -> None:
    for number, text in enumerate(SAID):
        if number in {10, 20}:
            await _killed_in_the_middle(visitor, receiver, carrier, text)
        else:
            receiver.trouble = FAULTS.get(number % 7)
            await visitor.say(text)
    receiver.trouble = None
    await _until(lambda: len(receiver.taken) == len(SAID), "the webhook heard everything")


async def _killed_in_the_middle(visitor: Visitor, receiver: Receiver, carrier: Process, text: str) -> None:
    """It was taken, and whoever sent it dies before he hears so."""
    waited = receiver.waiting
    receiver.trouble = "hang after"
    await visitor.say(text)
    await _until(lambda: receiver.waiting > waited, "the webhook was asked")
    receiver.trouble = None
    await asyncio.to_thread(carrier.kill)
    await asyncio.to_thread(carrier.start)


async def _until(condition: Callable[[], bool], what: str) -> None:
    await asyncio.to_thread(until, condition, what, patience=PATIENCE)


def _answer(site: Site, webhook: Webhook, connection: str) -> None:
    said = {"type": "message.send", "connection": connection, "id": "1", "content": "It comes tomorrow."}
    body = json.dumps(said | {"author": {"id": "1", "name": "Ada"}}).encode()
    headers = signed(webhook.secret, body) | {"Content-Type": "application/json"}
    with urlopen(
        Request(f"{site.url}/services/webhook/{webhook.uid}/", body, headers), timeout=30
    ) as response:
        assert response.status == 200
