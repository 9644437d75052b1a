"""Files as devices and programs make them are taken; none of them becomes anything that a browser would run."""

import itertools
import tempfile
from collections.abc import Callable
from functools import partial
from io import BytesIO
from typing import Any

import pytest
from PIL import Image

from bridge.errors import BridgeError
from bridge.inspection.__main__ import look
from bridge.inspection.images import MAX_FRAMES
from bridge.models import Inbox
from bridge.web.downloads import INLINE
from tests.files import devices
from tests.files.devices import Device
from tests.files.pictures import bomb, frames, png

DEFAULT = Inbox._meta.get_field("upload_types").default.split()


def looked_at(name: str, data: bytes, *, allowed: list[str] | None = None) -> tuple[dict[str, Any], bytes]:
    """What is said of a file, and what is to be shown of it."""
    with tempfile.TemporaryFile() as kept, tempfile.TemporaryFile() as thumbnail:
        descriptors = {"data": kept.fileno(), "thumbnail": thumbnail.fileno()}
        found = look(BytesIO(data), name=name, allowed=DEFAULT if allowed is None else allowed, **descriptors)
        kept.seek(0)
        return found, kept.read()


@pytest.mark.parametrize(
    "device",
    [*devices.pictures(), *devices.pictures_not_shown(), *devices.texts(), *devices.recordings()],
    ids=lambda device: device.name,
)
def test_what_a_device_makes_is_taken_for_what_it_is(device: Device) -> None:
    found, data = looked_at(device.name, device.data)
    assert found["kind"] == device.kind
    assert ("width" in found) is device.shown
    if device.shown:
        assert Image.open(BytesIO(data)).size == (found["width"], found["height"])
        assert found["kind"] in INLINE


@pytest.mark.parametrize("device", list(devices.documents()), ids=lambda device: device.name)
def test_documents_are_known_whatever_stands_before_and_behind_them(device: Device) -> None:
    found, _ = looked_at(device.name, device.data, allowed=["*/*"])
    assert found == {"kind": device.kind}


@pytest.mark.parametrize(
    ("name", "count"),
    [("moving.gif", 3), ("no-trailer.gif", 3), ("zeros.gif", 3), ("cut.gif", 2), ("moving.webp", 3)],
)
def test_what_moves_goes_on_moving_as_far_as_it_is_there(name: str, count: int) -> None:
    (device,) = (each for each in devices.pictures() if each.name == name)
    _, data = looked_at(name, device.data)
    image = Image.open(BytesIO(data))
    assert image.n_frames == count
    if name.endswith(".gif"):
        assert data.endswith(b";")


PAGES = [
    "<html><script>alert(1)</script>",
    "<!DOCTYPE html><p>",
    "<!-- x --><script>alert(1)</script>",
    "<?xml version='1.0'?><html xmlns='http://www.w3.org/1999/xhtml'/>",
    "<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
    " \r\n\t<iframe src=x>",
    "<!--" + "x" * 9000 + "--><script>alert(1)</script>",
    "<html>%PDF-1.4\n%%EOF",
    "<html>" + "x" * 20_000,
]
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"]


@pytest.mark.parametrize(("page", "encoding"), list(itertools.product(PAGES, ENCODINGS)))
def test_a_page_is_a_page_in_every_encoding_and_under_every_name(page: str, encoding: str) -> None:
    for tail in (b"", b"\0\1\2"):
        data = page.encode(encoding) + tail
        for name in ("a.txt", "a.png", "a.html", "a.pdf", "a"):
            with pytest.raises(BridgeError) as refused:
                looked_at(name, data)
            assert refused.value.details["reason"] in {"type", "mismatch"}
        assert (
            looked_at("a", data, allowed=["*/*", "text/html", "text/xml", "image/svg+xml"])[0]["kind"]
            not in INLINE
        )


SCRIPT = b"<script>alert(1)</script>"


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.gif", b"GIF89a=1;/*" + bytes(20) + b"*/alert(1)" + SCRIPT),
        ("a.bmp", b"BM=1;" + bytes(60) + SCRIPT),
        ("a.jpg", b"\xff\xd8\xff\xe0/*" + bytes(20) + SCRIPT),
        ("a.png", b"\x89PNG\r\n\x1a\n" + SCRIPT + bytes(60)),
        ("a.webp", b"RIFF\x40\0\0\0WEBPVP8 " + SCRIPT + bytes(60)),
        ("a.avif", devices.branded(b"avif", b"mif1") + SCRIPT),
        ("a.png", bomb()),
        ("a.heic", devices.branded(b"heic") + SCRIPT),
        ("a.tif", b"II*\0" + SCRIPT),
    ],
)
def test_what_only_begins_as_a_picture_is_shown_as_none(name: str, data: bytes) -> None:
    found, kept = looked_at(name, data)
    assert "width" not in found
    assert found["kind"] not in INLINE
    assert kept == b""


def test_what_is_shown_has_nothing_in_it_that_was_hidden() -> None:
    for device in devices.pictures():
        _, data = looked_at(device.name, device.data + SCRIPT)
        assert SCRIPT not in data, device.name


@pytest.mark.parametrize(
    "make",
    [
        partial(frames, MAX_FRAMES + 1),
        partial(devices.apng, MAX_FRAMES + 1),
        partial(devices.apng, 100, width=3000, height=3000),
        bomb,
        partial(png, 7100, 7100),
    ],
    ids=[
        "GIF of many frames",
        "APNG of many frames",
        "APNG of large frames",
        "WebP bomb",
        "PNG of many pixels",
    ],
)
def test_what_would_be_too_much_is_not_decoded(
    make: Callable[[], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded = []
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", lambda image: decoded.append(image.size))
    found, kept = looked_at("a", make())
    assert found == {"kind": "application/octet-stream"}
    assert (decoded, kept) == ([], b"")


def test_each_is_the_last_that_is_still_shown() -> None:
    assert "width" in looked_at("a.gif", frames(MAX_FRAMES))[0]
    assert "width" in looked_at("a.png", png(7000, 7000))[0]
