"""The service `email`: sends what a visitor has not read for a while, as one mail."""

import sys
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar
from uuid import UUID

from asgiref.sync import sync_to_async
from channels.db import database_sync_to_async
from django.core.mail import EmailMultiAlternatives
from django.urls import path

from bridge.errors import DeliveryFailed
from bridge.models import Connection, Delivery, Endpoint, Message, Participant, RemoteMessage
from bridge.services.attempts import current_attempt
from bridge.services.base import Drop, FileLimits, Go, Hold, Joining, Service, Verdict
from bridge.services.email import letters, views
from bridge.services.email.sending import send
from bridge.services.requests import Answer, Post, Request, Stored


class EmailService(Service):
    """An endpoint is a conversation whose visitor left an address. Its remote ID is the conversation's uid.

    If the result of sending a mail is unknown, it is sent again with the same Message-ID. Most servers and mail
    programs show it once.
    """

    name: ClassVar[str] = "email"
    id_type = UUID
    max_length: ClassVar[int] = 1_000_000
    joins = Joining.ALL
    idempotent = True
    # A mail has a link to each file.
    file_limits = FileLimits(sys.maxsize, sys.maxsize)
    # That a mail server accepted it does not mean that somebody reads it.
    reports = False

    @classmethod
    def places(cls, connection: Connection) -> Sequence[str | None]:
        is_private = connection.kind == Connection.Kind.PRIVATE
        return (str(connection.uid),) if is_private and _is_mailed(connection) else ()

    @classmethod
    def urls(cls) -> Sequence[Any]:
        return [
            path("mailgun/", views.mailgun, name="mailgun"),
            path("postmark/", views.postmark, name="postmark"),
            path("stop/<str:code>/", views.stop, name="stop"),
        ]

    @classmethod
    def reaches_visitor(cls, endpoint: Endpoint) -> bool:
        return _is_mailed(endpoint.connection)

    def consider(self, waiting: Sequence[Delivery], endpoint: Endpoint, *, now: datetime) -> Verdict:
        """The oldest message waits for the inbox's delay: the visitor may read it on the page until then."""
        if not self.reaches_visitor(endpoint):
            return Drop(waiting)
        connection = endpoint.connection
        reader = Participant.objects.get(connection=connection, visitor=connection.visitor)
        needless = [
            delivery
            for delivery in waiting
            if not _is_from_staff(delivery) or delivery.message.seq <= reader.read_seq
        ]
        if needless:
            return Drop(needless)
        until = waiting[0].message.created_at + timedelta(minutes=connection.inbox.email_after)
        return Hold(until) if until > now else Go()

    async def perform(self, request: Request) -> Answer:
        if not isinstance(request, Post):
            raise DeliveryFailed("not_carried", "An e-mail cannot be changed.", permanent=True, certain=True)
        mail = await database_sync_to_async(_letter)(request.remote_pk)
        attempt = current_attempt()
        if attempt is not None:
            attempt.begin(write=True)
        try:
            # In a thread of its own: it blocks, and uses no database.
            await sync_to_async(send, thread_sensitive=False)(mail)
        finally:
            # A DeliveryFailed is more precise. After any other error of a backend, the mail may have been sent.
            if attempt is not None:
                attempt.broke()
        return Stored(mail.extra_headers["Message-ID"])


def _is_mailed(connection: Connection) -> bool:
    """Whether the visitor has not unsubscribed, and the inbox sends mails."""
    return bool(letters.address_of(connection) and connection.inbox.email_after)


def _is_from_staff(delivery: Delivery) -> bool:
    """A mail cannot be changed, so an edit that comes after it is not sent."""
    message = delivery.message
    is_message = delivery.operation == Delivery.Operation.POST and message.kind == Message.Kind.MESSAGE
    return is_message and message.author is not None and message.author.role == Participant.Role.STAFF


def _letter(remote_pk: int) -> EmailMultiAlternatives:
    remote = RemoteMessage.objects.select_related("endpoint__connection__inbox").get(pk=remote_pk)
    connection = remote.endpoint.connection
    to = letters.address_of(connection)
    if not to:
        raise DeliveryFailed("no_address", "The visitor has unsubscribed.", permanent=True, certain=True)
    return letters.build(remote, connection, to=to)
