"""The mail with everything that a visitor missed."""

from email.headerregistry import Address
from email.utils import parseaddr
from typing import Any
from urllib.parse import urlencode

from django.conf import settings as project
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.utils.safestring import mark_safe

from bridge.chat.wire import link_to
from bridge.conf import settings
from bridge.infra import addresses
from bridge.models import Connection, Contact, Message, RemoteMessage
from bridge.services import words
from bridge.services.email.codes import Purpose, code_for
from bridge.text.characters import clean_line

LINE = "— Please write your answer above this line —"
"""In an answer, everything below it is our own mail, whatever the mail program adds."""
LONGEST_THREAD = 10
"""Earlier mails in `References`: enough for any mail program to find the thread."""


def contact_of(connection: Connection) -> Contact | None:
    if connection.visitor is None:
        return None
    return Contact.objects.filter(inbox=connection.inbox_id, visitor=connection.visitor).first()


def is_contact(address: str, connection: Connection) -> bool:
    """Whether the visitor left this address, which is in lower case."""
    contact = contact_of(connection)
    return contact is not None and address == contact.email.casefold()


def address_of(connection: Connection) -> str:
    """The visitor's address; "" if there is none, or if they have unsubscribed."""
    contact = contact_of(connection)
    return contact.email if contact is not None and not contact.email_stopped else ""


def build(remote: RemoteMessage, connection: Connection, *, to: str) -> EmailMultiAlternatives:
    """The mail of this remote message, with the current texts of its messages."""
    parts = remote.parts.order_by("position").select_related("message__author")
    messages = [part.message for part in parts.prefetch_related("message__attachments")]
    reply = reply_address(connection)
    stop = stop_link(connection)
    context = {
        "line": LINE if reply else "",
        "messages": [_context(message) for message in messages if not message.deleted_at],
        "title": title_of(connection),
        "site": page_of(connection),
        "stop": stop,
    }
    mail = EmailMultiAlternatives(
        subject=subject_of(connection),
        body=render_to_string("bridge/mail.txt", context),
        from_email=sender(connection),
        to=[to],
        reply_to=[reply] if reply else None,
        headers=_headers(remote, connection, stop=stop),
    )
    mail.attach_alternative(render_to_string("bridge/mail.html", context), "text/html")
    return mail


def subject_of(connection: Connection) -> str:
    return f"{title_of(connection)}: an answer for you"


def title_of(connection: Connection) -> str:
    return clean_line(connection.inbox.title)


def sender_address(connection: Connection) -> str:
    return parseaddr(connection.inbox.email_from or project.DEFAULT_FROM_EMAIL)[1]


def sender(connection: Connection) -> str:
    """The inbox's address, under the name of its chat."""
    return str(Address(display_name=title_of(connection), addr_spec=sender_address(connection)))


def reply_address(connection: Connection) -> str:
    """The conversation's address for answers; "" if this site receives no mail."""
    domain = settings.EMAIL_REPLY_DOMAIN
    return f"reply+{code_for(connection.uid, Purpose.REPLY)}@{domain}" if domain else ""


def page_of(connection: Connection) -> str:
    """The link to the conversation on the page; "" if this site's own address is unknown."""
    inbox = connection.inbox.name
    query = "" if inbox == "default" else f"?{urlencode({'inbox': inbox})}"
    path = f"{addresses.path_to('bridge:chat')}{query}#conversation={connection.uid}"
    return addresses.whole(path)


def stop_link(connection: Connection) -> str:
    """The link to unsubscribe without a login; "" if this site's own address is unknown."""
    path = addresses.path_to("bridge:email:stop", code_for(connection.uid, Purpose.STOP))
    return addresses.whole(path)


def _headers(remote: RemoteMessage, connection: Connection, *, stop: str) -> dict[str, str]:
    domain = settings.EMAIL_REPLY_DOMAIN or sender_address(connection).rpartition("@")[2] or "localhost"
    headers = {
        # A mail that is sent again has the same ID.
        "Message-ID": f"<{remote.nonce}@{domain}>",
        # Out-of-office replies are not sent to it.
        "Auto-Submitted": "auto-generated",
    }
    # Earlier mails of this conversation, in both directions.
    before = RemoteMessage.objects.filter(endpoint=remote.endpoint_id, pk__lt=remote.pk)
    known = before.filter(remote_id__startswith="<").order_by("-pk").values_list("remote_id", flat=True)
    if thread := [remote_id for remote_id in known[:LONGEST_THREAD] if remote_id][::-1]:
        headers |= {"In-Reply-To": thread[-1], "References": " ".join(thread)}
    if stop:
        headers |= {"List-Unsubscribe": f"<{stop}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}
    return headers


def _context(message: Message) -> dict[str, Any]:
    """For the templates. A file's address is "" if nobody could open it."""
    attachments = sorted(message.attachments.all(), key=lambda attachment: attachment.position)
    return {
        "name": message.author.nick if message.author else "",
        "when": f"{message.created_at.day} {message.created_at:%B %Y, %H:%M} UTC",
        "content": words.plain(message),
        "html": mark_safe(words.html(message)),  # noqa: S308  # all of it is escaped
        "files": [(attachment.name, link_to(attachment)) for attachment in attachments],
    }
