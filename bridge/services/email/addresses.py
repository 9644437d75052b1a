"""The address in a header of a mail."""

from email.utils import parseaddr


def address_in(header: str) -> str:
    """The first one, empty where there is none. The parser goes one call deeper for each bracket."""
    try:
        return parseaddr(header)[1]
    except RecursionError:
        return ""
