"""Everything that a running sandbox consists of, in one place that its doors share."""

from pathlib import Path

from .build import default_world
from .faults import Faults
from .gateway import Gateway
from .journal import Journal
from .limits import Limits
from .log import RequestLog
from .page import Page


class Sandbox:
    def __init__(self, *, base_url: str, state: Path | None) -> None:
        self.state = state.resolve() if state else None
        self.world = default_world()
        self.world.base_url = base_url
        self.faults = Faults()
        self.limits = Limits()
        self.log = RequestLog()
        self.gateway = Gateway(self.world, self.faults)
        self.journal = Journal(self.world, state)
        self.journal.load()
        self.page = Page(self.world)
        self.world.subscribers += [self.gateway.feed, self.page.feed]

    def settle(self) -> None:
        """Write down what changed. To be called before anybody is told, so that nothing told is lost."""
        self.journal.write()
