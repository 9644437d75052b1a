"""One secret, many spellings: each that is accepted is revoked by one revocation, and no other counts at all."""

import base64
import json
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from typing import Any

import jwt
import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from bridge.errors import BridgeError
from bridge.files.links import is_signed, key_of
from bridge.identity import handshake, revocation, staff_tokens, tokens
from bridge.identity.providers import read_jwt
from bridge.models import Inbox, RevokedToken

PREFIXES = ["staff.", "Staff.", "STAFF.", "staff", "staff..", ".", "Bearer ", "whsec_", "\u200b", "\ufb00"]
FILLERS = [
    " ",
    "\t",
    "\n",
    "\r\n",
    "=",
    "==",
    ".",
    ":",
    "-",
    "_",
    "/",
    "+",
    "\x00",
    "\ufeff",
    "\u200b",
    "é",
    "\ud800",
]


def neighbours(text: str) -> Iterator[str]:
    """With the spare bits of its last letter set in each way, which decodes to the same bytes."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    yield from (text[:-1] + letter for letter in alphabet)


def spellings(text: str) -> list[str]:
    """What a client could hope to be taken for the same."""
    found = [text.upper(), text.lower(), text.swapcase(), text + text, text[::-1], text.replace("-", "+")]
    found += [text.removeprefix(each) for each in PREFIXES] + [each + text for each in PREFIXES]
    found += [each + text for each in FILLERS] + [text + each for each in FILLERS]
    for at in (1, len(text) // 2, len(text) - 1):
        found += [text[:at] + each + text[at:] for each in FILLERS]
    found += neighbours(text)
    for separator in ".:":
        head, _, tail = text.rpartition(separator)
        found += [head + separator + tail + "=", head + separator * 2 + tail, head + separator + tail.upper()]
    return list(dict.fromkeys([text, *found]))


def accepted(read: Any, text: str) -> list[str]:
    def is_read(each: str) -> bool:
        try:
            read(each)
        except BridgeError:
            return False
        return True

    return [each for each in spellings(text) if is_read(each)]


@pytest.fixture
def sam(db: None) -> User:
    return User.objects.create_user("sam", password="secret", is_staff=True)


def test_a_staff_token_is_taken_in_one_spelling_and_revoked_with_it(sam: User) -> None:
    token = staff_tokens.issue(sam, lasts=timedelta(days=1))
    assert accepted(staff_tokens.read, token) == [token]
    assert accepted(staff_tokens.revoke, token) == [token]
    assert accepted(staff_tokens.read, token) == []


def test_a_staff_token_that_an_earlier_version_revoked_without_its_prefix_stays_revoked(sam: User) -> None:
    token = staff_tokens.issue(sam, lasts=timedelta(days=1))
    RevokedToken.objects.create(digest=tokens.digests(token.removeprefix(staff_tokens.PREFIX))[0])
    assert accepted(staff_tokens.read, token) == []


def test_a_revoked_staff_token_does_not_revive_when_a_later_revocation_forgets_what_is_over(
    sam: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the clock says at each: as long as it would count by itself, it is refused."""
    token, other = (staff_tokens.issue(sam, lasts=timedelta(days=days)) for days in (3, 30))
    issued = timezone.now()
    staff_tokens.revoke(token)
    for hours in (0, 1, 25, 71, 71.99, 72, 73, 80):
        now = issued + timedelta(hours=hours)
        monkeypatch.setattr(timezone, "now", lambda now=now: now)
        revocation.revoke_visitor(uuid.uuid4())
        revocation.revoke_login(f"a login {hours}")
        # A machine whose clock is half an hour behind is asked, too.
        for behind in (0, 30):
            monkeypatch.setattr(timezone, "now", lambda now=now, by=behind: now - timedelta(minutes=by))
            assert accepted(staff_tokens.read, token) == []
            assert staff_tokens.read(other) == sam
    assert RevokedToken.objects.filter(digest=tokens.digests(token)[0]).count() == 0


def test_revoking_a_staff_token_twice_changes_nothing_and_leaves_the_others(sam: User) -> None:
    one, other = (staff_tokens.issue(sam, lasts=timedelta(days=1)) for _ in range(2))
    staff_tokens.revoke(one)
    staff_tokens.revoke(one)
    assert accepted(staff_tokens.read, one) == []
    assert staff_tokens.read(other) == sam


@pytest.mark.parametrize("kind", ["anonymous", "identified"])
def test_a_visitors_token_has_one_spelling(kind: str) -> None:
    visitor = uuid.uuid4()
    grant = tokens.digests("a login")[0]
    made = tokens.issue(visitor) if kind == "anonymous" else tokens.issue_identified(visitor, grant=grant)
    assert accepted(tokens.read, made.text) == [made.text]


@given(data=st.binary(max_size=80))
def test_whatever_text_is_read_as_a_token_is_its_own_spelling(data: bytes) -> None:
    text = base64.urlsafe_b64encode(data).decode()
    for each in (text, text.rstrip("="), f"{text}:{text}"):
        with pytest.raises(BridgeError):
            tokens.read(each)


def test_every_spelling_of_a_jwt_is_revoked_at_once(db: None) -> None:
    inbox = Inbox(name="shop", identity=Inbox.Identity.JWT, identity_secret="s" * 64)
    said = {"sub": "u-17", "aud": "shop", "exp": time.time() + 300}
    text = jwt.encode(said, inbox.identity_secret, algorithm="HS256")
    taken = accepted(lambda each: read_jwt(inbox, each), text)
    # Base64 has more than one for the same signature: this is what the rule is for.
    assert len(taken) > 1
    assert len({read_jwt(inbox, each).grant for each in taken}) == 1
    other = jwt.encode(said | {"sub": "u-18"}, inbox.identity_secret, algorithm="HS256")
    assert read_jwt(inbox, other).grant != read_jwt(inbox, text).grant


def test_the_key_of_a_files_link_has_one_spelling() -> None:
    uid, now = uuid.uuid4(), timezone.now()
    key = key_of(uid)
    assert [each for each in spellings(key) if is_signed(each, uid=uid, created_at=now)] == [key]
    assert not is_signed(key, uid=uuid.uuid4(), created_at=now)


@pytest.mark.parametrize(
    ("spelled", "one"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("::FFFF:192.0.2.1", "192.0.2.1"),
        ("::ffff:c000:201", "192.0.2.1"),
        ("0:0:0:0:0:ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:0:1::5", "2001:db8:0:1::"),
        ("2001:DB8:0:1:FFFF::5", "2001:db8:0:1::"),
        ("2001:0db8:0000:0001:0:0:0:9", "2001:db8:0:1::"),
        ("fe80::1%eth0", "fe80::"),
        ("fe80::2%eth1", "fe80::"),
    ],
)
@pytest.mark.parametrize("way", ["socket", "proxy", "proxy with a port"])
def test_an_address_is_counted_as_one_however_it_is_spelled(
    settings: Any, spelled: str, one: str, way: str
) -> None:
    settings.TRUSTED_PROXIES = 0 if way == "socket" else 1
    headers = [(b"host", b"testserver")]
    if way != "socket":
        quoted = f"[{spelled}]:4711" if ":" in spelled else f"{spelled}:4711"
        headers.append((b"x-forwarded-for", (quoted if "port" in way else spelled).encode()))
    client = (spelled, 4711) if way == "socket" else ("10.0.0.1", 4711)
    assert handshake.read_handshake({"headers": headers, "client": client}).address == one


@pytest.mark.parametrize(
    "header",
    [
        b"[" * 40_000,
        b'{"alg":' * 20_000,
        b'{"alg":"HS256","crit":["x"]}',
        b'{"alg":"none"}',
        b'"\\ud800"',
        b"\xff",
    ],
)
def test_a_jwt_with_an_odd_header_is_refused_like_any_other(header: bytes) -> None:
    inbox = Inbox(name="shop", identity=Inbox.Identity.JWT, identity_secret="s" * 64)
    text = ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in (header, b"{}", b"x"))
    with pytest.raises(BridgeError) as refused:
        read_jwt(inbox, text)
    assert refused.value.details["reason"] == "jwt"


@pytest.mark.parametrize(
    "claim", ["\ud800", ["x"] * 5, {"a": {"b": {}}}, 1e400, -1e400, float("nan"), True, "\x00", ""]
)
@pytest.mark.parametrize("name", ["sub", "name", "email", "exp", "iat", "aud", "nbf"])
def test_a_jwt_whose_site_signs_odd_claims_is_refused_or_read_but_no_fault_of_ours(
    name: str, claim: Any
) -> None:
    inbox = Inbox(name="shop", identity=Inbox.Identity.JWT, identity_secret="s" * 64)
    said = {"sub": "u-17", "aud": "shop", "exp": time.time() + 300, name: claim}
    # Not jwt.encode, which refuses to make some of them.
    text = jwt.PyJWS().encode(json.dumps(said).encode(), inbox.identity_secret, algorithm="HS256")
    with suppress(BridgeError):
        assert read_jwt(inbox, text).identity.subject == said["sub"]
