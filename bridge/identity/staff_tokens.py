"""Staff tokens, with which a program can do what a staff user may do. They are signed and valid for some days.

A token ends when it expires, when its user's password or account changes, and when it is revoked.
"""

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.core import signing
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac

from bridge.errors import BridgeError, Code
from bridge.identity import revocation, tokens
from bridge.models import RevokedToken

PREFIX = "staff."
"""Makes staff tokens recognisable to people who find one. Texts without it are not accepted."""
_SALT = "bridge.staff"


def issue(user: Any, *, lasts: timedelta) -> str:
    until = int((timezone.now() + lasts).timestamp())
    value = [user.pk, until, _password_mark(user), secrets.token_urlsafe(9)]
    return PREFIX + signing.dumps(value, salt=_SALT)


def read(text: str) -> Any:
    """The user whose token this is. Raises BridgeError (`not_identified`)."""
    pk, until, mark, _ = _read(text)
    user = get_user_model()._default_manager.filter(pk=pk).first()
    if user is None or until <= timezone.now().timestamp():
        raise _unknown()
    if not any(constant_time_compare(mark, _password_mark(user, key)) for key in tokens.signing_keys()):
        raise _unknown()
    if RevokedToken.objects.filter(digest__in=_digests(text)).exists():
        raise _unknown()
    return user


def _read(text: str) -> tuple[Any, int, str, str]:
    """The values in a token. The text itself is signed, so each token has only one spelling."""
    if not text.startswith(PREFIX):
        raise _unknown()
    try:
        pk, until, mark, number = signing.loads(text.removeprefix(PREFIX), salt=_SALT)
    except (signing.BadSignature, ValueError, TypeError):
        raise _unknown() from None
    return pk, until, mark, number


def _digests(text: str) -> Sequence[str]:
    # An earlier version accepted tokens without the prefix. Those revoked without it must stay revoked.
    return (*tokens.digests(text), *tokens.digests(text.removeprefix(PREFIX)))


def _password_mark(user: Any, key: str | bytes | None = None) -> str:
    """A value that changes with the password and reveals nothing about it."""
    return salted_hmac(_SALT, user.password, secret=key, algorithm="sha256").hexdigest()[:16]


def _unknown() -> BridgeError:
    return BridgeError(Code.NOT_IDENTIFIED, "This token is invalid, expired or revoked.")


def revoke(text: str) -> None:
    """Revoke a staff token. Raises BridgeError if it is not a valid one."""
    _, until, _, _ = _read(text)
    revocation.revoke(tokens.digests(text), until=datetime.fromtimestamp(until, UTC))
