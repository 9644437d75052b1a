"""The generated pictures: what they show, to whom, and for how long they may be kept."""

import colorsys
import re
import uuid
from io import BytesIO
from typing import Any

import pytest
from django.test import Client
from PIL import Image

from bridge.chat import avatars
from bridge.models import Connection, Inbox, Participant
from chatbridge_site.environment import BASE_DIR

ID = "0192f1c0-0000-7000-8000-000000000001"


@pytest.fixture
def speaker(db: None) -> Participant:
    room = Connection.objects.create(
        inbox=Inbox.objects.get(name="default"), kind=Connection.Kind.ROOM, slug="lobby", name="Lobby"
    )
    return Participant.objects.create(
        connection=room, role=Participant.Role.VISITOR, visitor=uuid.uuid4(), nick="Quick Fox"
    )


@pytest.mark.parametrize(
    ("nick", "letters"),
    [
        ("Quick Fox", "QF"),
        ("ada", "A"),
        ("Zoë", "Z"),
        ("Émile van Äther", "EA"),
        ("ßan", "S"),
        ("李 雷", "李雷"),
        ("", ""),
    ],
)
def test_initials_are_those_of_the_first_and_last_word(nick: str, letters: str) -> None:
    assert avatars.initials(nick) == letters


@pytest.mark.parametrize("letters", ["QF", "", "李雷", "🦊"])
def test_a_picture_is_a_square_in_his_colour_with_something_on_it(letters: str) -> None:
    image = Image.open(BytesIO(avatars.picture(ID, letters)))
    assert (image.format, image.size) == ("PNG", (avatars.SIZE, avatars.SIZE))
    assert image.getpixel((0, 0)) == avatars.colour_of(ID)
    shades = {colour for _, colour in image.getcolors(maxcolors=avatars.SIZE**2) or []}
    assert (255, 255, 255) in shades


def test_the_colour_is_the_one_of_the_page_and_white_letters_are_readable_on_it() -> None:
    """4.5 is what WCAG 2.2 asks for text (1.4.3)."""
    stylesheet = (BASE_DIR / "static/bridge/chat.css").read_text()
    saturation, lightness = re.search(r"hsl\(var\(--hue, 200\) (\d+)% (\d+)%\)", stylesheet).groups()  # type: ignore[union-attr]
    hues = set()
    for number in range(2000):
        red, green, blue = (channel / 255 for channel in avatars.colour_of(str(number)))
        hue, painted_lightness, painted_saturation = colorsys.rgb_to_hls(red, green, blue)
        assert round(painted_lightness * 100) == int(lightness)
        assert abs(painted_saturation * 100 - int(saturation)) < 1
        assert 1.05 / (_luminance(red, green, blue) + 0.05) >= 4.5
        hues.add(round(hue * 360) % 360)
    assert len(hues) > 350


def _luminance(*channels: float) -> float:
    """Of a colour in sRGB, as WCAG defines it."""
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_whoever_has_the_address_gets_the_picture_for_good(
    client: Client, speaker: Participant, settings: Any
) -> None:
    settings.SITE_URL = "https://chat.example.com"
    address = avatars.avatar_url(speaker.uid, speaker.nick)
    assert address.startswith(f"https://chat.example.com/avatars/{speaker.uid}.png?v=")
    answer = client.get(address.removeprefix(settings.SITE_URL))
    assert (answer.status_code, answer["Content-Type"]) == (200, "image/png")
    assert answer.content == avatars.picture(str(speaker.uid), "QF")
    assert "immutable" in answer["Cache-Control"]
    assert "Set-Cookie" not in answer


def test_a_new_nick_has_a_new_address_and_the_old_one_is_not_kept(
    client: Client, speaker: Participant, settings: Any
) -> None:
    settings.SITE_URL = "https://chat.example.com"
    old = avatars.avatar_url(speaker.uid, speaker.nick)
    Participant.objects.update(nick="Slow Worm")
    assert avatars.avatar_url(speaker.uid, "Slow Worm") != old
    answer = client.get(old.removeprefix(settings.SITE_URL))
    assert "immutable" not in answer["Cache-Control"]


def test_without_an_address_of_our_own_there_is_none(settings: Any) -> None:
    settings.SITE_URL = ""
    assert avatars.avatar_url(uuid.uuid4(), "Ada") == ""


def test_a_stranger_learns_nothing_of_private_conversations_and_of_staff(
    client: Client, speaker: Participant
) -> None:
    private = Connection.objects.create(inbox=Inbox.objects.get(name="default"), nick="Secret Name")
    visitor = Participant.objects.create(
        connection=private, role=Participant.Role.VISITOR, nick="Secret Name"
    )
    staff = Participant.objects.create(connection=speaker.connection, role=Participant.Role.STAFF, nick="Ada")
    for who in (visitor.uid, staff.uid, uuid.uuid4()):
        assert client.get(f"/avatars/{who}.png").status_code == 404
