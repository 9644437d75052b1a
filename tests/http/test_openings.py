"""A program's first message: the same limits and the same proof of work as a page's."""

import uuid
from typing import Any

import pytest

from bridge.infra.limits import THROTTLES, Limit, Throttle
from bridge.infra.proofs import solve
from bridge.models import Connection, Endpoint, Inbox, Message
from tests.http.caller import Caller, Refused
from tests.web.conftest import YEAR


@pytest.fixture
async def checking(inbox: Inbox) -> Inbox:
    inbox.proof = Inbox.Proof.ON
    await inbox.asave()
    return inbox


async def challenged(caller: Caller) -> dict[str, Any]:
    with pytest.raises(Refused) as refused:
        await caller.write("Hello")
    assert (refused.value.status, refused.value.error["code"]) == (428, "proof_required")
    return dict(refused.value.error["details"])


def proof(challenge: dict[str, Any]) -> dict[str, Any]:
    return {"challenge": challenge["challenge"], "answers": solve(**challenge)}


async def test_who_solves_the_challenge_opens_one_conversation_and_a_stranger_none_with_it(
    visitor: Caller, checking: Inbox
) -> None:
    thief = Caller(address="198.51.100.7")
    await thief.start()
    solution = proof(await challenged(visitor))
    assert await thief.refused(
        "POST", "/api/messages", {"client_id": str(uuid.uuid4()), "content": "Mine", "proof": solution}
    ) == (428, "proof_required")
    assert await Connection.objects.acount() == 0
    first = await visitor.write("Hello", proof=solution)
    await visitor.write("And more")
    await visitor.write("By its address", f"/api/connections/{first['connection']}/messages")
    await visitor.post(f"/api/connections/{first['connection']}/close")
    assert (await challenged(visitor))["bits"] > 0
    with pytest.raises(Refused, match="proof_required"):
        await visitor.write("Once more", proof=solution)
    assert await Connection.objects.acount() == 1


async def test_a_first_message_that_is_refused_leaves_nothing_behind(
    visitor: Caller, settings: Any, inbox: Inbox
) -> None:
    inbox.blocked_words = "spam"
    await inbox.asave()
    for body in (
        {"content": "spam"},
        {"content": "Hello", "nick": "Spam"},
        {"content": "Hello", "attachments": [str(uuid.uuid4())]},
        {"content": "Hello", "reply_to": str(uuid.uuid4())},
    ):
        status, _ = await visitor.refused("POST", "/api/messages", {"client_id": str(uuid.uuid4()), **body})
        assert status in {403, 404}
    for model in (Connection, Endpoint, Message):
        assert await model.objects.acount() == 0


@pytest.fixture
def two_an_inbox(settings: Any) -> None:
    plenty = Limit(1_000_000, YEAR)
    settings.BRIDGE_THROTTLES = dict.fromkeys(THROTTLES, Throttle(plenty, plenty)) | {
        "opening": Throttle(plenty, plenty, inbox=Limit(2, YEAR))
    }


async def test_at_the_inboxs_limit_retry_after_says_when(
    two_an_inbox: None, visitor: Caller, inbox: Inbox
) -> None:
    inbox.proof = Inbox.Proof.OFF
    await inbox.asave()
    # Refused ones do not count.
    await visitor.refused("POST", "/api/messages", {"client_id": str(uuid.uuid4()), "content": ""})
    for number in range(2):
        someone = Caller(address=f"10.{number}.0.1")
        await someone.start()
        await someone.write("Hello")
    with pytest.raises(Refused) as refused:
        await visitor.write("Hello")
    assert (refused.value.status, refused.value.error["code"]) == (429, "throttled")
    assert int(refused.value.headers["retry-after"]) == refused.value.error["details"]["retry_after"] >= 1
    await inbox.arefresh_from_db()
    assert inbox.full_at is not None
