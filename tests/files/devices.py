"""Files as telephones, cameras, recorders, printers, scanners and office programs write them, made here."""

import struct
import zipfile
from collections.abc import Iterator
from io import BytesIO
from typing import NamedTuple

from PIL import Image

from tests.files.pictures import chunk, drawing, saved

WORDS = "Grüße aus Łódź: 5 € für Żółć, “so” – čšž.\r\nSecond line\r\n"


class Device(NamedTuple):
    name: str
    data: bytes
    kind: str
    shown: bool = False


def box(name: bytes, *content: bytes) -> bytes:
    data = b"".join(content)
    return struct.pack(">I4s", 8 + len(data), name) + data


def branded(first: bytes, *more: bytes, rest: bytes = b"") -> bytes:
    return box(b"ftyp", first, bytes(4), *more) + rest + box(b"mdat", bytes(range(256)) * 4)


def tracks(*handlers: bytes) -> bytes:
    """What of a film says which tracks it has."""
    each = (box(b"trak", box(b"mdia", box(b"hdlr", bytes(8), handler, bytes(12)))) for handler in handlers)
    return box(b"moov", box(b"mvhd", bytes(100)), *each)


def pdf(*, before: bytes = b"", after: bytes = b"", binary: bool = True) -> bytes:
    body = (
        b"%PDF-1.4\n"
        + (b"%\xe2\xe3\xcf\xd3\n" if binary else b"")
        + b"1 0 obj\n<< /Type /Catalog >>\nendobj\n"
    )
    return before + body + b"trailer\n<< /Root 1 0 R >>\n%%EOF\n" + after


def packed(*names: str, first: str = "", content: str = "") -> bytes:
    out = BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        if first:
            archive.writestr(first, content)
        for name in names:
            archive.writestr(name, "<x/>")
    return out.getvalue()


def moving(shape: str, **options: object) -> bytes:
    frames = [drawing(32, 16, colour) for colour in ("red", "lime", "blue")]
    return saved(frames[0], shape, save_all=True, append_images=frames[1:], duration=100, loop=0, **options)


def pictures() -> Iterator[Device]:
    photo = drawing(60, 40, noise=True)
    exif = Image.Exif()
    exif[0x0112] = 8
    jpeg = saved(photo, "JPEG")
    for name, data in {
        "IMG_0001.JPG": jpeg,
        "progressive.jpeg": saved(photo, "JPEG", progressive=True),
        "print.jpg": saved(photo.convert("CMYK"), "JPEG"),
        "scan.jpg": saved(photo.convert("L"), "JPEG"),
        "upright.jpg": saved(photo, "JPEG", exif=exif),
        "samsung.jpg": jpeg + b"\0\0\x01\x0aImage_UTC_Data1700000000000SEFT",
        "motion.jpg": jpeg + branded(b"mp42"),
        "stereo.jpg": saved(photo, "MPO", save_all=True, append_images=[photo]),
        "half.jpg": jpeg[: len(jpeg) * 2 // 3],
        "named.png": jpeg,
    }.items():
        yield Device(name, data, "image/jpeg", True)
    for name, data in {
        "screen.png": saved(photo, "PNG"),
        "palette.png": saved(photo.convert("P"), "PNG"),
        "glass.png": saved(photo.convert("RGBA"), "PNG"),
        "fax.png": saved(photo.convert("1"), "PNG"),
        "deep.png": saved(photo.convert("I;16"), "PNG"),
        "tail.png": saved(photo, "PNG") + bytes(40),
        "moving.png": moving("PNG"),
    }.items():
        yield Device(name, data, "image/png", True)
    gif, still = moving("GIF"), saved(photo.convert("P"), "GIF")
    for name, data in {
        "moving.gif": gif,
        "no-trailer.gif": gif[:-1],
        "zeros.gif": gif[:-1] + bytes(20),
        "cut.gif": gif[:-8],
        "tail.gif": gif + b"more",
        "still.gif": still,
        "still-no-trailer.gif": still[:-1],
        "still-cut.gif": still[: len(still) * 2 // 3],
    }.items():
        yield Device(name, data, "image/gif", True)
    yield Device("lossy.webp", saved(photo, "WEBP"), "image/webp", True)
    yield Device("lossless.webp", saved(photo, "WEBP", lossless=True, exif=exif), "image/webp", True)
    yield Device("moving.webp", moving("WEBP"), "image/webp", True)
    yield Device("photo.avif", saved(photo, "AVIF"), "image/avif", True)
    yield Device("paint.bmp", saved(photo, "BMP"), "image/png", True)
    yield Device("paint8.bmp", saved(photo.convert("P"), "BMP"), "image/png", True)


def pictures_not_shown() -> Iterator[Device]:
    photo = drawing(30, 20, noise=True)
    yield Device("IMG_1234.HEIC", branded(b"heic", b"mif1", b"heic"), "image/heic")
    yield Device("deep.heic", branded(b"heix", b"mif1"), "image/heic")
    yield Device("samsung.heic", branded(b"mif1", b"mif1", b"heic"), "image/heic")
    yield Device("burst.heics", branded(b"msf1", b"hevc"), "image/heic")
    yield Device("shared.jpg", branded(b"heic", b"mif1"), "image/heic")
    yield Device("scan.tif", saved(photo, "TIFF"), "image/tiff")
    yield Device("pages.tiff", saved(photo, "TIFF", save_all=True, append_images=[photo]), "image/tiff")
    yield Device("mac.tiff", b"MM\0*\0\0\0\x08" + bytes(100), "image/tiff")
    yield Device("favicon.ico", saved(photo, "ICO"), "image/x-icon")
    yield Device("new.jxl", b"\xff\x0a" + bytes(range(200)), "image/jxl")
    yield Device("boxed.jxl", b"\0\0\0\x0cJXL \r\n\x87\n" + branded(b"jxl "), "image/jxl")
    yield Device("film.jp2", saved(photo, "JPEG2000"), "image/jpx")
    yield Device("canon.cr3", branded(b"crx ", b"isom"), "image/x-canon-cr3")
    yield Device("layers.psd", b"8BPS\0\1" + bytes(100), "image/vnd.adobe.photoshop")


def texts() -> Iterator[Device]:
    cyrillic, japanese = "Привет из Москвы, это записка.\r\n" * 3, "こんにちは、元気ですか。\n" * 3
    for name, data in {
        "notes.txt": WORDS.encode(),
        "notepad.txt": WORDS.encode("utf-8-sig"),
        "unicode.txt": WORDS.encode("utf-16"),
        "big.txt": b"\xfe\xff" + WORDS.encode("utf-16-be"),
        "bare.txt": WORDS.encode("utf-16-le"),
        "bare-big.txt": WORDS.encode("utf-16-be"),
        "cyrillic.txt": cyrillic.encode("utf-16-le"),
        "wide.txt": WORDS.encode("utf-32"),
        "wide-big.txt": b"\0\0\xfe\xff" + WORDS.encode("utf-32-be"),
        "long.txt": "\ufeff".encode("utf-16-le") + (WORDS * 20_000).encode("utf-16-le"),
        "western.txt": "Grüße, ça va, ¿qué?".encode("latin-1"),
        "word.txt": "“quotes” – and 5 €".encode("cp1252"),
        "russian.txt": cyrillic.encode("koi8-r"),
        "japanese.txt": japanese.encode("shift-jis"),
        "mail.txt": japanese.encode("iso2022_jp"),
        "chinese.txt": "你好,这是一个文件。".encode("gb18030"),
        "korean.txt": "안녕하세요 파일입니다".encode("euc-kr"),
        "excel.csv": "sep=;\r\nName;Größe\r\nŽofie;5\r\n".encode("cp1250"),
        "excel-unicode.txt": "Name\tGröße\r\nŽofie\t5\r\n".encode("utf-16"),
        "mac.txt": b"one\rtwo\rthree\r",
        "coloured.log": b"\x1b[31mERROR\x1b[0m it broke\n",
        "pages.txt": b"one\x0ctwo\n",
        "one.txt": b"x",
        "line.txt": b"\n",
        "spaces.txt": b" " * 100,
        "card.vcf": b"BEGIN:VCARD\r\nVERSION:3.0\r\nEND:VCARD\r\n",
        "day.ics": b"BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n",
        "letter.eml": b"From: a@example.com\r\n\r\nHi\r\n",
        "program.ts": b"export const x: number = 1;\n",
        "about-pdf.txt": b"A file that begins with %PDF-1.4 is one.\n",
    }.items():
        yield Device(name, data, "text/plain")


def documents() -> Iterator[Device]:
    printer = b"\x1b%-12345X@PJL JOB\r\n@PJL ENTER LANGUAGE = PDF\r\n"
    for name, data in {
        "paper.pdf": pdf(),
        "line.pdf": pdf(before=b"\r\n"),
        "marked.pdf": pdf(before=b"\xef\xbb\xbf"),
        "printer.pdf": pdf(before=printer),
        "printer-plain.pdf": pdf(before=printer, binary=False),
        "server.pdf": pdf(before=b"HTTP/1.1 200 OK\r\nContent-Type: application/pdf\r\n\r\n"),
        "zeros.pdf": pdf(before=bytes(300)),
        "plain.pdf": pdf(binary=False),
        "plain-line.pdf": pdf(before=b"\n\n", binary=False),
        "tail.pdf": pdf(after=b"\0\0garbage"),
    }.items():
        yield Device(name, data, "application/pdf")
    office = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
    odt = "application/vnd.oasis.opendocument.text"
    word = packed("_rels/.rels", "word/document.xml", first="[Content_Types].xml", content="<Types/>")
    yield Device("letter.docx", word, office)
    yield Device("letter.odt", packed("content.xml", first="mimetype", content=odt), odt)
    yield Device("both.zip", packed("a.txt", "b.txt"), "application/zip")


def recordings() -> Iterator[Device]:
    page = b"OggS\0\2" + bytes(20) + b"\1\x13"
    yield Device("memo.m4a", branded(b"M4A ", b"mp42"), "audio/mp4")
    yield Device("android.m4a", branded(b"mp42", b"isom", rest=tracks(b"soun")), "audio/mp4")
    yield Device("late.m4a", branded(b"isom") + tracks(b"soun"), "audio/mp4")
    yield Device("call.amr", b"#!AMR\n" + bytes(range(60)), "audio/amr")
    yield Device("wide.amr", b"#!AMR-WB\n" + bytes(range(60)), "audio/amr-wb")
    yield Device("whatsapp.opus", page + b"OpusHead\1" + bytes(60), "audio/ogg")
    yield Device("voice.ogg", page + b"\1vorbis" + bytes(60), "audio/ogg")
    yield Device("song.mp3", b"ID3\4\0\0\0\0\0\0" + b"\xff\xfb\x90\x64" + bytes(400), "audio/mpeg")
    yield Device("bare.mp3", b"\xff\xfb\x90\x64" + bytes(400), "audio/mpeg")
    yield Device("stream.aac", b"\xff\xf1\x50\x80" + bytes(400), "audio/aac")
    yield Device("sound.flac", b"fLaC\0\0\0\x22" + bytes(60), "audio/flac")
    yield Device("imessage.caf", b"caff\0\1\0\0desc" + bytes(60), "audio/x-caf")
    yield Device("clip.mp4", branded(b"isom", b"avc1", rest=tracks(b"vide", b"soun")), "video/mp4")
    yield Device("late.mp4", branded(b"mp42") + tracks(b"vide", b"soun"), "video/mp4")
    yield Device("sony.mp4", branded(b"MSNV", b"mp42"), "video/mp4")
    yield Device("ipad.m4v", branded(b"M4V ", b"mp42"), "video/mp4")
    yield Device("IMG_0002.MOV", branded(b"qt  ", b"qt  "), "video/quicktime")
    yield Device(
        "old.mov", box(b"wide") + box(b"mdat", bytes(range(100))) + tracks(b"vide"), "video/quicktime"
    )
    yield Device("nokia.3gp", branded(b"3gp4", b"isom"), "video/3gpp")
    yield Device("phone.3g2", branded(b"3g2a"), "video/3gpp")
    yield Device("film.ogv", page + b"\x80theora" + bytes(60), "video/ogg")
    yield Device(
        "browser.webm",
        b"\x1aE\xdf\xa3\x9fB\x86\x81\1B\xf7\x81\1B\xf2\x81\4B\xf3\x81\x08B\x82\x84webm",
        "video/webm",
    )


def apng(frames: int, *, width: int = 1, height: int = 1) -> bytes:
    """A moving PNG that says so of each of its frames, in 38 bytes each, and has none of them."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    control = chunk(b"fcTL", bytes(4) + struct.pack(">II", width, height) + bytes(14))
    return b"\x89PNG\r\n\x1a\n" + header + control * frames + chunk(b"IEND", b"")
