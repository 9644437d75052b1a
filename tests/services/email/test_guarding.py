"""What stands in front of the site lets mails in."""

from typing import Any

from bridge.services.email.providers import LARGEST
from bridge.web.guard import Guard
from tests.web.test_guard import Client


async def test_a_mail_of_the_largest_that_providers_send_comes_in_whole() -> None:
    sizes: list[int] = []

    async def pages(scope: Any, receive: Any, send: Any) -> None:
        while sum(sizes) < LARGEST:
            sizes.append(len((await receive())["body"]))
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    for path in ("/services/email/postmark/", "/services/email/mailgun/"):
        assert await Client(Guard(pages), path, content_length=str(LARGEST)).run() == 204
        assert sum(sizes) == LARGEST
        sizes.clear()
