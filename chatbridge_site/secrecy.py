"""Secrets stay out of logs and error pages: known ones by their value, tokens and keys in addresses by their shape."""

import html
import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from django.utils.safestring import SafeString
from django.views.debug import ExceptionReporter, SafeExceptionReporterFilter
from pydantic import SecretStr

INSTEAD = "********"
SHORTEST = 6
"""Characters. A shorter secret would hide words that are none; in an address its place hides it."""

# Each with what stays of it in front. None of them can go back over what it has read.
_SHAPES = (
    r"(?<=://)([^\s/:@'\"]{0,100}:)[^\s/@'\"]+(?=@)",  # redis://user:password@host
    r"(\bstaff\.)[\w-]{10,}:[\w-]+:[\w-]+",
    r"()\b[\w-]{22,90}:[\w-]{43}(?![\w-])",  # a visitor's token
    r"(\bwhsec_)[\w+/=-]{16,}",
    r"(\beyJ)[\w-]{10,}\.[\w-]+\.[\w-]+",  # a JWT
    r"([?&;'\"](?:amp;)?(?:key|token|identity|signature|secret|password)=)[^&\s\"'<>#]+",
    r"(/rooms/[\w-]{1,100}/)[\w-]{16,}",
    r"(/services/email/stop/)[\w-]{16,}",
    r"(?i:(\bauthorization\b\W{1,8}(?:bearer|basic)\s))[^\s'\",]+",
    r"((?:sessionid|csrftoken|chatbridge_visitor)=)[^;\s'\"]+",
)


class Concealer:
    """Puts asterisks in the place of what nobody should read."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        spelled = {text for secret in secrets for text in _spellings(secret)}
        # The longest first: one may begin with another.
        found = sorted((text for text in spelled if len(text) >= SHORTEST), key=len, reverse=True)
        known = [f"({'|'.join(map(re.escape, found))})"] if found else []
        self._known = re.compile(known[0]) if known else None
        self._shapes = [re.compile(shape) for shape in _SHAPES]

    def __call__(self, text: str) -> str:
        if self._known is not None:
            text = self._known.sub(INSTEAD, text)
        for shape in self._shapes:
            text = shape.sub(rf"\g<1>{INSTEAD}", text)
        return text


def _spellings(secret: str) -> Iterator[str]:
    """As itself, as Python shows it, as a page does, and without what an address has instead of odd letters."""
    for text in (secret, unquote(secret)):
        yield from (text, repr(text)[1:-1], html.escape(text), html.escape(repr(text)[1:-1]))


conceal = Concealer()


def know(values: Iterable[Any]) -> None:
    """What is secret here: texts, addresses with a password in them, and in mappings what such a name has."""
    global conceal
    conceal = Concealer(secret for value in values for secret in _secrets_in(value))


def _secrets_in(value: Any, name: str = "") -> Iterator[str]:
    if isinstance(value, SecretStr):
        value, name = value.get_secret_value(), name or "secret"
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _secrets_in(inner, str(key))
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _secrets_in(inner, name)
    elif isinstance(value, str) and "://" in value:
        try:
            yield urlsplit(value).password or ""
        except ValueError:
            yield value
    elif isinstance(value, str) and re.search("secret|key|token|pass|connection|credential", name.lower()):
        yield value


class Formatter(logging.Formatter):
    """Of log lines, with their tracebacks."""

    def format(self, record: logging.LogRecord) -> str:
        return conceal(super().format(record))


class Filter(SafeExceptionReporterFilter):
    """For the error pages of DEBUG too, where Django's own shows what was posted, cookies and local variables."""

    def get_post_parameters(self, request: Any) -> Any:
        safe = super().get_post_parameters(request).copy()
        for name in safe:
            safe[name] = self.cleanse_setting(name, safe[name])
        return safe

    def get_safe_cookies(self, request: Any) -> Any:
        cookies = getattr(request, "COOKIES", {})
        return dict.fromkeys(cookies, self.cleansed_substitute)

    def get_traceback_frame_variables(self, request: Any, tb_frame: Any) -> Any:
        found = super().get_traceback_frame_variables(request, tb_frame)
        return [(name, self.cleanse_setting(name, value)) for name, value in found]


class Reporter(ExceptionReporter):
    """Django's error page, without what is secret wherever in it it stands."""

    def get_traceback_data(self) -> dict[str, Any]:
        data = super().get_traceback_data()
        asked = data.get("request_GET_items", ())
        data["request_GET_items"] = [
            (name, self.filter.cleanse_setting(name, value)) for name, value in asked
        ]
        return data

    def get_traceback_html(self) -> SafeString:
        return self._concealed(super().get_traceback_html())

    def get_traceback_text(self) -> SafeString:
        return self._concealed(super().get_traceback_text())

    def _concealed(self, text: str) -> SafeString:
        brought = [*getattr(self.request, "COOKIES", {}).values()]
        brought += getattr(self.request, "headers", {}).get("Authorization", "").split()[1:]
        # It was safe: what is put in is asterisks.
        return SafeString(Concealer(brought)(conceal(text)))
