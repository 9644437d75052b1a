"""A page that cannot be shown while the database is away."""

import re

import pytest
from django.db import OperationalError
from django.test import RequestFactory
from django.views import defaults
from playwright.async_api import Route, expect

from bridge.web.away import LATEST, DatabaseAwayMiddleware
from tests.browser.conftest import Visitor, is_ready

pytestmark = [pytest.mark.browser, pytest.mark.processes, pytest.mark.asyncio(loop_scope="package")]


async def test_it_stays_still_while_the_server_is_away_and_comes_by_itself_after_that(
    visitor: Visitor,
) -> None:
    visitor.expected = re.compile("Failed to load resource")
    html, asked, is_back = away(), [], False

    async def serve(route: Route) -> None:
        asked.append(route.request.method)
        if is_back:
            await route.continue_()
        elif len(asked) == 3:
            await route.abort("connectionrefused")
        else:
            await route.fulfill(status=503, body=html, content_type="text/html")

    address = visitor.site.url + "/"
    await visitor.context.route(address, serve)
    await visitor.context.clock.install()
    page = await visitor.open(ready=False)
    await expect(page.get_by_text("It reloads by itself")).to_be_visible()
    await page.evaluate("window.same = true")
    for _ in range(3):
        async with page.expect_event("requestfinished" if len(asked) != 2 else "requestfailed"):
            await page.clock.fast_forward(LATEST * 1000)
    assert asked == ["GET", "HEAD", "HEAD", "HEAD"]
    # Whoever reads it is not thrown back to its beginning each time.
    assert await page.evaluate("same")
    is_back = True
    await page.clock.fast_forward(LATEST * 1000)
    await is_ready(page)
    assert asked[-1] == "GET"


def away() -> str:
    middleware = DatabaseAwayMiddleware(defaults.server_error)
    response = middleware.process_exception(RequestFactory().get("/"), OperationalError("gone"))
    assert response is not None
    return response.content.decode()
