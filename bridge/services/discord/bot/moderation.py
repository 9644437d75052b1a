"""The commands under “Apps” on a visitor's message, in rooms and threads. Only their user sees the answers."""

import logging
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import discord
from discord import app_commands
from django.db import Error as DatabaseProblem
from django.utils import timezone

from bridge.chat.actions import close_connection, moderating
from bridge.chat.actions.authors import RemoteAuthor, participant_of
from bridge.models import Connection, Participant
from bridge.services.discord.bot.database import db
from bridge.services.discord.bot.incoming import author_of
from bridge.services.discord.bot.staff import role_ids
from bridge.services.discord.service import DiscordService
from bridge.text.markdown import escaped

logger = logging.getLogger(__name__)

MUTED_FOR = timedelta(minutes=10)
NOT_A_VISITORS = "This message was not written by a visitor."
NOT_YOURS = "You need the permission “Manage Messages” here."
NOT_STAFF = "You need one of the staff roles of this inbox."
NOT_NOW = "That did not work. Please try again in a moment."

Act = Callable[[Participant, RemoteAuthor], str]


def _mute(visitor: Participant, by: RemoteAuthor) -> str:
    until = timezone.now() + MUTED_FOR
    moderating.mute(visitor, until=until)
    return f"{_name(visitor)} cannot write here until <t:{int(until.timestamp())}:t>."


def _unmute(visitor: Participant, by: RemoteAuthor) -> str:
    moderating.mute(visitor, until=None)
    return f"{_name(visitor)} can write here again."


def _block(visitor: Participant, by: RemoteAuthor) -> str:
    moderating.block(visitor.connection.inbox, _who(visitor), reason=f"By {by.nick} in Discord")
    return f"{_name(visitor)} is blocked and was notified. Use “Unblock visitor” to undo this."


def _unblock(visitor: Participant, by: RemoteAuthor) -> str:
    if moderating.unblock(visitor.connection.inbox, _who(visitor)):
        return f"{_name(visitor)} is no longer blocked."
    return f"{_name(visitor)} was not blocked."


def _end(visitor: Participant, by: RemoteAuthor) -> str:
    if visitor.connection.kind == Connection.Kind.ROOM:
        return "Close a room in the admin."
    endpoint = visitor.connection.endpoints.get(service=DiscordService.name)
    if close_connection(visitor.connection, by=participant_of(endpoint, by)):
        return "The chat was ended. A message here reopens it."
    return "It had already ended."


COMMANDS: dict[str, Act] = {
    "Mute for 10 minutes": _mute,
    "Unmute": _unmute,
    "Block visitor": _block,
    "Unblock visitor": _unblock,
    "End chat": _end,
}
"""Discord allows five per application, and shows them with these names."""


def add_commands(tree: "app_commands.CommandTree[discord.Client]") -> None:
    """Add the commands. They have to be synced with each server, because only then they appear at once."""
    for name, act in COMMANDS.items():
        tree.add_command(_command(name, act))


def _command(name: str, act: Act) -> app_commands.ContextMenu:
    async def answer(interaction: discord.Interaction, message: discord.Message) -> None:
        # Discord waits three seconds for a first response.
        await interaction.response.defer(ephemeral=True, thinking=True)
        await interaction.edit_original_response(content=await _reply(act, str(message.id), interaction))

    menu = app_commands.ContextMenu(name=name, callback=answer)
    menu.guild_only = True
    menu.default_permissions = discord.Permissions(manage_messages=True)
    return menu


async def _reply(act: Act, message_id: str, interaction: discord.Interaction) -> str:
    # The server's settings decide who sees the command. Who may use it is decided here.
    if not interaction.permissions.manage_messages:
        return NOT_YOURS
    by = interaction.user
    roles = role_ids(by) if isinstance(by, discord.Member) else frozenset()
    try:
        return str(await db(_act, act, message_id, author_of(by), roles))
    except DatabaseProblem as error:
        logger.warning("A moderator's command failed: %r", error)
        return NOT_NOW


def _act(act: Act, message_id: str, by: RemoteAuthor, roles: frozenset[int]) -> str:
    visitor = moderating.speaker_of(DiscordService.name, message_id)
    if visitor is None:
        return NOT_A_VISITORS
    wanted = visitor.connection.inbox.staff_role_ids
    return NOT_STAFF if wanted and wanted.isdisjoint(roles) else act(visitor, by)


async def sync(tree: "app_commands.CommandTree[discord.Client]", guild: discord.Guild) -> None:
    """Add the commands to a server. This only requires that the bot was invited with the scope for commands."""
    tree.copy_global_to(guild=guild)
    try:
        await tree.sync(guild=guild)
    except discord.Forbidden:
        logger.error(
            "On %s the bot cannot add commands: invite it again with the scope “applications.commands”.",
            guild.name,
        )


def _name(visitor: Participant) -> str:
    return f"**{escaped(visitor.nick)}**"


def _who(visitor: Participant) -> UUID:
    assert visitor.visitor is not None  # noqa: S101  # `speaker_of` only returns visitors
    return visitor.visitor
