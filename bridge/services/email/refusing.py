"""What becomes of a mail that is not taken: staff find it in the admin, and its sender is told, once a day.

No notice goes to a machine, or to an address that may be made up: whoever is written to, left it here, or their own
mail server says that the mail is from them. So two machines never answer each other, and nobody makes us write to
others.
"""

import logging
from datetime import timedelta
from hashlib import sha256

from django.core.mail import EmailMessage
from django.db import IntegrityError, transaction
from django.utils import timezone

from bridge.chat.actions.remote_ids import locked
from bridge.chat.actions.storing import NewMessage, state_of_arrival, store_one
from bridge.chat.speaking import Target
from bridge.conf import settings
from bridge.errors import DeliveryFailed
from bridge.models import Endpoint, RefusedMail
from bridge.services.email import letters
from bridge.services.email.arrived import Mail
from bridge.services.email.sending import send

logger = logging.getLogger(__name__)

KEPT = timedelta(days=30)
LONGEST = 20_000
"""Characters of a mail that are kept for staff."""
MOST_STRAYS = 1000
"""Mails for no conversation that are kept, of each day: anybody can send us any number."""

Reason = RefusedMail.Reason


def refuse(
    mail: Mail, reason: Reason, detail: str, *, endpoint: Endpoint | None, quiet: bool = False
) -> None:
    """Keep it for staff, and tell its sender, and the conversation that it was for. The same mail again is nothing.

    `quiet`: its sender is told, and its conversation is not.
    """
    RefusedMail.objects.filter(received_at__lt=timezone.now() - KEPT).delete()
    row = _row(mail, reason, detail, endpoint=endpoint)
    if endpoint is None and _strays() >= MOST_STRAYS:
        logger.warning(
            "An e-mail that belongs to no conversation was not stored: there were %d today.", MOST_STRAYS
        )
        return
    if not _keep(row):
        return
    if endpoint is not None and not quiet:
        _tell_conversation(row, endpoint)
    if reason != Reason.AUTOMATIC and may_be_told(mail, endpoint):
        _tell_sender(mail, row, endpoint)


def may_be_told(mail: Mail, endpoint: Endpoint | None) -> bool:
    """Whether a notice surely goes to whoever sent it."""
    contact = letters.contact_of(endpoint.connection) if endpoint else None
    is_known = contact is not None and mail.address == contact.email.casefold()
    return bool(mail.address) and (is_known or mail.authenticated)


def _row(mail: Mail, reason: Reason, detail: str, *, endpoint: Endpoint | None) -> RefusedMail:
    connection = endpoint.connection if endpoint else None
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


def _strays() -> int:
    since = timezone.now() - timedelta(days=1)
    return RefusedMail.objects.filter(received_at__gt=since, connection=None).count()


def _keep(row: RefusedMail) -> bool:
    """False where it is here already. Without `notice` it is not the first of its sender today."""
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
def _tell_conversation(row: RefusedMail, endpoint: Endpoint) -> None:
    """Once a day, where it is open. On the page too: it is its visitor's own mail."""
    if row.notice is None:
        return
    there = locked(endpoint.pk)
    if not there.connection.is_open:
        return
    text = f"✉ An e-mail was not accepted: {row.get_reason_display()}. {row.detail}".strip()
    notice = NewMessage(
        Target.of(there.connection, None),
        text,
        service=there.service,
        endpoint=there.pk,
        state=state_of_arrival(there.connection, service=there.service, source=there),
    )
    store_one(notice, there.connection)


def _tell_sender(mail: Mail, row: RefusedMail, endpoint: Endpoint | None) -> None:
    if row.notice is None:
        return
    title = letters.title_of(endpoint.connection) if endpoint else ""
    notice = EmailMessage(
        subject=f"{title or 'Your e-mail'}: not accepted",
        body=_notice(row, endpoint),
        from_email=letters.sender(endpoint.connection) if endpoint else None,
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
        # Staff have it. Whoever sent it finds the same on the page.
        logger.warning("The sender of a refused e-mail could not be notified: %s", error)


def _notice(row: RefusedMail, endpoint: Endpoint | None) -> str:
    """Nothing of what they wrote: a notice carries nobody's words to anybody."""
    reasons = {
        Reason.NOBODYS: "Your e-mail belongs to no conversation, so nobody has read it.",
        Reason.REFUSED: f"Your e-mail was not added to the conversation. {row.detail}",
        Reason.FILES: f"Your e-mail has arrived, but not all of its files. {row.detail}",
    }
    address = letters.page_of(endpoint.connection) if endpoint else settings.SITE_URL
    onward = f"\n\nYou can write to us here: {address}" if address else ""
    return f"{reasons[Reason(row.reason)]}{onward}\n\nThis e-mail was sent automatically, at most once a day."
