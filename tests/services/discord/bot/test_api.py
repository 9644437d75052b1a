"""The Python API and Discord: another service's conversation is answered in a thread like any other."""

from bridge import api
from tests.services.discord.bot.stage import STRANGER, Stage, eventually


async def test_a_conversation_of_another_service_is_answered_in_discord(up: Stage) -> None:
    stranger = await up.converse("Of no concern", visitor=STRANGER)
    alice = await api.aconnection_for("telegram", 4711, nick="Alice")
    await alice.asend("Is anybody there?", author="Alice")

    async def opened() -> str | None:
        endpoint = await alice.row.endpoints.aget(service="discord")
        return endpoint.remote_id

    thread = await eventually(opened)
    await up.discord_shows(thread, "Is anybody there?")
    await up.sandbox.post_as("ada", thread, "Yes!")

    async def answered() -> list[tuple[str, str, bool, object]]:
        found = api.messages("telegram", follow=False)
        return [(each.content, each.author, each.staff, each.remote_id) async for each in found]

    assert await eventually(answered) == [("Yes!", "Ada", True, 4711)]
    assert await up.texts(stranger) == ["Of no concern"]
