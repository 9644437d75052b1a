"""Nicks from before have keys of today, and two who have one by now are told apart."""

import importlib
import uuid

import pytest
from django.apps import apps
from django.db import connection as database

from bridge.models import Connection, Inbox, Participant
from bridge.text.lookalikes import key_of

migration = importlib.import_module("bridge.migrations.0029_nick_keys_of_letters")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("batch", [1, 500])
def test_keys_are_computed_anew_and_collisions_resolved(batch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migration, "BATCH", batch)
    room, other = (
        Connection.objects.create(inbox=Inbox.objects.get(name="default"), kind="room", slug=slug, name=slug)
        for slug in ("lobby", "attic")
    )
    before = [
        (room, "Ada·", "ada·"),
        (room, "Ada", "ada"),
        (room, "🟠Ada", "🟠ada"),
        (room, "Ada ✓", "ada✓"),
        (room, "Eve!", "eve!"),
        (other, "Ada!", "ada!"),
    ]
    for place, nick, key in before:
        Participant.objects.create(
            connection=place, role="visitor", visitor=uuid.uuid4(), nick=nick, nick_key=key
        )
    staff = Participant.objects.create(
        connection=room, role="staff", service="discord", remote_id="1", nick="Ada", nick_key="old"
    )
    mine = Participant.objects.create(connection=room, role="visitor", nick="Guest", nick_key="")
    for _ in range(2):
        migration.recompute(apps, database.schema_editor())
        rows = Participant.objects.filter(connection=room, visitor__isnull=False).order_by("pk")
        nicks = [row.nick for row in rows]
        assert nicks[1] == "Ada"
        assert nicks[4] == "Eve!"
        assert [nick.rstrip("0123456789 ") for nick in nicks] == ["Ada·", "Ada", "🟠Ada", "Ada ✓", "Eve!"]
        assert [row.nick_key for row in rows] == [key_of(nick) for nick in nicks]
        assert len({row.nick_key for row in rows}) == len(rows)
        assert Participant.objects.get(connection=other).nick_key == "ada"
        staff.refresh_from_db()
        mine.refresh_from_db()
        assert (staff.nick, staff.nick_key, mine.nick_key) == ("Ada", "ada", "")
