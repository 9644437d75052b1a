# What the admin's lists and searches walk; the queries are named beside each index in `bridge.models`.

import bridge.models
import django.db.models.functions.text
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('bridge', '0002_default_inbox'),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='remotemessage',
            name='remote_message_once',
        ),
        migrations.RemoveIndex(
            model_name='connection',
            name='connection_inbox_state',
        ),
        migrations.RemoveIndex(
            model_name='participant',
            name='participant_nick',
        ),
        migrations.AddIndex(
            model_name='endpoint',
            index=models.Index(condition=models.Q(('trouble', ''), _negated=True), fields=['-id'], name='endpoint_trouble'),
        ),
        migrations.AddIndex(
            model_name='participant',
            index=bridge.models.PrefixIndex(django.db.models.functions.text.Lower('nick'), name='participant_nick'),
        ),
        migrations.AddConstraint(
            model_name='remotemessage',
            constraint=models.UniqueConstraint(fields=('remote_id', 'endpoint'), name='remote_message_once'),
        ),
    ]
