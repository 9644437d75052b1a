"""A real SMTP server on loopback, which can be told to refuse, to be away and to break off."""

import asyncio
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import django
from aiosmtpd.smtp import SMTP, Envelope, Session

SMTP_BACKEND = "django.core.mail.backends.smtp.EmailBackend"


def use(settings: Any, *, port: int = 25, backend: str = SMTP_BACKEND) -> None:
    """Send by this one from now on, as this version of Django is told so."""
    if django.VERSION >= (6, 1):
        options = {"host": "127.0.0.1", "port": port} if backend == SMTP_BACKEND else {}
        settings.MAILERS = {"default": {"BACKEND": backend, "OPTIONS": options}}
    else:
        settings.EMAIL_BACKEND = backend
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", port


class Mailbox:
    """What arrived. As a faithful one it keeps one mail of each Message-ID; `copies` counts them all."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.copies = 0
        self.rcpt = self.data = "250 OK"
        self.cut: str | None = None
        """When to break off: "before" it has the mail, or "after", without an answer."""
        self.port = 0
        self._server: asyncio.Server | None = None
        self._connections: list[SMTP] = []

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._protocol, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    def _protocol(self) -> SMTP:
        protocol = SMTP(self, enable_SMTPUTF8=False)
        self._connections.append(protocol)
        return protocol

    async def stop(self) -> None:
        """Nobody listens any more."""
        assert self._server is not None
        self._server.close()
        for each in self._connections:
            if each.transport is not None:
                each.transport.close()
        await self._server.wait_closed()

    async def handle_RCPT(  # aiosmtpd's
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.rcpt.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.rcpt

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.cut == "before":
            server.transport.abort()
            return "421 Gone"
        if not self.data.startswith("250"):
            return self.data
        content: Any = envelope.content
        mail = message_from_bytes(content, policy=policy.default)
        self.copies += 1
        if mail["Message-ID"] not in {each["Message-ID"] for each in self.mails}:
            self.mails.append(mail)
        if self.cut == "after":
            server.transport.abort()
            return "421 Gone"
        return self.data


def text_of(mail: EmailMessage) -> str:
    return _part(mail, "plain")


def html_of(mail: EmailMessage) -> str:
    return _part(mail, "html")


def _part(mail: EmailMessage, kind: str) -> str:
    body = mail.get_body((kind,))
    assert body is not None
    return str(body.get_content())
