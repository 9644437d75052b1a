from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("bridge", "0023_fewer_indexes"),
    ]

    operations = [
        # Nobody knows it of the messages that are there: they are found as they were, by their revisions.
        migrations.AddField(
            model_name="message",
            name="changed",
            field=models.BooleanField(default=True),
        ),
        migrations.AlterField(
            model_name="message",
            name="changed",
            field=models.BooleanField(default=False),
        ),
        migrations.RemoveIndex(
            model_name="message",
            name="message_revision",
        ),
        migrations.AddIndex(
            model_name="message",
            index=models.Index(
                condition=models.Q(("changed", True)), fields=["connection", "revision"], name="message_changed"
            ),
        ),
        migrations.AlterField(
            model_name="connection",
            name="slug",
            field=models.SlugField(
                blank=True, db_index=False, help_text="Its address: /rooms/…/, as in “harbour”"
            ),
        ),
        migrations.AddField(
            model_name="remotemessage",
            name="answers",
            field=models.CharField(max_length=255, null=True),
        ),
        migrations.AddIndex(
            model_name="remotemessage",
            index=models.Index(
                condition=models.Q(("answers__isnull", False)),
                fields=["answers", "endpoint"],
                name="remote_message_answers",
            ),
        ),
    ]
