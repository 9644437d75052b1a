"""The two clocks of delivery: the database's, which all processes share, and one that no suspend can stop."""

import time
from typing import Any

from django.db.models.functions import Now


class Clock:
    """Leases expire by `now`; how long a claim may still be used is told by `uptime`."""

    def now(self) -> Any:
        """The database's time, as an expression: machines disagree, their one database does not."""
        return Now()

    def uptime(self) -> float:
        """Seconds, counted on while the machine or the process is suspended.

        A monotonic clock may stand still during suspend: a process that slept past its claim would believe
        that it still holds it.
        """
        return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
