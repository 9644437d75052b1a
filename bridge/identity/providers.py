"""Reads the identity of a visitor from a JWT or from this site's login."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from types import SimpleNamespace
from typing import Annotated, Any

import jwt
from django.conf import settings
from django.contrib import auth
from django.utils import timezone
from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, ValidationError

from bridge.errors import BridgeError, Code
from bridge.identity import revocation, tokens
from bridge.identity.contacts import Identity
from bridge.models import Contact, Inbox
from bridge.protocol.values import Email, Line, as_name

LEEWAY = 10
"""Seconds by which another site's clock may be wrong."""


class _Said(BaseModel):
    sub: Annotated[Line, Field(min_length=1, max_length=255)]
    # Invalid parts are left out: a strange name is not a reason to refuse its bearer.
    name: Annotated[str, BeforeValidator(lambda name: name or ""), AfterValidator(as_name)] = ""
    email: Email = ""
    exp: float
    iat: float | None = None


@dataclass(frozen=True, slots=True)
class ExternalIdentity:
    """An identity that a site confirms, how it does that, since when and until when."""

    identity: Identity
    grants: tuple[str, ...]
    """The digests of the JWT or the login's key, the current one first."""
    since: datetime
    until: datetime | None = None

    @property
    def grant(self) -> str:
        return self.grants[0]


def read_jwt(inbox: Inbox, text: str) -> ExternalIdentity:
    """The identity in a JWT. Raises BridgeError (`not_identified`) if it is not valid in this inbox."""
    if not inbox.takes_jwt:
        raise BridgeError(Code.NOT_IDENTIFIED, "This chat does not accept JWTs.", reason="jwt")
    try:
        # We choose the algorithm, not the token. Signatures are compared in constant time.
        claims = _Said.model_validate(_decoded(inbox, text))
    except jwt.ExpiredSignatureError:
        raise BridgeError(Code.NOT_IDENTIFIED, "This JWT has expired.", reason="expired") from None
    # The header is read before the signature is checked, so an attacker may nest it to any depth.
    except (jwt.InvalidTokenError, ValidationError, OverflowError, UnicodeError, RecursionError) as error:
        raise BridgeError(Code.NOT_IDENTIFIED, _why(error), reason="jwt") from None
    now = timezone.now()
    identity = Identity(Contact.Issuer.JWT, claims.sub, claims.name, claims.email)
    latest = (now + tokens.VOUCHED_FOR).timestamp()
    return ExternalIdentity(
        identity,
        # Only the signed part: a signature has several spellings (unused bits of its last letter, padding, line ends).
        tokens.digests(text.rpartition(".")[0]),
        since=now if claims.iat is None else min(now, datetime.fromtimestamp(max(claims.iat, 0), UTC)),
        until=datetime.fromtimestamp(min(claims.exp, latest), UTC),
    )


def _decoded(inbox: Inbox, text: str) -> dict[str, Any]:
    """The claims of a JWT that any of the inbox's secrets signed."""
    *before, last = inbox.identity_secrets()
    options: Any = {
        "algorithms": ["HS256"],
        "audience": inbox.name,
        "leeway": LEEWAY,
        "options": {"require": ["exp", "aud", "sub"]},
    }
    for secret in before:
        with suppress(jwt.InvalidSignatureError):
            return jwt.decode(text, secret, **options)
    return jwt.decode(text, last, **options)


def _why(error: Exception) -> str:
    """Explains to the site's developers why their JWT is refused, without its content."""
    if isinstance(error, jwt.MissingRequiredClaimError):
        return f"This JWT has no {error.claim}."
    if isinstance(error, jwt.InvalidAudienceError):
        return "This JWT is for another chat."
    if isinstance(error, ValidationError):
        fields = ", ".join(str(problem["loc"][0]) for problem in error.errors(include_url=False))
        return f"This JWT has an invalid value in {fields}."
    return "This JWT was not signed with this chat's secret."


class _Glance(dict[str, Any]):
    """A session that is only read. Changes are discarded; Django makes them again on the user's next page."""

    def flush(self) -> None:
        self.clear()

    def cycle_key(self) -> None:
        """Does nothing, because the new key could not be sent to the browser."""


def read_login(session_key: str) -> ExternalIdentity | None:
    """The user who is logged in with this Django session according to Django, or None."""
    store = import_module(settings.SESSION_ENGINE).SessionStore(session_key)
    request: Any = SimpleNamespace(session=_Glance(store.load()))
    user: Any = auth.get_user(request)
    if not user.is_authenticated:
        return None
    # A project's own user model may have no full name.
    name = getattr(user, "get_full_name", str)() or user.get_username()
    email = getattr(user, user.get_email_field_name(), "") or ""
    identity = Identity(Contact.Issuer.SITE, str(user.pk), as_name(name), email, user.pk)
    return ExternalIdentity(identity, tokens.digests(session_key), since=timezone.now())


def end_login(*, request: Any, **_: Any) -> None:
    """End all that depends on a login. Receives `user_logged_out`, while the session still exists."""
    # There are two keys if Django changes the key while it loads the user, after SECRET_KEY has changed.
    given = getattr(request, "COOKIES", {}).get(settings.SESSION_COOKIE_NAME)
    stored = getattr(getattr(request, "session", None), "session_key", None)
    keys = {key for key in (stored, given) if key}
    if keys and Inbox.objects.filter(identity__in=[Inbox.Identity.LOGIN, Inbox.Identity.BOTH]).exists():
        for key in keys:
            revocation.revoke_login(key)
