"""Readable nicks for visitors who have not chosen one, and alternatives to a nick that is taken."""

import random
import uuid
from collections.abc import Iterator

from bridge.text.characters import shortened

MAX_NICK = 32

_ADJECTIVES = """
    Amber Autumn Brave Bright Calm Clever Coral Crimson Curious Daring Eager Early Gentle Golden Happy Hazel
    Honest Indigo Ivory Jolly Kind Lively Lucky Lunar Merry Misty Mellow Noble Olive Polite Proud Quick
    Quiet Rapid Rosy Ruby Rustic Sandy Scarlet Silent Silver Snowy Sunny Swift Tidy Velvet Violet Warm
""".split()
_ANIMALS = """
    Badger Beaver Bison Crane Deer Dolphin Eagle Falcon Finch Fox Gecko Hare Hawk Hedgehog Heron Ibis
    Jackdaw Jaguar Kestrel Koala Lark Lemur Lynx Magpie Marten Mole Moose Newt Otter Owl Panda Pelican
    Penguin Puffin Quail Rabbit Raven Robin Salmon Seal Sparrow Stork Swan Tapir Tiger Turtle Walrus Wren
""".split()


def nick_for(visitor: uuid.UUID) -> str:
    """The nick of this visitor. It is always the same, so nothing needs to be stored before they write."""
    animal, adjective = divmod(visitor.int % (len(_ADJECTIVES) * len(_ANIMALS)), len(_ADJECTIVES))
    return f"{_ADJECTIVES[adjective]} {_ANIMALS[animal]}"


def nicks_for(visitor: uuid.UUID) -> Iterator[str]:
    """The visitor's nick, then alternatives if it is taken."""
    return numbered(nick_for(visitor))


def numbered(nick: str) -> Iterator[str]:
    """The nick, then the nick with random numbers from a growing range. The nick is shortened to fit."""
    yield nick
    number = 2
    while True:
        yield _with(nick, f" {number}")
        number = random.randint(number + 1, 2 * number + 10)  # noqa: S311  # not a secret


def marked(nick: str) -> str:
    """The nick of a visitor who has the name of somebody in the team."""
    return _with(nick, " (visitor)")


def _with(nick: str, ending: str) -> str:
    return shortened(nick, MAX_NICK - len(ending)) + ending
