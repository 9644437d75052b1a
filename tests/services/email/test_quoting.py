"""What somebody answers, without what they answer: each of their words, wherever they put them."""

import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bridge.services.email.html import text_of_html
from bridge.services.email.known import Known, once
from bridge.services.email.letters import LINE
from bridge.services.email.quoting import answer_in
from tests.services.email.programs import FROM, OURS, PROGRAMS, TITLE, Placed, Written

NAMES = (TITLE.lower(), FROM)
QUOTED = f"> {LINE}\n>\n> Sam, 22 November 2026, 05:40 UTC:\n>\n> Which one?\n"

# What ends or hides a mail for those who guess by words and signs, among words of many scripts.
TRAPS = [
    "--", "-- ", "___________", "-----", "From: me", "Sent: yesterday, Sir", "Call me at 12345:",
    "On Sunday I wrote:", "Am 22.11.2026 um 05:40:", "Vera <vera@example.net> wrote on 22 Nov 2026:", "Re: that",
    "Sent from my phone", "Name: Vera", "Phone: +49 30 1234", "Mail: vera@example.net", "* a\n* b", "\tindented",
    "a > b", "<b>not bold</b>", "&amp; so on", "https://example.com/?a=1&b=2", "no\n\n\n\nyes", "Yes", "39", "👍",
    # Words of our own mails, of which they are no whole line.
    "No", "Sam", "tomorrow", "you like", "to", "by", "in the chat", "Answer", "the end of the week.", "what", "one",
]  # fmt: skip
LINES = st.one_of(
    st.sampled_from(TRAPS),
    st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=12),
    st.lists(
        st.sampled_from(["blau", "rouge", "青い", "синий", "אדום", "नीला", "k0rz"]), min_size=1, max_size=9
    ).map(" ".join),
)
# Quotes are not the visitor's words, and neither are line breaks.
WORDS = (
    st.lists(LINES.filter(lambda line: not line.startswith(">")), max_size=6).map("\n".join).map(str.strip)
)


def answer(written: Written) -> str:
    known = Known([OURS])
    return answer_in(written.text or text_of_html(written.html), names=NAMES, known=known)


def squeezed(text: str) -> str:
    return " ".join(text.split())


@settings(max_examples=200, deadline=None)
@example(program="bare-en", above="", between="no\n\n\n\nyes", below="")
@example(program="within", above="", between="39", below="")
@given(program=st.sampled_from(list(PROGRAMS)), above=WORDS, between=WORDS, below=WORDS)
def test_each_word_of_a_visitor_is_kept_wherever_it_stands(
    program: str, above: str, between: str, below: str
) -> None:
    found = answer(PROGRAMS[program](Placed(above, between, below)))
    at = 0
    lines = found.split("\n")
    # In order, too.
    for line in [squeezed(each) for text in (above, between, below) for each in text.split("\n")]:
        if line and any(char.isalnum() for char in line):
            at = next((n for n, each in enumerate(lines[at:], at) if line in squeezed(each)), -1)
            assert at >= 0, (line, found)


@pytest.mark.parametrize("program", PROGRAMS)
def test_nothing_is_left_of_a_quote_above_or_below(program: str) -> None:
    for placed in (Placed(above="The blue one."), Placed(below="The blue one.")):
        assert answer(PROGRAMS[program](placed)) == "The blue one."


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_greeting_above_hides_nothing_of_the_rest(program: str) -> None:
    found = answer(PROGRAMS[program](Placed(above="Hello Sam,", below="The blue one.\n\nVera")))
    assert found == "Hello Sam,\n\nThe blue one.\n\nVera"


@pytest.mark.parametrize("program", PROGRAMS)
def test_nothing_but_a_quote_is_nothing(program: str) -> None:
    assert answer(PROGRAMS[program](Placed())) == ""


def test_what_is_answered_part_by_part_keeps_what_each_part_answers() -> None:
    mail = "> Which one?\n\nThe blue one, and:\n\n> by when?\n\nTuesday."
    assert answer_in(mail) == mail


@pytest.mark.parametrize(
    "mail",
    [
        "I need these:\n\n- one\n- two",
        "My number is 12345:\nplease call",
        "Call me at 5:",
        "Yes\n--\nbut not today",
        "Yes\n-- \nVera Example\n+49 30 1234",
        "From: Hamburg\nTo: Berlin\nDate: 5 May",
    ],
)
def test_without_a_quote_all_of_it_stays(mail: str) -> None:
    assert answer_in(mail) == answer_in(mail, names=NAMES, known=Known([OURS])) == mail.replace("-- ", "--")


def test_what_repeats_our_words_is_kept_where_it_is_not_the_quote() -> None:
    known = Known(["Yes\nno"])
    mail = f"Yes\n\nThe shop wrote on 22 November 2026:\n{LINE}\nYes\nno\nno"
    assert answer_in(mail, names=NAMES, known=known) == "Yes\n\nno"


def test_what_a_mail_says_as_text_and_as_html_is_said_once() -> None:
    said = once("Sam:\n\n- Yes\n", "Sam:\n- Yes\nthe kettle (https://example.com)")
    mail = f"{LINE}\nSam:\n- Yes\nthe kettle"
    assert answer_in(f"{mail}\n\nYes", names=NAMES, known=Known(said)) == "Yes"
    assert answer_in(mail, names=NAMES, known=Known(said)) == ""


def test_a_quote_of_which_only_parts_were_kept_is_none_of_the_answer() -> None:
    quote = "> Sam, 22 November 2026, 05:40 UTC:\n>\n> The blue one costs 39 and is here\n> tomorrow, the red one not"
    found = answer_in(f"{quote}\n\nBlue.", names=NAMES, known=Known([OURS]))
    assert found == "Blue."


def test_addresses_that_a_mail_server_rewrote_are_still_ours() -> None:
    known = Known(["Unsubscribe from these e-mails: https://chat.example.com/stop"])
    safe = f"Yes\n{LINE}\nUnsubscribe from these e-mails: https://safe.example.org/?url=https%3A%2F%2Fchat"
    assert answer_in(safe, names=NAMES, known=known) == "Yes"


def test_html_becomes_its_words() -> None:
    html = (
        "<html><head><style>p { color: red }</style></head><body><p>The <b>blue</b> one &amp; fast.</p>"
        "<div>Thank&nbsp;you<br>Vera</div><blockquote>Which <blockquote>one?</blockquote></blockquote></body></html>"
    )
    assert text_of_html(html) == "The blue one & fast.\nThank\xa0you\nVera\n> Which\n>> one?"
    assert (
        text_of_html("<p>\u0130\u0130 yes</p><style>p {}</style><p>and no</p>") == "\u0130\u0130 yes\nand no"
    )
    assert "<" not in text_of_html("<script>alert('<b>')</script><p>hi</p>")
    link = "<a href='https://example.com/a'>this</a> <a href='https://example.com'>https://example.com/</a>"
    assert text_of_html(link) == "this (https://example.com/a) https://example.com/"
    assert text_of_html("<pre>a\n  b</pre>") == "a\n  b"


@pytest.mark.parametrize(
    "html",
    ["<div>" * 5000, "<!-- ", "<style>", "<b><div>" * 3000 + "</b>" * 3000, "<table>" * 2000, "\x00<p>", "\ud800",
     "<meta charset=utf-7>", "<?xml version='1.0' encoding='iso-2022-jp'?>", "<!DOCTYPE x [<!ENTITY a 'b'>]>&a;",
     "<p title='"],
)  # fmt: skip
def test_words_that_something_odd_would_hide_are_read(html: str) -> None:
    assert "The blue one." in text_of_html(f"{html}The blue one.")


@pytest.mark.parametrize("program", ["bare-de", "bordered-de", "prefixed-en", "blockquote-en", "within"])
def test_the_size_of_an_answer_makes_no_difference(program: str) -> None:
    words = "\n".join(f"word{n} " * 9 for n in range(40_000)).strip()
    last = words[words.rindex("\n") + 1 :]
    for placed, ends in (
        (Placed(above=words, between="yes", below="no"), [last, "yes", "no"]),
        (Placed(between=words, below="no"), [last, "no"]),
    ):
        found = answer(PROGRAMS[program](placed))
        lines = [squeezed(line) for line in found.split("\n") if squeezed(line).strip("> ")]
        assert len(found) > 3_000_000
        assert [line for line in lines if line in {*ends}][-len(ends) :] == ends


COSTLY = {
    "lines": "\n", "on": "On ", "quotes": ">", "dashes": "-", "colons": "a:\n", "headers": "From: The shop\n",
    "spaces": " \n", "angles": "<", "scripts": "<script>", "breaks": "<br", "blockquotes": "<blockquote>",
    "quoted lines": ">\n", "rules": "-----------\n", "styles": "<style></style>", "elements": "<a><div></a>",
    "deep": "<b>", "ours": "Sam, 22\n", "marks": f"{LINE}\nOn The shop 2026:\n", "entities": "&amp",
    "alternating": "a\n> b\n",
    "quoted deeper": "> a 2026:\n>> b\n",
}  # fmt: skip


@pytest.mark.parametrize(
    "around", ["", "<blockquote>" * 290, "<ul><li>" * 140, "<pre>", "<table><tr><td>" * 90]
)
@pytest.mark.parametrize(
    "part", ["<br>a", "<p>a", "a\n", "<li>a", "<a href=http://a>b</a>", "&amp;", "<td>a"]
)
def test_the_text_of_a_mail_is_no_longer_than_a_few_times_its_html(around: str, part: str) -> None:
    html = around + part * 4000
    assert len(text_of_html(html)) < 6 * len(html)


@pytest.mark.parametrize("part", COSTLY)
def test_a_mail_costs_in_proportion_to_its_length(part: str) -> None:
    def cost(length: int) -> float:
        text = COSTLY[part] * (length // len(COSTLY[part]))
        known = Known([OURS * 20])
        started = time.thread_time()
        answer_in(text, names=NAMES, known=known)
        answer_in(text_of_html(text), names=NAMES, known=known)
        return time.thread_time() - started

    short, long = (min(cost(length) for _ in range(3)) for length in (20_000, 160_000))
    # In proportion it is 8, and 64 where it is not.
    assert long < 30 * max(short, 0.005)
