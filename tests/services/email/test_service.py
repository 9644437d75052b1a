"""E-mail keeps the contract: a real SMTP server on one side, a provider's webhook on the other."""

import uuid
from collections.abc import AsyncIterator

import pytest

from bridge.identity import contacts
from bridge.models import Endpoint, Inbox
from bridge.services.email.codes import Purpose, code_for
from bridge.services.email.incoming import Mail, take
from bridge.services.email.service import EmailService
from tests.services.contract import Rig, ServiceContract, Trouble, Wiring
from tests.services.email.server import Mailbox, text_of, use
from tests.time_machine import db

ADDRESS = "vera@example.net"


class EmailRig(Rig):
    edits = False

    def __init__(self, wiring: Wiring, mailbox: Mailbox) -> None:
        super().__init__(EmailService(), wiring)
        self.mailbox = mailbox

    async def prepare(self) -> None:
        await db(Inbox.objects.filter(pk=self.wiring.inbox.pk).update, email_after=5)

    async def held(self, endpoint: Endpoint) -> list[str]:
        to = await db(_code_of, endpoint)
        return [text_of(mail) for mail in self.mailbox.mails if to in mail["Reply-To"]]

    async def have(self, trouble: Trouble | None) -> None:
        self.mailbox.rcpt = {"away": "451 Not now", "refused": "550 Nobody of that name"}.get(
            trouble or "", "250 OK"
        )
        self.mailbox.cut = "after" if trouble == "answer lost" else None

    async def write(self, endpoint: Endpoint, text: str, *, key: int) -> None:
        code = await db(_code_of, endpoint)
        headers = {"message-id": f"<{key}@example.net>"}
        await db(take, Mail(ADDRESS, [f"reply+{code}@in.example.com"], headers, text))


def _code_of(endpoint: Endpoint) -> str:
    return code_for(endpoint.connection.uid, Purpose.REPLY)


class TestEmail(ServiceContract):
    path = "bridge.services.email.service.EmailService"

    @pytest.fixture
    async def rig(self, wiring: Wiring) -> AsyncIterator[Rig]:
        mailbox = Mailbox()
        await mailbox.start()
        use(wiring.settings, port=mailbox.port)
        wiring.settings.EMAIL_REPLY_DOMAIN = "in.example.com"
        yield EmailRig(wiring, mailbox)
        await mailbox.stop()

    async def _open(self, rig: Rig, visitor: uuid.UUID) -> Endpoint:
        """By somebody who left an address before: nobody else has a place there."""
        await db(contacts.set_contact, rig.wiring.inbox.pk, visitor, name=None, email=ADDRESS)
        return await super()._open(rig, visitor)
