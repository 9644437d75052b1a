"""`order.status`: a customer's own order, and nobody else's."""

from typing import Any

from bridge.infra.limits import THROTTLES, Limit, Throttle
from shop_tests.conftest import Open

YEAR = 366 * 24 * 3600.0


async def test_a_customer_asks_for_his_order(chat: Open) -> None:
    ada = await chat("ada")
    assert await ada.ok("order.status", number="A-1") == {"number": "A-1", "state": "sent"}


async def test_anothers_order_answers_as_one_that_does_not_exist(chat: Open) -> None:
    ada = await chat("ada")
    anothers, nobodys = (
        await ada.ask("order.status", number="G-1"),
        await ada.ask("order.status", number="X-9"),
    )
    assert anothers["error"]["code"] == "not_found"
    assert anothers == nobodys


async def test_a_stranger_has_to_sign_in(chat: Open) -> None:
    stranger = await chat("")
    reply = await stranger.ask("order.status", number="A-1")
    assert reply["error"]["code"] == "not_identified"


async def test_who_asks_too_often_is_told_when_to_come_back(settings: Any, chat: Open) -> None:
    declared = THROTTLES["order.status"].visitor
    assert (declared.amount, declared.seconds) == (5, 60)
    # What is spent stays spent, however slow the machine.
    slow = Limit(declared.amount, YEAR)
    settings.BRIDGE_THROTTLES = {"order.status": Throttle(visitor=slow, address=slow)}
    ada = await chat("ada")
    replies = [await ada.ask("order.status", number="A-1") for _ in range(6)]
    assert [reply["ok"] for reply in replies] == [True] * 5 + [False]
    assert replies[-1]["error"]["code"] == "throttled"
    assert replies[-1]["error"]["details"]["retry_after"] > 0
    await ada.ok("ping")
