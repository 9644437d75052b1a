"""What stands in front of the site knows how much a webhook may say."""

from bridge.web.guard import Guard
from tests.web.test_guard import HUGE, WORDS, Client, everything


async def test_its_address_is_guarded_in_another_project_too() -> None:
    client = Client(Guard(everything), f"/services/webhook/{WORDS['uuid']}/", content_length=str(HUGE))
    assert await client.run() == 413
    assert client.took == 0
