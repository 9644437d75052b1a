"""Whom a JWT or this site's login vouches for."""

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
"""Seconds that another site's clock may be wrong."""


class _Said(BaseModel):
    sub: Annotated[Line, Field(min_length=1, max_length=255)]
    # Shown as far as it can be: a name that is odd is no reason to keep its bearer out.
    name: Annotated[str, BeforeValidator(lambda name: name or ""), AfterValidator(as_name)] = ""
    email: Email = ""
    exp: float
    iat: float | None = None


@dataclass(frozen=True, slots=True)
class ExternalIdentity:
    """Whom somebody vouches for, by what, since when and until when."""

    identity: Identity
    grants: tuple[str, ...]
    """The digests of that by which they vouch, the one that counts now first."""
    since: datetime
    until: datetime | None = None

    @property
    def grant(self) -> str:
        return self.grants[0]


def read_jwt(inbox: Inbox, text: str) -> ExternalIdentity:
    """Raises BridgeError (`not_identified`) for what this inbox's secret did not sign, or signed for somebody else."""
    if not inbox.takes_jwt:
        raise BridgeError(Code.NOT_IDENTIFIED, "This chat does not accept JWTs.", reason="jwt")
    try:
        # The algorithm is ours to say, not the token's; compares in constant time.
        said = _Said.model_validate(_decoded(inbox, text))
    except jwt.ExpiredSignatureError:
        raise BridgeError(Code.NOT_IDENTIFIED, "This JWT has expired.", reason="expired") from None
    # Its header is read before its signature: it may be nested as deep as anybody likes.
    except (jwt.InvalidTokenError, ValidationError, OverflowError, UnicodeError, RecursionError) as error:
        raise BridgeError(Code.NOT_IDENTIFIED, _why(error), reason="jwt") from None
    now = timezone.now()
    identity = Identity(Contact.Issuer.JWT, said.sub, said.name, said.email)
    latest = (now + tokens.VOUCHED_FOR).timestamp()
    return ExternalIdentity(
        identity,
        # What was signed. The signature itself has several spellings: its last letter's spare bits, padding, line ends.
        tokens.digests(text.rpartition(".")[0]),
        since=now if said.iat is None else min(now, datetime.fromtimestamp(max(said.iat, 0), UTC)),
        until=datetime.fromtimestamp(min(said.exp, latest), UTC),
    )


def _decoded(inbox: Inbox, text: str) -> dict[str, Any]:
    """What it says, whichever of the inbox's secrets signed it."""
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
    """For whoever writes the site: what of their JWT does not fit, without what is in it."""
    if isinstance(error, jwt.MissingRequiredClaimError):
        return f"This JWT has no {error.claim}."
    if isinstance(error, jwt.InvalidAudienceError):
        return "This JWT is for another chat."
    if isinstance(error, ValidationError):
        fields = ", ".join(str(each["loc"][0]) for each in error.errors(include_url=False))
        return f"This JWT has an invalid value in {fields}."
    return "This JWT was not signed with this chat's secret."


class _Glance(dict[str, Any]):
    """A login's session that is only looked at: whatever is to be changed in it, its next page changes."""

    def flush(self) -> None:
        self.clear()

    def cycle_key(self) -> None:
        """Its cookie could not be told."""


def read_login(session_key: str) -> ExternalIdentity | None:
    """The user who is logged in with this Django session, as Django itself would say. None: nobody."""
    store = import_module(settings.SESSION_ENGINE).SessionStore(session_key)
    request: Any = SimpleNamespace(session=_Glance(store.load()))
    user: Any = auth.get_user(request)
    if not user.is_authenticated:
        return None
    # A project's own kind of user may have no full name.
    name = getattr(user, "get_full_name", str)() or user.get_username()
    email = getattr(user, user.get_email_field_name(), "") or ""
    identity = Identity(Contact.Issuer.SITE, str(user.pk), as_name(name), email, user.pk)
    return ExternalIdentity(identity, tokens.digests(session_key), since=timezone.now())


def end_login(*, request: Any, **_: Any) -> None:
    """Whoever logs out: what rests on their login ends. Receives `user_logged_out`, while the session still exists."""
    # Two, where Django gives it another key as it looks who logs out: after SECRET_KEY has changed.
    given = getattr(request, "COOKIES", {}).get(settings.SESSION_COOKIE_NAME)
    stored = getattr(getattr(request, "session", None), "session_key", None)
    keys = {key for key in (stored, given) if key}
    if keys and Inbox.objects.filter(identity__in=[Inbox.Identity.LOGIN, Inbox.Identity.BOTH]).exists():
        for key in keys:
            revocation.revoke_login(key)
