"""Keeps refused mails for staff in the admin, and notifies their senders, once a day.

A machine gets no notice, so two machines never answer each other. Nor does an address that may be forged: either the
visitor left it here, or its own mail server confirms the sender. So nobody can make us write to others.
"""

import logging
from datetime import timedelta
from hashlib import sha256

from django.core.mail import EmailMessage
from django.db import IntegrityError, transaction
from django.utils import timezone

from bridge.chat.actions.remote_ids import locked
from bridge.chat.actions.storing import NewMessage, store_arrival
from bridge.chat.speaking import Target
from bridge.conf import settings
from bridge.errors import DeliveryFailed
from bridge.models import Connection, Endpoint, RefusedMail
from bridge.services.email import letters
from bridge.services.email.arrived import Mail
from bridge.services.email.sending import send

logger = logging.getLogger(__name__)

KEPT = timedelta(days=30)
LONGEST = 20_000
"""Characters of a mail that are kept for staff."""
MOST_STRAYS = 1000
"""Mails without a conversation that are kept for each day, because anybody can send any number of them."""

Reason = RefusedMail.Reason


def refuse(
    mail: Mail, reason: Reason, detail: str, *, endpoint: Endpoint | None, quiet: bool = False
) -> None:
    """Keep the mail for staff, and notify its sender and its conversation, once a day.

    `quiet`: the conversation is not notified.
    """
    RefusedMail.objects.filter(received_at__lt=timezone.now() - KEPT).delete()
    today = RefusedMail.objects.filter(received_at__gt=timezone.now() - timedelta(days=1), connection=None)
    if endpoint is None and today.count() >= MOST_STRAYS:
        logger.warning(
            "An e-mail that belongs to no conversation was not stored: there were %d today.", MOST_STRAYS
        )
        return
    row = _row(mail, reason, detail, endpoint.connection if endpoint else None)
    if not _keep(row) or row.notice is None:
        return
    if endpoint is not None and not quiet:
        _notify_conversation(row, endpoint)
    if reason != Reason.AUTOMATIC and _may_be_notified(mail, row.connection):
        _notify_sender(mail, row)


def _row(mail: Mail, reason: Reason, detail: str, connection: Connection | None) -> RefusedMail:
    recipient = ", ".join(mail.recipients)
    return RefusedMail(
        inbox=connection.inbox if connection else None,
        connection=connection,
        digest=_digest(mail.message_id, mail.sender, recipient),
        notice=_digest(mail.address, f"{timezone.now():%Y-%m-%d}"),
        reason=reason,
        detail=detail[:300],
        sender=mail.sender[:320],
        recipient=recipient[:320],
        subject=mail.subject[:300],
        content=(mail.text.strip() or mail.text_of_html.strip())[:LONGEST],
    )


def _digest(*parts: str) -> str:
    return sha256("\x00".join(parts).encode()).hexdigest()


def _keep(row: RefusedMail) -> bool:
    """False if it is stored already. `notice` is removed if it is not the first of its sender today."""
    if RefusedMail.objects.filter(digest=row.digest).exists():
        return False
    for notice in (row.notice, None):
        row.notice = notice
        try:
            with transaction.atomic():
                row.save(force_insert=True)
        except IntegrityError:
            continue
        return True
    return False


@transaction.atomic
def _notify_conversation(row: RefusedMail, endpoint: Endpoint) -> None:
    """If it is open. The notice is on the page too, because the mail is the visitor's own."""
    endpoint = locked(endpoint.pk)
    connection = endpoint.connection
    if not connection.is_open:
        return
    text = f"✉ An e-mail was not accepted: {row.get_reason_display()}. {row.detail}".strip()
    notice = NewMessage(
        Target.of(connection, None),
        text,
        service=endpoint.service,
        endpoint=endpoint.pk,
    )
    store_arrival(notice, connection)


def _may_be_notified(mail: Mail, connection: Connection | None) -> bool:
    """Whether a notice certainly reaches the person who sent the mail."""
    is_known = connection is not None and letters.is_contact(mail.address, connection)
    return bool(mail.address) and (is_known or mail.authenticated)


def _notify_sender(mail: Mail, row: RefusedMail) -> None:
    """The notice quotes nothing of the mail, so it cannot be misused to send texts to others."""
    connection = row.connection
    reasons = {
        Reason.NOBODYS: "Your e-mail belongs to no conversation, so nobody has read it.",
        Reason.REFUSED: f"Your e-mail was not added to the conversation. {row.detail}",
        Reason.FILES: f"Your e-mail has arrived, but not all of its files. {row.detail}",
    }
    address = letters.page_of(connection) if connection else settings.SITE_URL
    onward = f"\n\nYou can write to us here: {address}" if address else ""
    title = letters.title_of(connection) if connection else ""
    notice = EmailMessage(
        subject=f"{title or 'Your e-mail'}: not accepted",
        body=f"{reasons[Reason(row.reason)]}{onward}\n\nThis e-mail was sent automatically, at most once a day.",
        from_email=letters.sender(connection) if connection else None,
        to=[mail.address],
        headers={
            "Auto-Submitted": "auto-replied",
            "In-Reply-To": mail.message_id,
            "References": mail.message_id,
        },
    )
    try:
        send(notice)
    except DeliveryFailed as error:
        # Staff can read the mail, and a visitor sees the notice on the page.
        logger.warning("The sender of a refused e-mail could not be notified: %s", error)
