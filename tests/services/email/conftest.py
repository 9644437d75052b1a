"""The cast: a visitor with an address, a stranger, staff who write in Discord, and a mail server."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from bridge.models import Inbox
from tests.services.email.cast import Cast
from tests.services.email.server import Mailbox, use


@pytest.fixture
async def mailbox(settings: Any) -> AsyncIterator[Mailbox]:
    made = Mailbox()
    await made.start()
    use(settings, port=made.port)
    yield made
    await made.stop()


@pytest.fixture
def inbox(transactional_db: None, settings: Any) -> Inbox:
    settings.SITE_URL = "https://chat.example.com"
    settings.EMAIL_REPLY_DOMAIN = "in.example.com"
    settings.DEFAULT_FROM_EMAIL = "chat@example.com"
    settings.BRIDGE_SERVICES = {
        "email": "bridge.services.email.service.EmailService",
        "elsewhere": "tests.services.memory.Elsewhere",
    }
    return Inbox.objects.update_or_create(name="default", defaults={"email_after": 5, "title": "The shop"})[0]


@pytest.fixture
def cast(inbox: Inbox, mailbox: Mailbox, valkey_url: str) -> Cast:
    return Cast(inbox, mailbox)
