"""Sends a mail with the mail server of the settings, and translates its errors into DeliveryFailed."""

import smtplib
from contextlib import suppress
from typing import Any

from django.core import mail as django_mail
from django.core.mail import EmailMessage

from bridge.errors import DeliveryFailed
from bridge.services.requests import NOT_PERMITTED

TIMEOUT = 10
"""Seconds for each step, if the settings have no timeout: Django's default is none."""


def send(mail: EmailMessage) -> None:
    """Send a mail. Raises DeliveryFailed. Blocks."""
    backend = _backend()
    try:
        backend.open()
    except (smtplib.SMTPException, OSError) as error:
        raise failure_to_open(error) from error
    try:
        backend.send_messages([mail])
    except (smtplib.SMTPException, OSError) as error:
        raise failure_to_send(error) from error
    finally:
        # An error while closing does not change what was sent.
        with suppress(smtplib.SMTPException, OSError):
            backend.close()


def _backend() -> Any:
    """The project's backend: from MAILERS since Django 6.1, from EMAIL_BACKEND before."""
    mailers = getattr(django_mail, "mailers", None)
    backend: Any = mailers.default if mailers is not None else django_mail.get_connection()
    if getattr(backend, "timeout", 0) is None:
        backend.timeout = TIMEOUT
    return backend


def failure_to_open(error: Exception) -> DeliveryFailed:
    """An error before any part of the mail was sent: it was certainly not accepted."""
    match error:
        case smtplib.SMTPAuthenticationError(smtp_code=code, smtp_error=text):
            return _failed(NOT_PERMITTED, f"The mail server refuses the login: {_answer(code, text)}")
        case smtplib.SMTPNotSupportedError():
            return _failed(
                NOT_PERMITTED, f"The mail server does not support what EMAIL_URL requires: {error}"
            )
        case _:
            return _failed("unreachable", f"The mail server cannot be reached: {error}")


def failure_to_send(error: Exception) -> DeliveryFailed:
    """An error while the mail was sent. 4xx: not now, 5xx: never. In both cases it was not accepted."""
    match error:
        case smtplib.SMTPRecipientsRefused():
            code, text = next(iter(error.recipients.values()))
            return _failed("address_refused", _answer(code, text), permanent=code >= 500)
        case smtplib.SMTPSenderRefused(smtp_code=code, smtp_error=text) if code >= 500:
            # The server refuses all our mails, not only this one.
            return _failed(NOT_PERMITTED, f"The mail server accepts no e-mail from us: {_answer(code, text)}")
        case smtplib.SMTPResponseException(smtp_code=code, smtp_error=text) if 400 <= code < 600:
            return _failed("mail_refused", _answer(code, text), permanent=code >= 500)
        case smtplib.SMTPNotSupportedError():
            # This server does not support the characters in the address.
            return _failed("address_refused", str(error), permanent=True)
        case _:
            return _failed("broke_off", f"The mail server closed the connection: {error}", certain=False)


def _answer(code: int, text: bytes | str) -> str:
    return f"{code} {text.decode(errors='replace') if isinstance(text, bytes) else text}"


def _failed(reason: str, detail: str, *, certain: bool = True, permanent: bool = False) -> DeliveryFailed:
    return DeliveryFailed(reason, " ".join(detail.split())[:300], permanent=permanent, certain=certain)
