"""Attachments say which storage they are in. The table stays as it is, which SQLite would copy."""

import bridge.conf
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('bridge', '0018_contacts'),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(state_operations=[
            migrations.AlterField(
                model_name='attachment',
                name='file',
                field=models.FileField(blank=True, max_length=200, storage=bridge.conf.file_storage, upload_to='attachments/%Y/%m/%d'),
            ),
            migrations.AlterField(
                model_name='attachment',
                name='thumbnail',
                field=models.FileField(blank=True, max_length=200, storage=bridge.conf.file_storage, upload_to='thumbnails/%Y/%m/%d'),
            ),
        ]),
    ]
