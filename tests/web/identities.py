"""Sites that vouch for their users, for tests of who is who."""

import secrets
import time
from typing import Any

import jwt
from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth import get_user_model
from django.test import Client

from bridge.identity import tokens
from bridge.models import Inbox


async def take(inbox: Inbox, identity: str, *, required: bool = False) -> Inbox:
    """Let this inbox know who its visitors are."""
    inbox.identity, inbox.identity_required = identity, required
    inbox.identity_secret = secrets.token_urlsafe(48)
    await inbox.asave()
    return inbox


def vouch(
    inbox: Inbox, sub: str = "u-17", *, key: str | None = None, algorithm: str = "HS256", **claims: Any
) -> str:
    """A JWT as a site makes it. A claim of None is left out."""
    said = {"sub": sub, "aud": inbox.name, "exp": int(time.time()) + 300, **claims}
    said = {name: value for name, value in said.items() if value is not None}
    return jwt.encode(said, inbox.identity_secret if key is None else key, algorithm=algorithm)


class Page:
    """A browser with cookies, which loads pages, logs in and out, and opens sockets with what it has."""

    def __init__(self) -> None:
        self.client = Client()

    async def load(self, path: str = "/") -> None:
        await sync_to_async(self.client.get)(path)

    async def log_in(self, user: Any) -> None:
        await sync_to_async(self.client.force_login)(user)

    async def log_out(self) -> None:
        await sync_to_async(self.client.logout)()

    @property
    def cookie(self) -> str | None:
        return self._cookie(tokens.COOKIE_NAME)

    @property
    def login(self) -> str | None:
        return self._cookie(settings.SESSION_COOKIE_NAME)

    @property
    def cookies(self) -> dict[str, str | None]:
        """What a Browser is made with."""
        return {"cookie": self.cookie, "login": self.login}

    def _cookie(self, name: str) -> str | None:
        morsel = self.client.cookies.get(name)
        return morsel.value if morsel and morsel.value else None


@sync_to_async
def user(username: str = "ada", **more: Any) -> Any:
    return get_user_model().objects.create_user(username, f"{username}@example.com", "secret", **more)
