"""Nick keys anew: they are of letters and digits alone now, so that two who had different ones may have one.

Who has a name by its key keeps it, then who came first; the others get a number behind it. In batches, each committed by itself: whoever writes meanwhile waits for one at most.
"""

from itertools import islice

from django.db import IntegrityError, migrations, transaction

from bridge.text.lookalikes import key_of
from bridge.text.nicks import numbered

BATCH = 500
TRIES = 20


def recompute(apps, schema_editor):
    Participant = apps.get_model("bridge", "Participant")
    rows = Participant.objects.using(schema_editor.connection.alias).exclude(nick_key="")
    after = 0
    while batch := list(rows.filter(pk__gt=after).only("pk", "nick", "nick_key").order_by("pk")[:BATCH]):
        with transaction.atomic(using=schema_editor.connection.alias):
            for row in batch:
                if row.nick_key != key_of(row.nick):
                    _store(rows, row)
        after = batch[-1].pk


def _store(rows, row):
    for nick in islice(numbered(row.nick), TRIES):
        try:
            with transaction.atomic(using=rows.db):
                rows.filter(pk=row.pk).update(nick=nick, nick_key=key_of(nick))
        except IntegrityError:
            # Somebody in this room has it: participant_nick_key.
            continue
        return
    # Twenty of them are taken: then the constraint does without it, and the next rename asks again.
    rows.filter(pk=row.pk).update(nick_key="")


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("bridge", "0028_ended_conversations")]

    operations = [migrations.RunPython(recompute, migrations.RunPython.noop, elidable=True)]
