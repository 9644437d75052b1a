"""Blocks in the admin: seen, added from a conversation, taken back; and what a conversation says of them."""

import uuid
from datetime import timedelta

from django.test import Client
from django.urls import reverse
from django.utils import timezone

from bridge.models import Block, Connection, Inbox, Participant

LIST = reverse("admin:bridge_block_changelist")
ADD = reverse("admin:bridge_block_add")


def the_visitor(conversation: Connection) -> Participant:
    """Brave Otter, known by his token."""
    otter = conversation.participants.get(role="visitor")
    Participant.objects.filter(pk=otter.pk).update(visitor=conversation.visitor)
    otter.refresh_from_db()
    return otter


def test_staff_block_from_a_conversation(staff: Client, conversation: Connection) -> None:
    otter = the_visitor(conversation)
    shown = staff.get(reverse("admin:bridge_connection_change", args=[conversation.pk])).content.decode()
    link = f"{ADD}?inbox={conversation.inbox_id}&amp;blocked={otter.visitor}"
    assert link in shown
    form = staff.get(link.replace("&amp;", "&")).content.decode()
    assert f'value="{otter.visitor}"' in form

    data = {"inbox": conversation.inbox_id, "blocked": str(otter.visitor), "reason": "Spam"}
    assert staff.post(ADD, data | {"until_0": "", "until_1": ""}).status_code == 302
    block = Block.objects.get()
    assert (block.visitor, block.reason, block.until) == (otter.visitor, "Spam", None)

    listed = staff.get(LIST).content.decode()
    assert "Brave Otter" in listed
    assert "Spam" in listed
    shown = staff.get(reverse("admin:bridge_connection_change", args=[conversation.pk])).content.decode()
    assert "The visitor is blocked." in shown


def test_a_second_block_of_the_same_visitor_is_refused_in_words(staff: Client, inbox: Inbox) -> None:
    who = uuid.uuid4()
    Block.objects.create(inbox=inbox, visitor=who)
    answer = staff.post(ADD, {"inbox": inbox.pk, "blocked": str(who), "until_0": "", "until_1": ""})
    assert "This visitor is already blocked in this inbox." in answer.content.decode()
    assert Block.objects.count() == 1


def test_a_block_is_changed_and_taken_back(staff: Client, inbox: Inbox) -> None:
    one, two = (Block.objects.create(inbox=inbox, visitor=uuid.uuid4()) for _ in range(2))
    change = reverse("admin:bridge_block_change", args=[one.pk])
    assert str(one.visitor) in staff.get(change).content.decode()
    staff.post(change, {"reason": "Shouted", "until_0": "2099-01-01", "until_1": "12:00:00"})
    one.refresh_from_db()
    assert (one.reason, one.until is not None and one.until.year) == ("Shouted", 2099)
    staff.post(reverse("admin:bridge_block_delete", args=[one.pk]), {"post": "yes"})
    action = {"action": "delete_selected", "_selected_action": [two.pk], "post": "yes"}
    staff.post(LIST, action)
    assert not Block.objects.exists()


def test_a_room_s_member_is_named_by_his_nick_there(staff: Client, inbox: Inbox) -> None:
    room = Connection.objects.create(inbox=inbox, kind="room", slug="lobby", name="Lobby")
    member = Participant.objects.create(
        connection=room, role="visitor", nick="Quick Fox", visitor=uuid.uuid4()
    )
    Block.objects.create(inbox=inbox, visitor=member.visitor)
    assert "Quick Fox" in staff.get(LIST).content.decode()


def test_a_conversation_says_who_is_muted_and_not_who_was(staff: Client, conversation: Connection) -> None:
    page = reverse("admin:bridge_connection_change", args=[conversation.pk])
    otter = Participant.objects.filter(pk=the_visitor(conversation).pk)
    otter.update(muted_until=timezone.now() + timedelta(minutes=10))
    assert "Brave Otter is muted until" in staff.get(page).content.decode()
    otter.update(muted_until=timezone.now() - timedelta(seconds=1))
    assert "muted" not in staff.get(page).content.decode()


def test_a_viewer_looks_and_cannot_block_and_a_stranger_sees_nothing(
    viewer: Client, stranger: Client, conversation: Connection
) -> None:
    otter = the_visitor(conversation)
    Block.objects.create(inbox=conversation.inbox, visitor=otter.visitor, reason="Spam")
    assert "Spam" in viewer.get(LIST).content.decode()
    page = reverse("admin:bridge_connection_change", args=[conversation.pk])
    assert "Block…" not in viewer.get(page).content.decode()
    data = {"inbox": conversation.inbox_id, "blocked": str(uuid.uuid4()), "until_0": "", "until_1": ""}
    assert viewer.post(ADD, data).status_code == 403
    for url in (LIST, ADD):
        assert stranger.get(url).status_code == 403
    assert Block.objects.count() == 1
