"""A visitor tries a message again that did not reach the team: his own, and not too often."""

from typing import Any

from asgiref.sync import sync_to_async
from django.db import transaction

from bridge.chat.actions.settling import mark_failed
from bridge.infra.limits import THROTTLES
from bridge.models import Connection, Delivery, Message
from tests.web.browser import Browser
from tests.web.conftest import Open


@sync_to_async
def fail(message: dict[str, Any]) -> None:
    """As the bot does where Discord refuses it for good."""
    with transaction.atomic():
        delivery = Delivery.objects.select_related("endpoint__connection").get(message__uid=message["uid"])
        Connection.objects.lock(delivery.endpoint.connection_id)
        mark_failed([delivery], endpoint=delivery.endpoint, reason="blocked_by_automod", detail="A word")


async def retried(browser: Browser, message: dict[str, Any]) -> dict[str, Any]:
    return dict((await browser.ok("message.retry", message=message["uid"]))["message"])


async def test_it_is_on_its_way_again_in_both_tabs_and_no_stranger_hears(
    browser: Open, stranger: Browser
) -> None:
    here = browser()
    await here.start()
    message = await here.write("Rude word")
    there = browser(token=here.token)
    await there.start()
    await fail(message)
    failed = (await there.event("message.failed"))["payload"]["messages"][0]
    assert (failed["state"], failed["failure"]) == ("failed", "blocked_by_automod")
    again = await retried(here, message)
    assert (again["state"], again["failure"], again["own"]) == ("sent", "", True)
    event = await there.event("message.posted")
    if event["revision"] == message["revision"]:
        # The first try, on its way when this tab opened.
        event = await there.event("message.posted")
    assert event["payload"]["messages"][0]["state"] == "sent"
    assert (event["since"], event["revision"]) == (again["revision"] - 1, again["revision"])
    waiting = await Delivery.objects.aget(message__uid=message["uid"])
    assert (waiting.operation, waiting.settled_at, waiting.outcome) == ("post", None, "")
    assert await stranger.hears_nothing()


async def test_what_did_not_fail_stays_as_it_is(visitor: Browser) -> None:
    message = await visitor.write("Hello")
    again = await retried(visitor, message)
    assert (again["state"], again["revision"]) == ("sent", message["revision"])
    assert await Delivery.objects.acount() == 1


async def test_a_stranger_gets_the_answer_for_what_does_not_exist(
    visitor: Browser, stranger: Browser
) -> None:
    message = await visitor.write("Mine")
    await fail(message)
    reply = await stranger.ask("message.retry", message=message["uid"])
    assert reply["error"]["code"] == "not_found"
    assert (await Message.objects.aget(uid=message["uid"])).state == "failed"


async def test_it_has_a_limit_of_its_own(no_refill: None, visitor: Browser) -> None:
    message = await visitor.write("Hello")
    allowed = THROTTLES["retry"].visitor.amount
    replies = [await visitor.ask("message.retry", message=message["uid"]) for _ in range(allowed + 1)]
    assert [reply["ok"] for reply in replies] == [True] * allowed + [False]
    assert replies[-1]["error"]["code"] == "throttled"
