from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("bridge", "0031_cards")]

    operations = [
        migrations.AddField(
            model_name="inbox",
            name="previous_identity_secret",
            field=models.CharField(blank=True, editable=False, max_length=64, default=""),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="inbox",
            name="previous_identity_until",
            field=models.DateTimeField(editable=False, null=True),
        ),
    ]
