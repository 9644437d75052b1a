"""A customer who names his order in the chat is told its state."""

import asyncio
import uuid

from asgiref.sync import sync_to_async
from orders.models import Order

from bridge.chat import hooks
from bridge.models import Message
from shop_tests.conftest import Open, Page


async def say(page: Page, text: str) -> list[str]:
    """What stands in the conversation once every receiver has heard of it."""
    sent = await page.ok("message.send", client_id=str(uuid.uuid4()), content=text)
    assert await asyncio.to_thread(hooks.drain)
    found = Message.objects.filter(connection__uid=sent["message"]["connection"]).order_by("seq")
    return await sync_to_async(lambda: list(found.values_list("content", flat=True)))()


async def test_who_names_his_order_is_told_where_it_is(chat: Open) -> None:
    said = await say(await chat("ada"), "Where is my order a-1?")
    assert said == ["Where is my order a-1?", "Order A-1 is on its way."]
    order = await Order.objects.aget(number="A-1")
    assert order.asked_at


async def test_of_anothers_order_nobody_is_told(chat: Open) -> None:
    for name in ("grace", ""):
        said = await say(await chat(name), "Where is my order A-1?")
        assert said == ["Where is my order A-1?"]
    order = await Order.objects.aget(number="A-1")
    assert order.asked_at is None


async def test_the_shops_own_answer_is_not_answered(chat: Open) -> None:
    ada = await chat("ada")
    await say(ada, "A-1")
    assert await say(ada, "Thank you") == ["A-1", "Order A-1 is on its way.", "Thank you"]
