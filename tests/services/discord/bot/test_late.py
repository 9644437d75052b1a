"""What staff write to somebody who has gone on elsewhere, ✅ and ⚠ on it, and what both sides are told of an ending."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth import get_user_model

from bridge.chat import actions
from bridge.chat.actions import moderating
from bridge.identity import contacts, tokens
from bridge.identity.contacts import Identity
from bridge.identity.revocation import revoke_nameless, revoke_token, revoke_visitor
from bridge.models import Connection, Contact, Endpoint, Inbox, Message
from bridge.services.discord.bot.moderation import COMMANDS
from tests.services.discord.bot.stage import VISITOR, Stage, db, eventually
from tests.services.discord.bot.test_from_discord import reactions

END = list(COMMANDS)[-1]


async def mark(stage: Stage, thread: str, message: dict[str, Any]) -> str:
    """The one that the bot has set, once it has."""

    (emoji,) = await eventually(lambda: reactions(stage, thread, message), "it is marked")
    return emoji.strip("\ufe0f")


def inbox() -> Inbox:
    return Inbox.objects.get(name="default")


def block() -> None:
    moderating.block(inbox(), VISITOR)


def disable() -> None:
    Inbox.objects.update(enabled=False)


def require_identity() -> None:
    Inbox.objects.update(identity="jwt", identity_secret="s" * 64, identity_required=True)


def sign_out() -> None:
    revoke_visitor(VISITOR)


def known_no_more() -> None:
    """Their site vouched for them, and does so no more: an anonymous token is not enough."""
    contacts.identify(inbox().pk, Identity(Contact.Issuer.JWT, "u-1"), visitor=VISITOR)
    Inbox.objects.update(identity="off")


def user_gone() -> None:
    user = get_user_model().objects.create_user("ada")
    Inbox.objects.update(identity="login")
    contacts.identify(inbox().pk, Identity(Contact.Issuer.SITE, str(user.pk), user=user.pk), visitor=VISITOR)
    user.is_active = False
    user.save()


def vouched_for() -> None:
    Inbox.objects.update(identity="jwt", identity_secret="s" * 64)
    contacts.identify(inbox().pk, Identity(Contact.Issuer.JWT, "u-1"), visitor=VISITOR)


def merged() -> None:
    """Identified just now, which ends their anonymous tokens: they come back by their site."""
    vouched_for()
    revoke_nameless(VISITOR)


def signed_out_but_known() -> None:
    vouched_for()
    revoke_visitor(VISITOR)


def end_chat() -> None:
    actions.close_connection(Connection.objects.get(visitor=VISITOR))


def nothing() -> None:
    """As it was."""


def a_token_less() -> None:
    """One of several tokens says nothing of the others."""
    revoke_token(tokens.issue(VISITOR).text)


SEEN = [nothing, end_chat, vouched_for, merged, signed_out_but_known, a_token_less]
UNSEEN = [block, disable, require_identity, sign_out, known_no_more, user_gone]


@pytest.mark.parametrize("before", [*SEEN, *UNSEEN], ids=lambda before: before.__name__)
async def test_a_message_is_marked_as_seen_only_where_its_visitor_can_come_to_see_it(
    up: Stage, before: Callable[[], None]
) -> None:
    thread = await up.converse("Hello")
    await up.change_inbox(mark_relayed=True)
    await db(before)
    said = await up.sandbox.post_as("ada", thread, "Here I am")
    await up.page_shows("Hello", "Here I am")
    assert await mark(up, thread, said) == ("✅" if before in SEEN else "⚠")


@pytest.mark.parametrize("stopped", [False, True])
async def test_somebody_who_cannot_come_to_the_page_is_reached_by_mail_until_they_want_none(
    up: Stage, settings: Any, stopped: bool
) -> None:
    settings.BRIDGE_SERVICES = {
        **settings.BRIDGE_SERVICES,
        "email": "bridge.services.email.service.EmailService",
    }
    thread = await up.converse("Hello")
    await up.change_inbox(mark_relayed=True, email_after=5)
    await db(contacts.set_contact, (await db(inbox)).pk, VISITOR, name=None, email="ada@example.com")
    await db(sign_out)
    if stopped:
        await db(contacts.stop_mails, (await db(inbox)).pk, VISITOR)
    said = await up.sandbox.post_as("ada", thread, "Here I am")
    assert await mark(up, thread, said) == ("⚠" if stopped else "✅")


async def test_a_late_answer_is_stored_where_it_was_written_and_is_mailed_to_an_address_that_was_left_since(
    up: Stage, settings: Any
) -> None:
    settings.BRIDGE_SERVICES = {
        **settings.BRIDGE_SERVICES,
        "email": "bridge.services.email.service.EmailService",
    }
    await up.change_inbox(mark_relayed=True, email_after=5)
    thread = await up.converse("First")
    await up.close_connection()
    await up.converse("Second")
    await db(contacts.set_contact, (await db(inbox)).pk, VISITOR, name=None, email="ada@example.com")
    said = await up.sandbox.post_as("ada", thread, "Late")
    assert await mark(up, thread, said) == "✅"
    late = await db(lambda: Message.objects.select_related("connection").get(content="Late"))
    assert not late.connection.is_open
    places = await db(
        lambda: list(Endpoint.objects.filter(service="email").values_list("remote_id", "deliveries__message"))
    )
    assert (str(late.connection.uid), late.pk) in places


async def test_whoever_ends_a_chat_the_other_side_is_told_in_the_thread(up: Stage) -> None:
    thread = await up.converse("Hello")

    def end() -> None:
        row = Connection.objects.get(visitor=VISITOR)
        actions.close_connection(row, by=row.participants.get(visitor=VISITOR))

    await db(end)
    await up.delivered()
    assert await up.small_print(thread) == ["The visitor ended the chat."]
    # It is small print of ours, and does not come back as something that staff said.
    await up.sandbox.post_as("ada", thread, "Wait!")
    await up.page_shows("Hello", "Wait!")
    assert (await db(Connection.objects.get)).is_open
    await db(lambda: actions.close_connection(Connection.objects.get()))
    await up.delivered()
    assert (await up.small_print(thread))[-1] == "The chat was ended."


async def test_staff_end_a_chat_from_a_message_in_the_thread(up: Stage) -> None:
    thread = await up.converse("Hello")
    (said,) = [each for each in await up.sandbox.messages(thread) if each["content"] == "Hello"]

    async def there() -> bool:
        return END in await up.sandbox.commands("ada", thread)

    await eventually(there)
    answer = await up.sandbox.invoke_as("ada", thread, said["id"], END)
    assert answer["content"].startswith("The chat was ended.")
    await up.delivered()
    assert await up.small_print(thread) == ["Ada ended the chat."]
    line = await db(lambda: Message.objects.select_related("author").get(kind="event"))
    assert (line.content, line.author and line.author.role) == ("closed", "staff")
    answer = await up.sandbox.invoke_as("ada", thread, said["id"], END)
    assert answer["content"] == "It had already ended."


async def test_no_thread_is_opened_only_to_say_that_the_chat_has_ended(up: Stage) -> None:
    thread = await up.converse("Hello")
    await up.sandbox.remove(thread)
    before = len(await up.sandbox.threads())
    await up.close_connection()
    await up.delivered()
    assert len(await up.sandbox.threads()) == before
    empty = uuid.uuid4()

    def open_and_close() -> None:
        row, _ = actions.open_connection(actions.Opening(inbox().pk, empty, "Nobody"))
        actions.close_connection(row)

    await db(open_and_close)
    await up.delivered()
    assert len(await up.sandbox.threads()) == before
