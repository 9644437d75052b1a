"""Tokens by themselves: what they say, and what makes a text none."""

import base64
import uuid
from datetime import timedelta

import pytest
from django.core import signing
from django.utils import timezone

from bridge.errors import BridgeError
from bridge.identity import tokens


def test_each_token_has_a_number_of_its_own_and_comes_back_as_its_visitor() -> None:
    visitor = uuid.uuid4()
    one, other = tokens.issue(visitor), tokens.issue(visitor)
    assert one.text != other.text
    assert tokens.read(one.text) == one
    assert tokens.read(other.text).visitor == visitor
    assert tokens.issue().visitor != tokens.issue().visitor


def test_a_token_is_short_and_does_not_show_its_visitor() -> None:
    visitor = uuid.uuid4()
    identified = tokens.issue_identified(visitor, grant=tokens.digests("a login")[0])
    for token in (tokens.issue(visitor), identified):
        assert len(token.text) <= 120
        assert visitor.hex not in token.text


def test_a_token_of_an_identified_visitor_ends_within_a_day_or_before() -> None:
    visitor, grant, now = uuid.uuid4(), tokens.digests("a login")[0], timezone.now()
    longest = tokens.issue_identified(visitor, grant=grant, until=now + timedelta(days=400))
    assert longest.expires_at is not None
    assert longest.expires_at - now <= tokens.VOUCHED_FOR
    assert tokens.read(longest.text) == longest
    assert not longest.is_expired
    past = tokens.issue_identified(visitor, grant=grant, until=now - timedelta(seconds=2))
    assert tokens.read(past.text).is_expired
    assert tokens.read(past.text).grant == grant


def test_a_token_of_an_earlier_version_still_says_who_it_is() -> None:
    visitor = uuid.uuid4()
    text = signing.Signer(salt="bridge.visitor").sign(
        base64.urlsafe_b64encode(visitor.bytes).rstrip(b"=").decode()
    )
    assert tokens.read(text).visitor == visitor


@pytest.mark.parametrize("value", ["", "AAAA", "é", base64.urlsafe_b64encode(bytes(45)).decode()])
def test_what_is_signed_but_no_token_is_refused(value: str) -> None:
    with pytest.raises(BridgeError, match="invalid"):
        tokens.read(signing.Signer(salt="bridge.visitor").sign(value))


def test_successors_are_other_visitors_and_the_same_each_time() -> None:
    token = tokens.issue()
    first, second = (tokens.successor(token, number=number) for number in (0, 1))
    assert len({token.visitor, first, second}) == 3
    assert tokens.successor(tokens.read(token.text), number=0) == first
    assert tokens.successor(tokens.issue(token.visitor), number=0) != first
