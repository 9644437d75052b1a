"""What staff write from this site rather than in Discord is in the thread under their name, not as the visitor's."""

from django.contrib.auth.models import User

from bridge.chat.actions import Post, Target
from bridge.chat.actions.authors import user_in
from tests.services.discord.bot.stage import STRANGER, Stage, db, store


async def test_staff_who_write_from_the_site_have_their_name_in_discord(up: Stage) -> None:
    thread = await up.converse("Is anybody there?")
    stranger = await up.converse("Of no concern", visitor=STRANGER)
    connection = (await up.endpoint()).connection

    def answer(*texts: str) -> None:
        target = Target.of(connection, user_in(connection, User(pk=7, first_name="Sam", last_name="*Doe*")))
        store([Post(target=target, content=text) for text in texts])

    await db(answer, "Yes.", "What is it about?")
    await up.say("My parcel")
    await up.delivered()
    said = "\n".join(await up.texts(thread)).splitlines()
    assert said == [
        "Is anybody there?",
        r"**Sam \*Doe\*:** Yes.",
        r"**Sam \*Doe\*:** What is it about?",
        "My parcel",
    ]
    await up.page_shows("Is anybody there?", "Yes.", "What is it about?", "My parcel")
    assert await up.texts(stranger) == ["Of no concern"]
