"""A mail is given to the mail server of the settings."""

import logging
import smtplib
from typing import Any

from django.core import mail as django_mail
from django.core.mail import EmailMessage

from bridge.services.email import failures

logger = logging.getLogger(__name__)

TIMEOUT = 10
"""Seconds for each step, where the settings say nothing: Django's own default is for ever."""


def send(mail: EmailMessage) -> None:
    """Raises DeliveryFailed. Blocks."""
    backend = _backend()
    try:
        backend.open()
    except (smtplib.SMTPException, OSError) as error:
        raise failures.opening(error) from error
    try:
        backend.send_messages([mail])
    except (smtplib.SMTPException, OSError) as error:
        raise failures.sending(error) from error
    finally:
        _close(backend)


def _backend() -> Any:
    """The project's own: by MAILERS from Django 6.1 on, by EMAIL_BACKEND before."""
    mailers = getattr(django_mail, "mailers", None)
    backend: Any = mailers.default if mailers is not None else django_mail.get_connection()
    if getattr(backend, "timeout", 0) is None:
        backend.timeout = TIMEOUT
    return backend


def _close(backend: Any) -> None:
    """What was taken was taken, whatever happens while we leave."""
    try:
        backend.close()
    except (smtplib.SMTPException, OSError) as error:
        logger.debug("The connection to the mail server was not closed properly: %s", error)
