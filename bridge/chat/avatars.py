"""Avatars of visitors outside our page: their initials on the same colour as on the page.

An avatar reveals only the initials of the nick, which is shown beside it anyway.
"""

import colorsys
import unicodedata
import uuid
from functools import lru_cache
from hashlib import blake2s
from io import BytesIO

from PIL import Image, ImageDraw, ImageFont

from bridge.infra import addresses

SIZE = 128
_LIGHTNESS, _SATURATION = 0.34, 0.35
_TEXT = (255, 255, 255)
# This is not a character, so the font draws the same for it as for all characters that it does not have.
_UNKNOWN = "\ue000"


def avatar_url(participant: uuid.UUID, nick: str) -> str:
    """The public URL of the avatar; empty if SITE_URL is not set."""
    return addresses.whole(f"{addresses.path_to('bridge:avatar', participant)}?v={version_of(nick)}")


def version_of(nick: str) -> str:
    """The version of the avatar, which changes with the picture, so that each URL can be cached for ever."""
    return blake2s(initials(nick).encode(), digest_size=4).hexdigest()


def initials(nick: str) -> str:
    """The initials as on the page, but without accents, which the font does not have."""
    words = nick.split()
    chosen = [words[0], words[-1]] if len(words) > 1 else words
    return "".join(unicodedata.normalize("NFKD", word[0])[0].upper()[0] for word in chosen)


def colour_of(participant: str) -> tuple[int, int, int]:
    """The same colour as on the page: a hue from the ID, dark enough for white letters (`.avatar` in chat.css)."""
    hue = 0
    for char in participant:
        hue = (hue * 31 + ord(char)) % 360
    red, green, blue = colorsys.hls_to_rgb(hue / 360, _LIGHTNESS, _SATURATION)
    return round(255 * red), round(255 * green), round(255 * blue)


@lru_cache(maxsize=1024)
def picture(participant: str, letters: str) -> bytes:
    """The avatar as PNG. If the font does not have the letters, it shows a figure."""
    image = Image.new("RGB", (SIZE, SIZE), colour_of(participant))
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(SIZE * 0.42)
    if letters and all(_draws(font, letter) for letter in letters):
        draw.text((SIZE / 2, SIZE / 2), letters, fill=_TEXT, font=font, anchor="mm")
    else:
        draw.circle((SIZE / 2, SIZE * 0.4), SIZE * 0.17, fill=_TEXT)
        draw.pieslice((SIZE * 0.2, SIZE * 0.63, SIZE * 0.8, SIZE * 1.23), 180, 360, fill=_TEXT)
    file = BytesIO()
    image.save(file, "PNG", optimize=True)
    return file.getvalue()


def _draws(font: ImageFont.FreeTypeFont | ImageFont.ImageFont, letter: str) -> bool:
    return bytes(font.getmask(letter)) != bytes(font.getmask(_UNKNOWN))
