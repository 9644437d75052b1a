"""The cast, as in the tests of the socket."""

from tests.web.conftest import browser, inbox

__all__ = ["browser", "inbox"]
