"""Whom a site vouches for, and tokens that end, over HTTP."""

from datetime import timedelta

import jwt
import pytest
from asgiref.sync import sync_to_async
from django.conf import settings as project
from django.contrib.auth.models import User
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from bridge.live.worker import Worker
from bridge.models import Inbox, Message
from tests.http.caller import Caller
from tests.http.test_staff import staff
from tests.web.conftest import Open

SECRET = "a secret of the shop's, long enough for HS256"


async def test_a_token_that_was_ended_counts_no_more_and_ends_its_sockets_alone(
    visitor: Caller, stranger: Caller, browser: Open
) -> None:
    await visitor.write("Hello")
    page, other = browser(token=visitor.token), browser(token=stranger.token, address="198.51.100.8")
    await page.start()
    await other.start()
    assert (await visitor.ask("DELETE", "/api/session")).status == 204
    assert await page.closed() == 4401
    for method, path in (("GET", "/api/connections"), ("DELETE", "/api/session")):
        assert await visitor.refused(method, path) == (401, "not_identified")
    assert await Caller().refused("POST", "/api/session", {"token": visitor.token}) == (401, "not_identified")
    assert (await stranger.get("/api/connections"))["connections"]
    assert await other.ok("ping")


async def test_a_jwt_makes_a_session_that_its_user_comes_back_to(process: Worker, inbox: Inbox) -> None:
    inbox.identity, inbox.identity_required = Inbox.Identity.JWT, True
    inbox.identity_secret = SECRET
    await inbox.asave()

    def signed(sub: str, secret: str = SECRET) -> str:
        until = timezone.now() + timedelta(hours=1)
        return jwt.encode({"sub": sub, "aud": "default", "exp": until, "name": "Ada L."}, secret, "HS256")

    ada = Caller()
    started = await ada.start(identity=signed("ada"))
    assert started["contact"]["identified"]
    said = await ada.write("As Ada")
    assert said["author"]["name"] == "Ada L."
    again = Caller()
    assert (await again.start(identity=signed("ada")))["connection"]["uid"] == said["connection"]
    stranger = Caller()
    assert (await stranger.start(identity=signed("eve")))["connection"] is None
    assert await stranger.refused("GET", f"/api/connections/{said['connection']}/messages") == (
        404,
        "not_found",
    )
    for body in ({}, {"identity": signed("ada", "another secret, which is also long enough")}):
        assert await Caller().refused("POST", "/api/session", body) == (401, "not_identified")


async def test_a_token_speaks_for_itself_beside_a_login(visitor: Caller, inbox: Inbox) -> None:
    inbox.identity = Inbox.Identity.LOGIN
    await inbox.asave()
    said = await visitor.write("With a token")
    grace = await sync_to_async(User.objects.create_user)("grace")
    django = Client()
    await sync_to_async(django.force_login)(grace)
    visitor.headers = {
        "cookie": f"{project.SESSION_COOKIE_NAME}={django.cookies[project.SESSION_COOKIE_NAME].value}"
    }
    (mine,) = (await visitor.get("/api/connections"))["connections"]
    assert mine["uid"] == said["connection"]


@pytest.mark.parametrize(
    "path",
    [
        "/api/connections/{uid}/messages?limit=100",
        "/api/connections/{uid}/changes?since=0",
        "/api/staff/connections/{uid}?limit=100",
        "/api/staff/connections?limit=100",
        "/api/connections?limit=100",
    ],
)
async def test_a_page_takes_as_many_queries_however_much_is_on_it(
    settings_without_limits: None, visitor: Caller, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    caller = await staff() if "/staff/" in path else visitor
    counts: list[int] = []
    run = Worker.current().database.run

    async def counting(function: object, *args: object, **options: object) -> object:
        def inside() -> object:
            with CaptureQueriesContext(database) as queries:
                try:
                    return function(*args, **options)  # type: ignore[operator]
                finally:
                    counts.append(len(queries))

        return await run(inside)

    totals: list[int] = []
    for _ in range(2):
        for number in range(6):
            said = await visitor.write(f"Message {number}")
            uid = said["connection"]
            await visitor.call("PUT", f"/api/messages/{said['uid']}/reactions/👍")
            if "{uid}" not in path:
                # The next message opens another one.
                await visitor.post(f"/api/connections/{uid}/close")
        counts.clear()
        with monkeypatch.context() as patched:
            patched.setattr(Worker.current().database, "run", counting)
            await caller.get(path.format(uid=uid))
        totals.append(sum(counts))
    assert totals[0] == totals[1] <= 12
    assert await Message.objects.filter(kind=Message.Kind.MESSAGE).acount() == 12
