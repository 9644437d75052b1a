"""Discord's messages as a visitor reads them."""

import time
from dataclasses import dataclass, field
from typing import Any

import discord
import pytest
from discord.components import Component, _component_factory
from hypothesis import given
from hypothesis import strategies as st

from bridge.services.discord.bot.translate import is_said, readable
from bridge.text.markdown import as_text, escaped, linked, parse


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
class Answer:
    text: str


@dataclass
class Poll:
    question: str
    answers: list[Answer] = field(default_factory=list)


@dataclass
class Sticker:
    name: str
    format: discord.StickerFormatType


@dataclass
class Snapshot:
    content: str
    attachments: list[Attachment] = field(default_factory=list)
    stickers: list[Sticker] = field(default_factory=list)
    embeds: list[discord.Embed] = field(default_factory=list)
    components: list[Component] = field(default_factory=list)


@dataclass
class Author:
    bot: bool = False


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
    components: list[Component] = field(default_factory=list)
    poll: Poll | None = None
    author: Author = field(default_factory=Author)
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
    "said",
    [
        "<:wave:118000000000000041> <a:party_parrot:118000000000000041>!",
        "<t:0> <t:1700000000:R> <t:9999999999999>",
        "**bold** _it_ ||spoiler|| [text](https://example.com) https://example.com/a_b",
        "# One\n> two\n- three\n```py\nfour\n```",
        "\\*as it is\\* 1 < 2 > 0 <b> <:no> <@> <t:x>",
    ],
)
def test_what_the_page_understands_stays(said: str) -> None:
    assert shown(said) == said


def test_slash_commands_have_names() -> None:
    assert shown("</close:118000000000000041> </a **b**:118000000000000041>") == r"/close /a \*\*b\*\*"


@pytest.mark.parametrize(
    ("nick", "name"),
    [
        ("[win](https://evil.example)", r"\[win\]\(https\://evil.example\)"),
        ("**Ada**\n# Boss", r"\*\*Ada\*\* \# Boss"),
        ("`x` ||y|| ~z~ _w_ <@1>", r"\`x\` \|\|y\|\| \~z\~ \_w\_ \<@1\>"),
        ("back\\slash\u202e", r"back\\slash"),
    ],
)
def test_a_name_is_never_more_than_a_name(nick: str, name: str) -> None:
    assert escaped(nick) == name
    assert shown(f"Hi <@{ADA.id}>", mentions=[Named(ADA.id, nick)]) == f"Hi @{name}"
    guild = Guild({GENERAL.id: Named(GENERAL.id, nick)}, {STAFF.id: Named(STAFF.id, nick)})
    assert shown(f"<#{GENERAL.id}> <@&{STAFF.id}>", guild=guild) == f"#{name} @{name}"


def test_in_code_an_id_is_an_id() -> None:
    text = f"`<@{ADA.id}>` ```\n<@{ADA.id}>\n``` <@{ADA.id}>"
    assert shown(text, mentions=[ADA]) == f"`<@{ADA.id}>` ```\n<@{ADA.id}>\n``` @Ada"


@pytest.mark.parametrize("part", ["`", "``a", "```a", "[", "[a](https://", "<t:1", "\\", "[a]", "<@1"])
def test_hostile_text_costs_no_more_than_in_proportion(part: str) -> None:
    def cost(length: int) -> float:
        text = part * (length // len(part))
        spent = []
        for _ in range(5):
            began = time.thread_time()
            as_text(parse(text))
            shown(text)
            spent.append(time.thread_time() - began)
        return min(spent)

    # Ten times the text, a hundred times the cost where it grows with the square.
    assert cost(16_000) < 50 * max(cost(1_600), 1e-4)


@given(st.text())
def test_any_text_can_be_read_and_stored(text: str) -> None:
    read = shown(text)
    assert read
    assert not set(read) & {"\x00", "\x1b", "\x7f", "\r"}


@given(st.text(alphabet=st.characters(exclude_characters="<>", exclude_categories=("Cc", "Cs")), min_size=1))
def test_text_without_marks_stays_as_it_is(text: str) -> None:
    assert shown(text) == (text.strip() or "[something that cannot be displayed here]")


def test_what_is_not_text_is_named() -> None:
    assert shown(stickers=[Sticker("Wumpus", discord.StickerFormatType.lottie)]) == "[sticker: Wumpus]"
    assert shown(poll=Poll("Tea?", [Answer("Yes"), Answer("**No**")])) == (
        "[poll: Tea?]\n- Yes\n- \\*\\*No\\*\\*"
    )
    assert shown(message_snapshots=[Snapshot("Read <t:0:d>\nand **this**"), Snapshot("")]) == (
        "-# Forwarded\n> Read <t:0:d>\n> and **this**\n[a forwarded message]"
    )
    assert shown() == "[something that cannot be displayed here]"


def test_files_speak_for_themselves() -> None:
    cat = Attachment("cat.png", "https://cdn.example/cat.png")
    assert shown("Look", attachments=[cat]) == "Look"
    assert shown(attachments=[cat]) == ""
    assert shown(stickers=[Sticker("Wave", discord.StickerFormatType.png)]) == ""
    assert shown(message_snapshots=[Snapshot("", [cat])]) == "[a forwarded message]"


def test_embeds_are_read_only_where_nothing_else_is_said() -> None:
    embed = discord.Embed(title="Order 7", description="On its way", url="https://shop.example/7")
    embed.add_field(name="Arrives", value="<t:0:d>")
    read = "**[Order 7](<https://shop.example/7>)**\nOn its way\n**Arrives**\n<t:0:d>"
    assert shown(embeds=[embed]) == read
    assert shown("https://shop.example/7", embeds=[embed]) == "https://shop.example/7"
    # A bot's is what it says, and not what Discord found behind a link.
    assert shown("News:", embeds=[embed], author=Author(bot=True)) == f"News:\n{read}"
    embed.type = "article"
    assert shown("News:", embeds=[embed], author=Author(bot=True)) == "News:"


def test_all_of_an_embed_is_read_and_none_of_it_is_more_than_it_seems() -> None:
    embed = discord.Embed(description=f"For <@{ADA.id}>")
    embed.set_author(name="[Shop](https://evil.example)")
    embed.set_image(url="https://cdn.example/a.png")
    embed.set_footer(text="# Thanks")
    assert shown(embeds=[embed], mentions=[ADA]) == (
        "-# \\[Shop\\]\\(https\\://evil.example\\)\nFor @Ada\n"
        "🖼 [Picture](<https://cdn.example/a.png>)\n-# \\# Thanks"
    )
    assert linked("here", "javascript:alert(1)") == "here"
    assert linked("here", "https://a.example/> [x](https://b.example)") == "here"


def components(*data: dict[str, Any]) -> list[Component]:
    """As discord.py makes them of what Discord sends."""
    made = [_component_factory(each) for each in data]  # type: ignore[arg-type]
    return [each for each in made if each is not None]


MEDIA = {"url": "https://cdn.example/cat.png"}


@pytest.mark.parametrize(
    ("data", "read"),
    [
        ({"type": 10, "content": f"# Hello <@{ADA.id}>"}, "# Hello @Ada"),
        (
            {
                "type": 1,
                "components": [
                    {"type": 2, "style": 5, "label": "Shop", "url": "https://shop.example"},
                    {"type": 2, "style": 1, "label": "Buy [now]", "custom_id": "buy"},
                    {"type": 2, "style": 1, "emoji": {"name": "👍"}, "custom_id": "like"},
                ],
            },
            "[Shop](<https://shop.example>) · [button: Buy \\[now\\]] · [button: 👍]",
        ),
        (
            {
                "type": 1,
                "components": [{"type": 3, "custom_id": "c", "placeholder": "Choose a size", "options": []}],
            },
            "[menu: Choose a size]",
        ),
        (
            {
                "type": 17,
                "spoiler": True,
                "components": [
                    {
                        "type": 9,
                        "components": [{"type": 10, "content": "One"}, {"type": 10, "content": "Two"}],
                        "accessory": {"type": 11, "media": MEDIA, "description": "A cat"},
                    },
                    {"type": 14},
                    {"type": 12, "items": [{"media": MEDIA}, {"media": MEDIA, "spoiler": True}]},
                    {"type": 13, "file": MEDIA, "name": "cat.png"},
                ],
            },
            "||One\nTwo\n🖼 [A cat](<https://cdn.example/cat.png>)\n🖼 [Picture](<https://cdn.example/cat.png>)\n"
            "🖼 [Picture](<https://cdn.example/cat.png>)\n📎 [cat.png](<https://cdn.example/cat.png>)||",
        ),
        ({"type": 14}, "[something that cannot be displayed here]"),
    ],
)
def test_components_of_bots_are_read(data: dict[str, Any], read: str) -> None:
    assert shown(components=components(data), mentions=[ADA]) == read


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
