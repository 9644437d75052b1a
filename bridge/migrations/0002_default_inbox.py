"""Every installation has an inbox named "default"; DISCORD_CHANNEL_ID is its channel."""

from django.db import migrations


def create(apps, schema_editor):
    apps.get_model("bridge", "Inbox").objects.get_or_create(name="default")


class Migration(migrations.Migration):
    dependencies = [("bridge", "0001_initial")]

    operations = [migrations.RunPython(create, migrations.RunPython.noop)]
