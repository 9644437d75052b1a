"""Validators for the admin's forms: IDs of Discord, media types and origins."""

import re
from collections.abc import Callable
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.utils.ipv6 import is_valid_ipv6_address

_HOST = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)(\.(?!-)[a-z0-9-]{1,63}(?<!-))*", re.IGNORECASE)

validate_channel_id = RegexValidator(
    r"\A[0-9]{15,20}\Z",
    "A channel ID is a number of 15 to 20 digits. In Discord, turn on Developer Mode, right-click the channel and "
    "choose “Copy Channel ID”.",
)
validate_role_id = RegexValidator(
    r"\A[0-9]{15,20}\Z",
    "“%(value)s” is not the ID of a role. In Discord, turn on Developer Mode, open Server Settings, Roles, and choose "
    "“Copy Role ID” in the role’s menu.",
)
validate_media_type = RegexValidator(
    r"\A(\*|[a-z]+)/(\*|[\w.+-]+)\Z",
    "“%(value)s” is not a media type. Write media types as image/png or image/*.",
)


def validate_origin(text: str) -> None:
    if mistake := _origin_mistake(text):
        raise ValidationError(f"“{text}”: {mistake}")


def _origin_mistake(text: str) -> str:
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return "this is not a valid address."
    if parts.scheme not in {"http", "https"}:
        return "an origin must begin with https:// or http://."
    if not _HOST.fullmatch(host) and not is_valid_ipv6_address(host):
        return (
            "this has no valid host name. Write names in other scripts as browsers send them (xn--…), and do not "
            "use wildcards."
        )
    if parts.path not in {"", "/"} or parts.query or parts.fragment or "?" in text or "#" in text:
        return f"an origin must not contain a path: {parts.scheme}://{parts.netloc}"
    if "@" in parts.netloc:
        return "an origin must not contain a user name."
    return ""


def words_of(text: str, validate: Callable[[str], None]) -> list[str]:
    """The words of a text, each once. Raises ValidationError with all that are invalid."""
    words, errors = list(dict.fromkeys(text.split())), []
    for word in words:
        try:
            validate(word)
        except ValidationError as error:
            errors.append(error)
    if errors:
        raise ValidationError(errors)
    return words
