"""What a visitor's browser says of its page is text: nothing that it says may stop his conversation, or the bot."""

import asyncio
import uuid
from typing import ClassVar

import pytest

from bridge.chat.actions import Opening, Post, Posted, post_messages
from bridge.delivery.outbox import Outbox
from bridge.infra.clock import Clock
from bridge.models import Connection, Endpoint, Inbox
from bridge.services.base import Service
from bridge.services.discord.bot import database
from bridge.services.discord.card import card_embed
from bridge.services.requests import Answer, Request
from tests.services.discord.bot.stage import db, eventually


@pytest.mark.django_db
@pytest.mark.parametrize("address", ["http://[nowhere", "https://a]/x", "https://\u2100.example.com/"])
def test_an_address_that_is_none_is_left_out_of_the_card(address: str) -> None:
    connection = Connection(inbox=Inbox(name="default"), page_url=address, referrer=address, pk=1)
    embed = card_embed(Endpoint(connection=connection))
    assert [field.name for field in embed.fields] in ([], ["History"])


def say(content: str) -> None:
    inbox, _ = Inbox.objects.get_or_create(name="default")
    (posted,) = post_messages([Post(opening=Opening(inbox.pk, uuid.uuid4(), "Visitor"), content=content)])
    assert isinstance(posted, Posted)


class Broken(Service):
    name: ClassVar[str] = "discord"
    max_length: ClassVar[int] = 2000

    async def perform(self, request: Request) -> Answer:
        raise ValueError("because of a bug")


async def test_a_mistake_of_ours_is_seen_by_staff_and_tried_again_ever_more_slowly(
    transactional_db: None, caplog: pytest.LogCaptureFixture
) -> None:
    await db(say, "Hello")
    outbox = Outbox(Broken(), clock=Clock(), database=database.thread())
    running = asyncio.create_task(outbox.run())
    try:
        await eventually(lambda: db(lambda: Endpoint.objects.filter(failures__gte=1).exists()))
        assert (await db(Endpoint.objects.get)).trouble
    finally:
        await outbox.stop()
        await running
        await database.close()
    assert "because of a bug" in caplog.text
