"""Requests to every address that the site has, made of the addresses themselves."""

import base64
import hashlib
import hmac
import json
import re
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from django.urls import URLPattern, URLResolver, get_resolver

from bench.fuzz.hostile import Hostile
from bench.fuzz.settings import MAILGUN_SIGNING_KEY, POSTMARK_SECRET
from bridge.http.addresses import operations
from bridge.services.webhook import door, signing

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "GeT", "\x00", "POST POST")
ODD_HEADERS = (
    "Accept-Language", "Authorization", "Content-Type", "Cookie", "Expect", "Host", "If-None-Match", "Origin", "Range",
    "Sec-Fetch-Site", "X-Forwarded-For",
)  # fmt: skip


@dataclass(frozen=True)
class Keys:
    """What this site's own clients have: with it requests get past the doors."""

    host: str
    staff: str
    webhook: str
    webhook_secret: str
    login: str


class Requests:
    """`next()` gives the bytes of one request."""

    def __init__(self, hostile: Hostile, keys: Keys) -> None:
        self._hostile, self._keys, self._chance = hostile, keys, hostile.chance
        self._paths = sorted(set(_paths(get_resolver().url_patterns, "/")))
        self._operations = [(each, each.entry.payload.model_json_schema()) for each in operations()]
        self._brought = [
            model.model_json_schema() for model in (door.Send, door.Edit, door.Delete, door.Close)
        ]

    def next(self) -> bytes:
        kinds = (self._operation, self._operation, self._page, self._page, self._upload)
        kinds += (self._webhook, self._postmark, self._mailgun)
        method, path, headers, body = self._chance.choice(kinds)()
        return self._written(method, path, headers, body)

    def _operation(self) -> tuple[str, str, dict[str, str], bytes]:
        operation, schema = self._chance.choice(self._operations)
        payload = self._hostile.like(schema)
        if self._chance.random() < 0.7:
            payload = self._hostile.mutated(payload)
        fields = payload if isinstance(payload, dict) else {"x": payload}
        path = re.sub(
            r"{(\w+)}", lambda found: _quoted(fields.pop(found[1], self._hostile.word())), operation.path
        )
        headers = {
            "Authorization": f"Bearer {self._token(operation.caller)}",
            "Content-Type": "application/json",
        }
        if operation.takes_body:
            return operation.method, f"/api/{path}", headers, self._hostile.text(fields)
        query = "&".join(f"{_quoted(name)}={_quoted(value)}" for name, value in fields.items())
        return operation.method, f"/api/{path}?{query}", headers, b""

    def _token(self, caller: str) -> str:
        visitors = self._hostile.known.get("token") or [""]
        right = self._keys.staff if caller == "staff" else str(self._chance.choice(visitors))
        return right if self._chance.random() < 0.9 else self._ascii(self._hostile.mutated(right))

    def _page(self) -> tuple[str, str, dict[str, str], bytes]:
        path = re.sub(r"<[^>]*>", lambda _: self._part(), self._chance.choice(self._paths))
        query = "&".join(
            f"{_quoted(self._hostile.word())}={_quoted(self._hostile.word())}"
            for _ in range(self._chance.choice((0, 0, 1, 3)))
        )
        if self._chance.random() < 0.2:
            query += "&inbox=" + _quoted(self._hostile.word()) + "&q=" + _quoted(self._hostile.word())
        cookie = {"Cookie": f"sessionid={self._keys.login}"} if self._chance.random() < 0.5 else {}
        form = b"&".join(
            b"%s=%s" % (_quoted(self._hostile.word()).encode(), _quoted(self._hostile.word()).encode())
            for _ in range(3)
        )
        kind = self._chance.choice(
            ("application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain")
        )
        body = form if self._chance.random() < 0.3 else b""
        return self._chance.choice(METHODS), f"{path}?{query}", cookie | {"Content-Type": kind}, body

    def _part(self) -> str:
        known = self._hostile.known.get(self._chance.choice(("uid", "connection", "key"))) or [1]
        return _quoted(
            self._chance.choice((self._chance.choice(known), self._hostile.word(), 1, str(uuid.uuid4())))
        )

    def _upload(self) -> tuple[str, str, dict[str, str], bytes]:
        heads = (
            b"",
            b"\x89PNG\r\n\x1a\n",
            b"GIF89a",
            b"%PDF-1.7",
            b"RIFF\x10\0\0\0WEBP",
            b"<svg ",
            b"PK\3\4",
            b"\xff\xd8\xff",
            b" " * 200,
        )
        body = (
            self._chance.choice(heads)
            + self._hostile.word().encode()
            + self._chance.randbytes(self._chance.choice((0, 30, 3000)))
        )
        query = f"?inbox=default&name={_quoted(self._hostile.word())}"
        return "POST", f"/files/{query}", {"Authorization": f"Bearer {self._token('visitor')}"}, body

    def _webhook(self) -> tuple[str, str, dict[str, str], bytes]:
        body = self._hostile.text(
            self._perhaps_mutated(self._hostile.like(self._chance.choice(self._brought)))
        )
        # Only text can be signed. A body that is not UTF-8 is refused with any signature.
        headers = signing.headers(
            event=f"msg_{uuid.uuid4().hex}",
            body=body.decode(errors="replace").encode(),
            secrets=[self._keys.webhook_secret],
            now=time.time(),
        )
        return "POST", f"/services/webhook/{self._keys.webhook}/", headers, body

    def _postmark(self) -> tuple[str, str, dict[str, str], bytes]:
        word = self._hostile.word
        mail = {
            "MessageID": str(uuid.uuid4()), "FromFull": {"Email": "ada@example.com", "Name": word()}, "Date": word(),
            "ToFull": [{"Email": f"{word()}@reply.example.com"}], "OriginalRecipient": word(), "TextBody": word() * 3,
            "HtmlBody": f"<p>{word()}</p><blockquote>" * self._chance.choice((1, 500)), "StrippedTextReply": word(),
            "Headers": [{"Name": word(), "Value": word()}],
            "Attachments": [{"Name": word(), "Content": base64.b64encode(self._chance.randbytes(50)).decode()}],
        }  # fmt: skip
        secret = base64.b64encode(f"x:{POSTMARK_SECRET}".encode()).decode()
        return (
            "POST",
            "/services/email/postmark/",
            {"Authorization": f"Basic {secret}"},
            self._hostile.text(self._perhaps_mutated(mail)),
        )

    def _mailgun(self) -> tuple[str, str, dict[str, str], bytes]:
        stamp, token = str(int(time.time())), uuid.uuid4().hex
        signature = hmac.new(
            MAILGUN_SIGNING_KEY.encode(), f"{stamp}{token}".encode(), hashlib.sha256
        ).hexdigest()
        word = self._hostile.word
        headers = self._hostile.text(self._perhaps_mutated([[word(), word()], ["Message-Id", word()]]))
        fields = {
            "timestamp": stamp, "token": token, "signature": signature, "from": word(),
            "recipient": f"{word()}@reply.example.com", "body-plain": word(), "body-html": word() * 5,
            "stripped-text": word(), "message-headers": headers.decode("latin-1"),
        }  # fmt: skip
        body = "&".join(f"{_quoted(name)}={_quoted(value)}" for name, value in fields.items()).encode()
        return "POST", "/services/email/mailgun/", {"Content-Type": "application/x-www-form-urlencoded"}, body

    def _perhaps_mutated(self, value: Any) -> Any:
        return self._hostile.mutated(value) if self._chance.random() < 0.6 else value

    def _ascii(self, value: Any) -> str:
        return re.sub(r"[^\x21-\x7e]", "?", str(value))[:3000]

    def _written(self, method: str, path: str, headers: dict[str, str], body: bytes) -> bytes:
        """Mostly as HTTP has it."""
        lines = {"Host": self._keys.host, "Content-Length": str(len(body)), **headers, "Connection": "close"}
        dice = self._chance.random()
        if dice < 0.03:
            lines["Content-Length"] = self._chance.choice(
                ("-1", "1e3", "999999999999", "9" * 30, "0, 0", str(len(body) + 10))
            )
        elif dice < 0.05:
            lines["Transfer-Encoding"] = self._chance.choice(
                ("chunked", "gzip", "chunked, chunked", "\x0bchunked")
            )
        elif dice < 0.10:
            lines[self._chance.choice(ODD_HEADERS)] = self._hostile.word()
        elif dice < 0.11:
            lines |= {f"X-{number}": "y" * 300 for number in range(self._chance.choice((5, 150, 400)))}
        elif dice < 0.12:
            path += "x" * self._chance.choice((9_000, 70_000))
        head = f"{method} {path} HTTP/1.1\r\n" + "".join(
            f"{name}: {value}\r\n" for name, value in lines.items()
        )
        data = head.encode("utf-8", "surrogatepass") + b"\r\n" + body
        return self._hostile.scrambled(data[:4000]) + data[4000:] if dice > 0.97 else data


def _quoted(value: Any) -> str:
    return quote(value if isinstance(value, str) else json.dumps(value), safe="", errors="replace")


def _paths(patterns: Any, before: str) -> Iterator[str]:
    """Each address of the site, with what stands in its place marked: `<uuid:uid>`."""
    for each in patterns:
        path = before + re.sub(r"\(\?P(<\w+>)[^)]*\)|[\^$\\]", r"\1", str(each.pattern))
        if isinstance(each, URLResolver):
            yield from _paths(each.url_patterns, path)
        elif isinstance(each, URLPattern):
            yield path
