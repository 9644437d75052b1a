"""What somebody answers, without what he answers."""

import time

import pytest

from bridge.mail.letters import LINE
from bridge.mail.quoting import answer_in, text_of_html

QUOTED = f"> {LINE}\n>\n> Sam, 22 November 2026, 05:40 UTC:\n>\n> Which one?\n"


@pytest.mark.parametrize(
    "mail",
    [
        f"The blue one.\n\nOn Sun, Nov 22, 2026 at 5:40 AM The shop <chat@example.com> wrote:\n\n{QUOTED}",
        f"The blue one.\n\nAm 22.11.2026 um 05:40 schrieb The shop:\n{QUOTED}",
        f"The blue one.\n\nOn Sun, Nov 22, 2026 at 5:40 AM The shop\n<chat@example.com> wrote:\n{QUOTED}",
        f"The blue one.\n\nLe dim. 22 nov. 2026 à 05:40, The shop <chat@example.com> a écrit :\n{QUOTED}",
        f"The blue one.\r\n\r\n-----Original Message-----\r\nFrom: The shop\r\nSent: Sunday\r\nTo: Vera\r\n"
        f"Subject: an answer\r\n\r\n{LINE}\r\nSam: Which one?",
        f"The blue one.\n\n________________________________\nFrom: The shop <chat@example.com>\nSent: Sunday\n"
        f"To: Vera\nSubject: an answer\n\n{LINE}\nWhich one?",
        "The blue one.\n\n-- \nVera Example\n+49 30 1234",
        "The blue one.\n\n> Which one?\n> Sam\n",
        "The blue one.",
    ],
)
def test_only_the_answer_is_left(mail: str) -> None:
    assert answer_in(mail) == "The blue one."


@pytest.mark.parametrize(
    "mail",
    [
        "I need these:\n\n- one\n- two",
        "> Which one?\n\nThe blue one, and:\n\n> by when?\n\nTuesday.",
        "My number is 12345:\nplease call",
        "Call me at 5:",
    ],
)
def test_what_he_wrote_himself_stays(mail: str) -> None:
    assert answer_in(mail) == mail


def test_nothing_but_a_quote_is_nothing() -> None:
    assert answer_in(f"On Sunday 22 November 2026 The shop wrote:\n{QUOTED}") == ""


def test_html_becomes_its_words() -> None:
    html = (
        "<html><head><style>p { color: red }</style></head><body><p>The <b>blue</b> one &amp; fast.</p>"
        "<div>Thank&nbsp;you<br>Vera</div><blockquote>Which one?</blockquote></body></html>"
    )
    assert text_of_html(html) == "The blue one & fast.\nThank\xa0you\nVera"
    assert (
        text_of_html("<p>\u0130\u0130 yes</p><style>p {}</style><p>and no</p>") == "\u0130\u0130 yes\nand no"
    )
    assert "<" not in text_of_html("<script>alert('<b>')</script><p>hi</p>")


@pytest.mark.parametrize(
    "text",
    ["\n" * 300_000, "On " * 100_000, ">" * 300_000, "-" * 300_000, "a:\n" * 100_000, "From: x\n" * 40_000,
     " \n" * 150_000, "<" * 300_000, "<script>" * 40_000, "<br" * 100_000, "<blockquote" * 30_000,
     "Yes\n" + ">\n" * 150_000, "-" * 300_000 + "x", "-_" * 150_000 + "x", "-----------\n" * 30_000,
     "<style></style>" * 30_000, "<style>" * 30_000 + "</style>"],
)  # fmt: skip
def test_no_mail_costs_more_than_its_length(text: str) -> None:
    """Thread time, which a busy machine does not lengthen; the libraries for it took minutes for the first of these."""
    started = time.thread_time()
    answer_in(text)
    text_of_html(text)
    assert time.thread_time() - started < 5
