"""docs/embedding.md is what one has to do, all of it and nothing else: a fresh project follows it and chats."""

import pytest

from tests.process import embedding
from tests.process.conftest import Report


@pytest.mark.scenario.with_args(embedding.followed)
def test_a_fresh_project_that_follows_the_page_has_a_chat_that_reaches_discord(report: Report) -> None:
    report()
