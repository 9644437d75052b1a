"""What of a mail goes into its conversation, and in how many messages."""

from email.utils import parseaddr

from bridge.delivery.composing import split
from bridge.models import Endpoint
from bridge.protocol import MAX_CONTENT
from bridge.protocol.values import without_controls
from bridge.services.email import letters
from bridge.services.email.arrived import Mail
from bridge.services.email.html import text_of_html
from bridge.services.email.known import Known, once
from bridge.services.email.quoting import MARK, Sender, answer_in

LONGEST = 5 * MAX_CONTENT
"""Characters of an answer that are messages. What is longer is a file, beside its beginning."""
CUT = "[… The full e-mail is in the file.]"
ONLY_QUOTE = "(This e-mail seems to be only a quote. This is its full text.)"


def words_of(mail: Mail, endpoint: Endpoint) -> str:
    """What the visitor wrote; the whole mail, marked as such, where nothing else than a quote is found in it.

    Of a mail that is both, its text, unless the HTML has words that are not in there.
    """
    sent = letters.sent_to(endpoint) if MARK in mail.text or MARK in mail.text_of_html else []
    text = _answer(mail.text, endpoint, sent)
    rich = _answer(mail.text_of_html, endpoint, sent)
    if not text or not _has_words(mail.text, rich):
        text = rich or text
    if not text and (whole := without_controls(mail.text.strip() or mail.text_of_html)):
        text = f"{ONLY_QUOTE}\n\n{whole}"
    return text or _subject(mail, endpoint)


def parts_of(text: str) -> tuple[list[str], bool]:
    """The messages that it is, one at least, and whether they are only its beginning."""
    is_cut = len(text) > LONGEST
    parts = split(text[:LONGEST], limit=MAX_CONTENT) or [""]
    return ([*parts, CUT] if is_cut else parts), is_cut


def _answer(text: str, endpoint: Endpoint, sent: list[tuple[str, str]]) -> str:
    connection = endpoint.connection
    names = (
        letters.title_of(connection),
        parseaddr(letters.sender(connection))[1],
        letters.reply_address(connection),
    )
    sender = Sender(tuple(name.lower() for name in names if name))
    ours = [each for plain, html in sent for each in once(plain, text_of_html(html))]
    return without_controls(answer_in(text, sender=sender, known=Known(ours))) if text else ""


def _has_words(text: str, words: str) -> bool:
    return set(_letters(words)) <= set(_letters(text))


def _letters(text: str) -> list[str]:
    return "".join(char if char.isalnum() else " " for char in text.casefold()).split()


def _subject(mail: Mail, endpoint: Endpoint) -> str:
    """Some people say all of it there."""
    subject = without_controls(mail.subject)
    return "" if letters.subject_of(endpoint.connection).lower() in subject.lower() else subject
