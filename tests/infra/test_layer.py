"""What our channel layer adds to channels_redis' own."""

import logging

import pytest
from redis.exceptions import ConnectionError

from bridge.infra import layer

RECEIVING = logging.getLogger("channels_redis.pubsub")


def fail(error: Exception) -> None:
    try:
        raise error
    except type(error):
        RECEIVING.exception("Unexpected exception in receive task")


def test_a_redis_that_is_away_is_told_in_one_line(caplog: pytest.LogCaptureFixture) -> None:
    assert layer.ChannelLayer
    fail(ConnectionError("Connection refused."))
    assert caplog.messages == ["Unexpected exception in receive task: Connection refused."]
    assert "Traceback" not in caplog.text


def test_what_else_goes_wrong_there_keeps_its_stack(caplog: pytest.LogCaptureFixture) -> None:
    fail(KeyError("channel"))
    assert "Traceback" in caplog.text
