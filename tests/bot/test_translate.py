"""Discord's messages as a visitor reads them."""

from dataclasses import dataclass, field
from typing import Any

import discord
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.bot.translate import is_said, plain, readable


@dataclass
class Named:
    """Whatever has an id and a name."""

    id: int
    name: str

    @property
    def display_name(self) -> str:
        return self.name


@dataclass
class Guild:
    channels: dict[int, Named] = field(default_factory=dict)
    roles: dict[int, Named] = field(default_factory=dict)

    def get_channel_or_thread(self, pk: int) -> Named | None:
        return self.channels.get(pk)

    def get_role(self, pk: int) -> Named | None:
        return self.roles.get(pk)


@dataclass
class Attachment:
    filename: str
    url: str


@dataclass
class Poll:
    question: str


@dataclass
class Sticker:
    name: str
    format: discord.StickerFormatType


@dataclass
class Snapshot:
    content: str
    attachments: list[Attachment] = field(default_factory=list)


@dataclass
class Said:
    """A message of Discord's, as far as it is read here."""

    content: str = ""
    mentions: list[Named] = field(default_factory=list)
    role_mentions: list[Named] = field(default_factory=list)
    guild: Guild | None = field(default_factory=Guild)
    attachments: list[Attachment] = field(default_factory=list)
    stickers: list[Sticker] = field(default_factory=list)
    embeds: list[discord.Embed] = field(default_factory=list)
    message_snapshots: list[Snapshot] = field(default_factory=list)
    poll: Poll | None = None
    type: discord.MessageType = discord.MessageType.default


def shown(content: str = "", **parts: Any) -> str:
    return readable(Said(content, **parts))  # type: ignore[arg-type]


ADA = Named(118000000000000021, "Ada")
STAFF = Named(118000000000000022, "Staff")
GENERAL = Named(118000000000000023, "general")


def test_mentions_have_names() -> None:
    guild = Guild({GENERAL.id: GENERAL}, {STAFF.id: STAFF})
    text = f"<@{ADA.id}> <@!{ADA.id}> <@&{STAFF.id}> <#{GENERAL.id}>"
    assert shown(text, mentions=[ADA], guild=guild) == "@Ada @Ada @Staff #general"


def test_what_nobody_knows_is_still_readable() -> None:
    text = "<@118000000000000031> <@&118000000000000032> <#118000000000000033>"
    assert shown(text) == "@somebody @a role #a-channel"
    assert shown(text, guild=None) == "@somebody @a role #a-channel"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("<:wave:118000000000000041>", ":wave:"),
        ("<a:party_parrot:118000000000000041>!", ":party_parrot:!"),
        ("</close:118000000000000041>", "/close"),
        ("<t:0>", "01 January 1970, 00:00 UTC"),
        ("<t:1700000000:t>", "22:13 UTC"),
        ("<t:1700000000:d>", "14 November 2023"),
        ("<t:1700000000:R>", "14 November 2023, 22:13 UTC"),
        ("<t:9999999999999>", "<t:9999999999999>"),
        ("1 < 2 > 0 <b> <:no> <@> <t:x>", "1 < 2 > 0 <b> <:no> <@> <t:x>"),
    ],
)
def test_custom_emoji_timestamps_and_commands_are_text(written: str, read: str) -> None:
    assert plain(written) == read


@given(st.text())
def test_any_text_can_be_read_and_stored(text: str) -> None:
    read = shown(text)
    assert read
    assert not set(read) & {"\x00", "\x1b", "\x7f", "\r"}


@given(st.text(alphabet=st.characters(exclude_characters="<>", exclude_categories=("Cc",)), min_size=1))
def test_text_without_marks_stays_as_it_is(text: str) -> None:
    assert shown(text) == (text.strip() or "[something that cannot be shown here]")


def test_what_is_not_text_is_named() -> None:
    assert shown(stickers=[Sticker("Wumpus", discord.StickerFormatType.lottie)]) == "[sticker: Wumpus]"
    assert shown(poll=Poll("Tea?")) == "[poll: Tea?]"
    assert shown(message_snapshots=[Snapshot("Read <t:0:d>"), Snapshot("")]) == (
        "Forwarded: Read 01 January 1970\n[a forwarded message]"
    )
    assert shown() == "[something that cannot be shown here]"


def test_files_speak_for_themselves() -> None:
    cat = Attachment("cat.png", "https://cdn.example/cat.png")
    assert shown("Look", attachments=[cat]) == "Look"
    assert shown(attachments=[cat]) == ""
    assert shown(stickers=[Sticker("Wave", discord.StickerFormatType.png)]) == ""
    assert shown(message_snapshots=[Snapshot("", [cat])]) == "[a forwarded message]"


def test_embeds_are_read_only_where_nothing_else_is_said() -> None:
    embed = discord.Embed(title="Order 7", description="On its way", url="https://shop.example/7")
    embed.add_field(name="Arrives", value="<t:0:d>")
    assert shown(embeds=[embed]) == "Order 7\nOn its way\nArrives: 01 January 1970\nhttps://shop.example/7"
    assert shown("https://shop.example/7", embeds=[embed]) == "https://shop.example/7"


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (discord.MessageType.default, True),
        (discord.MessageType.reply, True),
        (discord.MessageType.chat_input_command, True),
        (discord.MessageType.pins_add, False),
        (discord.MessageType.channel_name_change, False),
        (discord.MessageType.thread_starter_message, False),
        (discord.MessageType.recipient_add, False),
    ],
)
def test_only_what_somebody_said_is_relayed(kind: discord.MessageType, said: bool) -> None:
    assert is_said(Said(type=kind)) is said  # type: ignore[arg-type]
