"""Mail programs: how each of them quotes a mail of ours around what its user writes."""

from collections.abc import Callable, Sequence
from html import escape
from typing import NamedTuple

from bridge.services.email.letters import LINE

FROM, TITLE = "chat@example.com", "The shop"
OURS = f"""{LINE}

Sam, 22 November 2026, 05:40 UTC:

Which one would you like? The blue one costs 39 and is here tomorrow, the red one not before the end of the week.

Ada, 22 November 2026, 05:41 UTC:

- by when?
- and where to?

--\x20
Reply to this e-mail, or continue in the chat: https://chat.example.com/default/
You receive this e-mail because you left your address in “The shop”.
Unsubscribe from these e-mails: https://chat.example.com/services/email/stop/abc/"""

ATTRIBUTIONS = {
    "en": "On Sun, Nov 22, 2026 at 5:40 AM The shop <chat@example.com> wrote:",
    "de": "Am So., 22. Nov. 2026 um 05:40 Uhr schrieb The shop <chat@example.com>:",
    "fr": "Le dim. 22 nov. 2026 à 05:40, The shop <chat@example.com> a écrit :",
    "pl": "niedz., 22 lis 2026 o 05:40 The shop <chat@example.com> napisał(a):",
    "ja": "2026年11月22日(日) 5:40 The shop <chat@example.com>:",
    "ru": "вс, 22 нояб. 2026 г. в 05:40, The shop <chat@example.com>:",
    "ar": "في الأحد، 22 نوفمبر 2026 في 5:40 ص تمت كتابة ما يلي بواسطة The shop <chat@example.com>:",
    "thunderbird": "Am 22.11.2026 um 05:40 schrieb The shop:",
    "broken": "On Sunday, 22 November 2026 at 05:40, The shop\n<chat@example.com> wrote:",
}
HEADERS = {
    "en": ("From", "Sent", "To", "Subject"),
    "de": ("Von", "Gesendet", "An", "Betreff"),
    "fr": ("De", "Envoyé", "À", "Objet"),
    "cs": ("Od", "Odesláno", "Komu", "Předmět"),
    "ja": ("差出人", "送信日時", "宛先", "件名"),
    "ru": ("От", "Отправлено", "Кому", "Тема"),
    "he": ("מאת", "נשלח", "אל", "נושא"),
    "pt": ("De", "Enviado em", "Para", "Assunto"),
}
VALUES = (f"{TITLE} <{FROM}>", "Sunday, November 22, 2026 5:40 AM", "Vera", f"{TITLE}: an answer for you")


class Placed(NamedTuple):
    """What a visitor wrote, by where."""

    above: str = ""
    between: str = ""
    below: str = ""


class Written(NamedTuple):
    text: str
    html: str


def wrapped(text: str, width: int = 72) -> list[str]:
    """As a mail program breaks lines that are long."""
    lines: list[str] = []
    for line in text.split("\n"):
        while len(line) > width and " " in line[:width]:
            cut = line.rfind(" ", 0, width)
            lines.append(line[:cut])
            line = line[cut + 1 :]
        lines.append(line)
    return lines


def prefixed(placed: Placed, attribution: str, *, width: int = 72) -> Written:
    """Gmail, Thunderbird, Apple Mail, mutt: “>” before each line."""
    quote = [f"> {line}".rstrip() for line in wrapped(OURS, width)]
    at = next(at for at, line in enumerate(quote) if line.startswith("> Ada"))
    middle = ["", *placed.between.split("\n"), ""] if placed.between else []
    lines = [*_above(placed), attribution, *quote[:at], *middle, *quote[at:], *_below(placed)]
    return Written("\n".join(lines), "")


def bare(placed: Placed, names: Sequence[str], *, rule: str = "_" * 32) -> Written:
    """Outlook: a block of headers, and below it the mail as it was."""
    quote = OURS.split("\n")
    at = next(at for at, line in enumerate(quote) if line.startswith("Ada"))
    middle = ["", *placed.between.split("\n"), ""] if placed.between else []
    headers = [f"{name}: {value}" for name, value in zip(names, VALUES, strict=True)]
    lines = [*_above(placed), rule, *headers, "", *quote[:at], *middle, *quote[at:], *_below(placed)]
    return Written("\n".join(lines), "")


def blockquote(placed: Placed, attribution: str) -> Written:
    """Gmail and Apple Mail in HTML: a quote that is parted where somebody writes into it."""
    first, second = OURS.split("\nAda", 1)
    middle = f"</blockquote>{_html(placed.between)}<blockquote>" if placed.between else "<br>"
    quoted = f"<div class=gmail_quote><div>{_html(attribution)}<br></div><blockquote>{_html(first)}{middle}"
    quoted += f"{_html('Ada' + second)}</blockquote></div>"
    return Written("", f"{_html(placed.above)}<br>{quoted}{_html(placed.below)}")


def within(placed: Placed, attribution: str) -> Written:
    """Outlook on the web: what is written into a quote is a part of it."""
    first, second = OURS.split("\nAda", 1)
    inside = _html(placed.between) if placed.between else ""
    quoted = f"{_html(attribution)}<blockquote>{_html(first)}{inside}{_html('Ada' + second)}</blockquote>"
    return Written("", f"{_html(placed.above)}{quoted}{_html(placed.below)}")


def bordered(placed: Placed, names: Sequence[str]) -> Written:
    """Outlook in HTML: a line above the headers, and no quote at all."""
    first, second = OURS.split("\nAda", 1)
    headers = "<br>".join(
        f"<b>{name}:</b> {escape(value)}" for name, value in zip(names, VALUES, strict=True)
    )
    return Written(
        "",
        f"<html><head><style>p {{ margin: 0 }}</style></head><body><div>{_html(placed.above)}</div>"
        f"<div style='border-top: solid 1pt'><p>{headers}</p></div>{_html(first)}{_html(placed.between)}"
        f"{_html('Ada' + second)}{_html(placed.below)}</body></html>",
    )


def _above(placed: Placed) -> list[str]:
    return [*placed.above.split("\n"), ""] if placed.above else []


def _below(placed: Placed) -> list[str]:
    return ["", *placed.below.split("\n")] if placed.below else []


def _html(text: str) -> str:
    return "".join(f"<div>{escape(line) or '<br>'}</div>" for line in text.split("\n")) if text else ""


PROGRAMS: dict[str, Callable[[Placed], Written]] = {
    **{
        f"prefixed-{name}": lambda placed, each=each: prefixed(placed, each)
        for name, each in ATTRIBUTIONS.items()
    },
    **{
        f"blockquote-{name}": lambda placed, each=each: blockquote(placed, each)
        for name, each in ATTRIBUTIONS.items()
    },
    **{f"bare-{name}": lambda placed, each=each: bare(placed, each) for name, each in HEADERS.items()},
    **{
        f"bordered-{name}": lambda placed, each=each: bordered(placed, each) for name, each in HEADERS.items()
    },
    "within": lambda placed: within(placed, ATTRIBUTIONS["en"]),
    "prefixed-narrow": lambda placed: prefixed(placed, ATTRIBUTIONS["en"], width=40),
    "bare-original": lambda placed: bare(placed, HEADERS["de"], rule="-----Ursprüngliche Nachricht-----"),
}
