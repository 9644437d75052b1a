"""A conversation whose visitor left an address: what each of its people can do."""

import uuid
from typing import Any

from django.utils import timezone

from bridge.chat import actions
from bridge.chat.actions import Opening, Post, Posted, post_messages
from bridge.chat.actions.receiving import Incoming, RemoteAuthor, RemoteFile, receive_message
from bridge.identity import contacts
from bridge.models import Connection, Endpoint, Inbox, Message, Participant
from bridge.services.email.service import EmailService
from tests.services.contract import Rig, Wiring
from tests.services.email.server import Mailbox
from tests.time_machine import TimeMachine, db

ADDRESS = "vera@example.net"


class Carrier(Rig):
    """The rules of delivery, by hand, on a clock that can be turned."""

    edits = False

    async def held(self, endpoint: Endpoint) -> list[str]:
        raise NotImplementedError

    async def have(self, trouble: Any) -> None:
        raise NotImplementedError

    async def write(self, endpoint: Endpoint, text: str, *, key: int) -> None:
        raise NotImplementedError


class Cast:
    def __init__(self, inbox: Inbox, mailbox: Mailbox) -> None:
        self.inbox, self.mailbox = inbox, mailbox
        self.clock = TimeMachine()
        self._carrier = Carrier(EmailService(), Wiring(self.clock, inbox, None))
        self.visitor = uuid.uuid4()

    async def visitor_writes(self, text: str, *, visitor: uuid.UUID | None = None) -> Connection:
        opening = Opening(inbox=self.inbox.pk, visitor=visitor or self.visitor, nick="Vera")
        (posted,) = await db(post_messages, [Post(opening=opening, content=text, client_id=uuid.uuid4())])
        assert isinstance(posted, Posted)
        found: Connection = await db(Connection.objects.get, pk=posted.target.connection)
        return found

    async def leaves_address(self, address: str = ADDRESS, *, visitor: uuid.UUID | None = None) -> None:
        await db(contacts.set_contact, self.inbox.pk, visitor or self.visitor, name=None, email=address)

    async def staff_write(
        self, connection: Connection, text: str, *, nick: str = "Sam", files: tuple[RemoteFile, ...] = ()
    ) -> Message:
        place = await db(Endpoint.objects.get, connection=connection, service="elsewhere")
        author = RemoteAuthor(remote_id=nick, nick=nick)
        incoming = Incoming(uuid.uuid4().hex, author, text, created_at=timezone.now(), files=files)
        message: Message = await db(receive_message, place.pk, incoming)
        return message

    async def reads(self, connection: Connection, seq: int) -> None:
        reader = await db(Participant.objects.get, connection=connection, visitor=connection.visitor)
        await db(actions.mark_read, reader.pk, seq=seq)

    async def carry(self) -> None:
        """Whatever could be sent by now, with time going on."""
        await self._carrier.carry()

    async def carry_now(self) -> None:
        """The same, without."""
        for line in await db(self._claim):
            await self._carrier._work(line)

    def _claim(self) -> Any:
        from bridge import delivery

        return delivery.claim("email", limit=20, clock=self.clock)
