"""What a mail server's refusal means for a delivery."""

import smtplib

from bridge.errors import DeliveryFailed
from bridge.services.requests import NOT_PERMITTED


def opening(error: Exception) -> DeliveryFailed:
    """Before anything of a mail was written: it surely is not there."""
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return _failed(NOT_PERMITTED, f"The mail server refuses the login: {_words(error)}", certain=True)
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return _failed(
            NOT_PERMITTED, f"The mail server does not support what EMAIL_URL requires: {error}", certain=True
        )
    return _failed("unreachable", f"The mail server cannot be reached: {error}", certain=True)


def sending(error: Exception) -> DeliveryFailed:
    """While a mail was given away."""
    match error:
        case smtplib.SMTPRecipientsRefused():
            code, text = next(iter(error.recipients.values()))
            return _refused(code, text, reason="address_refused")
        case smtplib.SMTPSenderRefused(smtp_code=code) if code >= 500:
            # Nothing is wrong with this mail or this address: with all of them.
            return _failed(
                NOT_PERMITTED, f"The mail server accepts no e-mail from us: {_words(error)}", certain=True
            )
        case smtplib.SMTPResponseException(smtp_code=code, smtp_error=text) if 400 <= code < 600:
            return _refused(code, text, reason="mail_refused")
        case smtplib.SMTPNotSupportedError():
            # An address with letters that this server cannot write.
            return _failed("address_refused", str(error), permanent=True, certain=True)
        case _:
            return _failed("broke_off", f"The mail server closed the connection: {error}", certain=False)


def _refused(code: int, text: bytes | str, *, reason: str) -> DeliveryFailed:
    """4xx: not now, 5xx: never. Either way it has none of it."""
    said = text.decode(errors="replace") if isinstance(text, bytes) else str(text)
    return _failed(reason, f"{code} {said}", permanent=code >= 500, certain=True)


def _words(error: smtplib.SMTPResponseException) -> str:
    text = error.smtp_error
    return f"{error.smtp_code} {text.decode(errors='replace') if isinstance(text, bytes) else text}"


def _failed(reason: str, detail: str, *, certain: bool, permanent: bool = False) -> DeliveryFailed:
    return DeliveryFailed(reason, " ".join(detail.split())[:300], permanent=permanent, certain=certain)
