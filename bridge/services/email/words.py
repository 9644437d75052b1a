"""The text of a mail that is posted in its conversation, and how it is split into messages."""

from bridge.delivery.composing import split
from bridge.models import Endpoint, RemoteMessage
from bridge.protocol import MAX_CONTENT
from bridge.protocol.values import without_controls
from bridge.services.email import letters
from bridge.services.email.arrived import Mail
from bridge.services.email.html import text_of_html
from bridge.services.email.known import Known, once
from bridge.services.email.quoting import MARK, answer_in

LONGEST = 5 * MAX_CONTENT
"""Characters of an answer that become messages. A longer answer is attached as a file, too."""
CUT = "[… The full e-mail is in the file.]"
ONLY_QUOTE = "(This e-mail seems to be only a quote. This is its full text.)"


def words_of(mail: Mail, endpoint: Endpoint) -> str:
    """What the visitor wrote; the whole mail, with a note, if it is nothing but a quote.

    If the mail has plain text and HTML, the plain text, unless the HTML has words that it does not have.
    """
    connection = endpoint.connection
    senders = (
        letters.title_of(connection),
        letters.sender_address(connection),
        letters.reply_address(connection),
    )
    names = [name.lower() for name in senders if name]
    ours = _sent_to(endpoint) if MARK in mail.text or MARK in mail.text_of_html else []
    text, rich = (
        without_controls(answer_in(version, names=names, known=Known(ours))) if version else ""
        for version in (mail.text, mail.text_of_html)
    )
    if not text or not _has_words(mail.text, rich):
        text = rich or text
    if not text and (whole := without_controls(mail.text.strip() or mail.text_of_html)):
        text = f"{ONLY_QUOTE}\n\n{whole}"
    # Some people write everything in the subject.
    subject = without_controls(mail.subject)
    return text or ("" if letters.subject_of(connection).lower() in subject.lower() else subject)


def parts_of(text: str) -> tuple[list[str], bool]:
    """The text as messages, at least one, and whether they are only its beginning."""
    is_cut = len(text) > LONGEST
    parts = split(text[:LONGEST], limit=MAX_CONTENT) or [""]
    return ([*parts, CUT] if is_cut else parts), is_cut


def _sent_to(endpoint: Endpoint) -> list[str]:
    """The texts of the latest mails of a conversation, which an answer may quote."""
    ours = RemoteMessage.objects.filter(endpoint=endpoint, ours=True).order_by("-pk")[
        : letters.LONGEST_THREAD
    ]
    mails = [letters.build(remote, endpoint.connection, to="") for remote in ours]
    return [
        text
        for mail in mails
        for html, _ in mail.alternatives
        for text in once(str(mail.body), text_of_html(str(html)))
    ]


def _has_words(text: str, words: str) -> bool:
    return set(_letters(words)) <= set(_letters(text))


def _letters(text: str) -> list[str]:
    return "".join(char if char.isalnum() else " " for char in text.casefold()).split()
