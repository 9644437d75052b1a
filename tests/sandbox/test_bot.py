"""A real discord.py bot, unchanged, lives in the sandbox as it does in Discord."""

import io
from collections.abc import AsyncIterator

import discord
import pytest

from bridge.sandbox import defaults
from bridge.sandbox.client import SandboxClient
from bridge.sandbox.server import Server
from tests.sandbox.bots import Bot, running

SUPPORT = defaults.SUPPORT_CHANNEL_ID


@pytest.fixture
async def bot(server: Server) -> AsyncIterator[Bot]:
    async with running(Bot(), server.url) as logged_in:
        yield logged_in


async def test_it_logs_in_and_knows_its_guild(bot: Bot) -> None:
    assert bot.user is not None
    assert bot.user.id == defaults.BOT_ID
    guild = bot.guilds[0]
    assert [channel.name for channel in guild.channels] == ["general", "support", "tickets", "lobby"]
    assert {member.name for member in guild.members} == {"ada", "grace", "robin", "butler", "chatbridge"}
    assert bot.support().permissions_for(guild.me).manage_threads


async def test_a_thread_from_a_message_has_its_id(bot: Bot) -> None:
    thread = await bot.open_thread()
    await bot.until("thread", "A visitor")
    assert thread.starter_message is not None
    assert thread.id == thread.starter_message.id
    assert thread.parent_id == SUPPORT
    first, *_ = [message async for message in thread.history(oldest_first=True)]
    assert first.type is discord.MessageType.thread_starter_message


async def test_a_forum_post_has_its_first_messages_id(bot: Bot) -> None:
    tag = bot.forum().available_tags[0]
    post = await bot.forum().create_thread(name="A visitor", content="Hello", applied_tags=[tag])
    assert post.thread.id == post.message.id
    assert post.thread.applied_tags == [tag]


async def test_the_same_nonce_twice_is_one_message(bot: Bot, sandbox: SandboxClient) -> None:
    thread = await bot.open_thread()
    first = await thread.send("Hello", nonce="one")
    second = await thread.send("Hello", nonce="one")
    other = await thread.send("Hello", nonce="two")
    assert first.id == second.id != other.id
    assert (await sandbox.copies(thread.id))["Hello"] == 2
    assert [each["nonce"] for each in await sandbox.messages(thread.id)][1:] == ["one", "two"]


async def test_a_nonce_is_forgotten_after_a_while(bot: Bot, sandbox: SandboxClient) -> None:
    await sandbox.settings(nonce_seconds=0)
    first = await bot.support().send("Hello", nonce="one")
    assert (await bot.support().send("Hello", nonce="one")).id != first.id


async def test_its_own_message_comes_back_with_its_nonce(bot: Bot) -> None:
    nonces: list[int | str | None] = []

    async def note(message: discord.Message) -> None:
        nonces.append(message.nonce)
        bot.write("noted")

    bot.on_message = note  # type: ignore[method-assign]
    await bot.support().send("Hello", nonce="one")
    await bot.until("noted")
    assert nonces == ["one"]


async def test_staff_write_edit_delete_react_and_type(bot: Bot, sandbox: SandboxClient) -> None:
    thread = await bot.open_thread()
    said = await sandbox.post_as("ada", thread.id, "Hello")
    await bot.until("message", "Hello")
    await sandbox.edit(thread.id, said["id"], "Hello!")
    await bot.until("edit", "Hello!")
    await sandbox.react_as("grace", thread.id, said["id"], "👍")
    await bot.until("react", "👍")
    await sandbox.unreact_as("grace", thread.id, said["id"], "👍")
    await bot.until("unreact", "👍")
    await sandbox.type_as("grace", thread.id)
    await bot.until("typing", str(defaults.GRACE_ID))
    await sandbox.delete(thread.id, said["id"])
    await bot.until("delete", said["id"])
    assert [each["deleted"] for each in await sandbox.messages(thread.id, deleted=True)] == [False, True]


async def test_history_after_a_message_is_what_directly_follows(bot: Bot, sandbox: SandboxClient) -> None:
    thread = await bot.open_thread()
    said = [await sandbox.post_as("ada", thread.id, str(number)) for number in range(250)]
    after = discord.Object(int(said[9]["id"]))
    page = [message.content async for message in thread.history(limit=100, after=after, oldest_first=True)]
    assert page == [str(number) for number in range(10, 110)]
    everything = [message.content async for message in thread.history(limit=None, after=after)]
    assert everything == [str(number) for number in range(10, 250)]
    newest = [message.content async for message in thread.history(limit=3)]
    assert newest == ["249", "248", "247"]
    before = [message.content async for message in thread.history(limit=2, before=after)]
    assert before == ["8", "7"]


async def test_it_edits_reacts_and_replies(bot: Bot, sandbox: SandboxClient) -> None:
    thread = await bot.open_thread()
    asked = await sandbox.post_as("ada", thread.id, "Ready?")
    message = await thread.fetch_message(int(asked["id"]))
    await message.add_reaction("✅")
    reply = await message.reply("Yes", mention_author=False)
    await reply.edit(content="Yes!")
    seen = await sandbox.messages(thread.id)
    assert seen[1]["reactions"] == [{"emoji": "✅", "users": [str(defaults.BOT_ID)]}]
    assert (seen[2]["content"], seen[2]["reply_to"]) == ("Yes!", asked["id"])


async def test_a_message_wakes_an_archived_thread(bot: Bot, sandbox: SandboxClient) -> None:
    thread = await bot.open_thread()
    said = await thread.send("Hello")
    await sandbox.archive(thread.id)
    await bot.until("thread update", "True")
    with pytest.raises(discord.HTTPException) as refused:
        await said.edit(content="Changed")
    assert refused.value.code == 50083
    assert [each.id async for each in bot.support().archived_threads()] == [thread.id]
    await thread.send("Back")
    await bot.until("thread update", "False")
    assert [each.id for each in await bot.guilds[0].active_threads()] == [thread.id]


async def test_archived_threads_come_latest_first_and_in_pages(bot: Bot, sandbox: SandboxClient) -> None:
    threads = [await bot.open_thread(str(number)) for number in range(5)]
    for thread in threads:
        await sandbox.archive(thread.id)
    names = [thread.name async for thread in bot.support().archived_threads(limit=None)]
    assert names == ["4", "3", "2", "1", "0"]
    page = await bot.http.get_public_archived_threads(SUPPORT, limit=2)
    assert ([each["name"] for each in page["threads"]], page["has_more"]) == (["4", "3"], True)
    stamp = page["threads"][-1]["thread_metadata"]["archive_timestamp"]
    rest = await bot.http.get_public_archived_threads(SUPPORT, before=stamp, limit=50)
    assert ([each["name"] for each in rest["threads"]], rest["has_more"]) == (["2", "1", "0"], False)


async def test_it_hears_of_a_deleted_thread(bot: Bot, sandbox: SandboxClient) -> None:
    thread = await bot.open_thread()
    await sandbox.remove(thread.id)
    await bot.until("thread delete", str(thread.id))
    with pytest.raises(discord.NotFound):
        await thread.send("Hello")


async def test_a_removed_channel_takes_its_threads_with_it(bot: Bot, sandbox: SandboxClient) -> None:
    thread = await bot.open_thread()
    await sandbox.remove(SUPPORT)
    with pytest.raises(discord.NotFound):
        await thread.send("Hello")
    assert [each["deleted"] for each in await sandbox.threads(deleted=True)] == [True]


async def test_only_active_threads_are_known_at_login(server: Server, sandbox: SandboxClient) -> None:
    async with running(Bot(), server.url) as before:
        kept, put_away = await before.open_thread("kept"), await before.open_thread("put away")
        await sandbox.archive(put_away.id)
    async with running(Bot(), server.url) as after:
        assert [thread.id for thread in after.guilds[0].threads] == [kept.id]


async def test_a_file_can_be_fetched_again(bot: Bot) -> None:
    sent = await bot.support().send("A file", file=discord.File(io.BytesIO(b"contents"), "notes.txt"))
    assert await sent.attachments[0].read() == b"contents"


async def test_a_webhook_speaks_in_a_thread_with_a_name_of_its_own(bot: Bot, sandbox: SandboxClient) -> None:
    thread = await bot.open_thread()
    webhook = await bot.support().create_webhook(name="Web")
    sent = await webhook.send("Hello", username="Visitor", thread=thread, wait=True)
    await sent.edit(content="Hello!")
    seen = (await sandbox.messages(thread.id))[-1]
    assert (seen["author"]["name"], seen["content"]) == ("Visitor", "Hello!")


async def test_a_wrong_token_is_refused(server: Server) -> None:
    with pytest.raises(discord.LoginFailure):
        async with running(Bot(), server.url, token="wrong"):
            pytest.fail("logged in")


async def test_a_privileged_intent_that_is_not_allowed_is_refused(
    server: Server, sandbox: SandboxClient
) -> None:
    await sandbox.settings(intents_allowed=[])
    with pytest.raises(discord.PrivilegedIntentsRequired):
        async with running(Bot(), server.url):
            pytest.fail("identified")


async def test_without_message_content_others_messages_are_empty(
    server: Server, sandbox: SandboxClient
) -> None:
    await sandbox.settings(intents_allowed=["members"])
    async with running(Bot(intents=discord.Intents.default()), server.url) as bot:
        await sandbox.post_as("ada", SUPPORT, "Secret")
        await bot.until("message", "")
        assert [message.content async for message in bot.support().history()] == [""]
        assert (await bot.support().send("Mine")).content == "Mine"
