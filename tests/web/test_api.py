"""The Python API and the page: what other code says in a visitor's conversation he sees, and nobody else."""

from typing import Any

from bridge import api
from bridge.identity import tokens
from tests.web.browser import Browser
from tests.web.conftest import Open


async def test_what_other_code_says_is_on_the_page_and_what_the_visitor_says_reaches_it(
    visitor: Browser, stranger: Browser
) -> None:
    await visitor.write("Where is my parcel?")
    await stranger.write("Something else")
    assert visitor.token is not None
    connection = await api.aconnection_for("web", tokens.read(visitor.token).visitor)
    assert str(connection.uid) == visitor.connection
    shop = await connection.aadd("shop", 4711)
    await shop.asend("On its way", author="The shop", staff=True)
    event = await visitor.event("message.posted", where=lambda event: shown(event)["content"] == "On its way")
    assert (shown(event)["author"]["name"], shown(event)["author"]["role"]) == ("The shop", "staff")
    await visitor.write("Thank you")
    heard = [(each.content, each.remote_id) async for each in api.messages("shop", follow=False)]
    assert heard == [("Thank you", 4711)]
    assert (await visitor.event("message.delivered"))["payload"]["messages"][0]["content"] == "Thank you"
    # Behind whatever was on its way.
    await stranger.ok("ping")
    assert {event["connection"] for event in stranger.events} == {stranger.connection}


def shown(event: dict[str, Any]) -> dict[str, Any]:
    return dict(event["payload"]["messages"][0])


async def test_a_visitor_who_was_never_here_finds_what_was_said_to_him(
    browser: Open, stranger: Browser
) -> None:
    guest = browser()
    await guest.start()
    assert guest.token is not None
    connection = await api.aconnection_for("web", tokens.read(guest.token).visitor, nick="Ada")
    await connection.asend("Welcome", author="The shop", service="shop")
    again = browser(token=guest.token)
    started = await again.start()
    assert [message["content"] for message in started["messages"]] == ["Welcome"]
    assert await stranger.hears_nothing()
