"""Throttles: how often visitors may do something, and how a project changes that."""

from typing import Annotated, Any, NamedTuple

from django.core.exceptions import ImproperlyConfigured
from pydantic import Field, TypeAdapter, ValidationError

from bridge.conf import settings


class Limit(NamedTuple):
    amount: Annotated[int, Field(ge=1, le=10**9)]
    seconds: Annotated[float, Field(gt=0, le=366 * 86400)]


class Network(NamedTuple):
    """A limit for all addresses of this IP version together that share a prefix of this many bits."""

    version: int
    prefix: int
    limit: Limit


class Throttle(NamedTuple):
    """How often one visitor, and all visitors at one address together, may do something."""

    visitor: Limit
    address: Limit
    networks: tuple[Network, ...] = ()
    """Larger networks that one person may own."""
    inbox: Limit | None = None
    """The limit of all visitors of an inbox together."""


_ADAPTER = TypeAdapter(Throttle)
# Anybody can create visitors, so there is also a limit for each address. A whole school may share one address.
THROTTLES = {
    "session": Throttle(visitor=Limit(30, 60), address=Limit(120, 60)),
    "message": Throttle(visitor=Limit(20, 30), address=Limit(200, 60)),
    "retry": Throttle(visitor=Limit(6, 60), address=Limit(60, 60)),
    "edit": Throttle(visitor=Limit(20, 60), address=Limit(200, 60)),
    # Providers give customers an IPv6 /56 or /48, and any company a /32. The smallest IPv4 network on the internet is
    # a /24. Each of these limits is below that of the inbox, so no network can lock out everybody else.
    "opening": Throttle(
        visitor=Limit(5, 3600),
        address=Limit(60, 3600),
        networks=(
            Network(4, 24, Limit(200, 3600)),
            Network(6, 56, Limit(120, 3600)),
            Network(6, 48, Limit(200, 3600)),
            Network(6, 32, Limit(300, 3600)),
        ),
        inbox=Limit(500, 3600),
    ),
    "upload": Throttle(visitor=Limit(30, 600), address=Limit(200, 600)),
    # One for each started megabyte of a file.
    "upload_megabyte": Throttle(visitor=Limit(250, 3600), address=Limit(1500, 3600)),
    # The same for a day, also for all visitors of an inbox together.
    "upload_day": Throttle(
        visitor=Limit(1000, 86_400), address=Limit(6000, 86_400), inbox=Limit(50_000, 86_400)
    ),
    "join": Throttle(visitor=Limit(30, 60), address=Limit(300, 60)),
    "change": Throttle(visitor=Limit(10, 60), address=Limit(120, 60)),
    "reaction": Throttle(visitor=Limit(40, 60), address=Limit(400, 60)),
    "read": Throttle(visitor=Limit(60, 60), address=Limit(600, 60)),
    "signal": Throttle(visitor=Limit(60, 60), address=Limit(1200, 60)),
}
PERIODS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
WIDER = 10
"""The limit of an address is that of a visitor times this."""


def parse(spec: str) -> Throttle:
    """The throttle for a text such as "5/minute". Raises ValueError for any other text."""
    amount, _, period = spec.partition("/")
    if period not in PERIODS or not amount.isdecimal() or int(amount) < 1:
        raise ValueError(f"{spec!r} is not a throttle")
    seconds = PERIODS[period]
    return Throttle(visitor=Limit(int(amount), seconds), address=Limit(int(amount) * WIDER, seconds))


def throttles() -> dict[str, Throttle]:
    """THROTTLES, with the changes of the setting BRIDGE_THROTTLES.

    Raises ImproperlyConfigured if the setting is wrong or names a throttle that does not exist.
    """
    try:
        changed = dict(settings.BRIDGE_THROTTLES)
    except (TypeError, ValueError):
        raise ImproperlyConfigured("BRIDGE_THROTTLES is not a dict.") from None
    if unused := sorted(set(map(str, changed)) - set(THROTTLES)):
        raise ImproperlyConfigured(
            f"BRIDGE_THROTTLES: there is no throttle {unused[0]!r}. Use one of {', '.join(sorted(THROTTLES))}."
        )
    return THROTTLES | {name: _read(name, value) for name, value in changed.items()}


def _read(name: str, value: Any) -> Throttle:
    try:
        return parse(value) if isinstance(value, str) else _ADAPTER.validate_python(value)
    except ValidationError as error:
        mistake = error.errors()[0]
        where = ".".join(map(str, mistake["loc"]))
        reason = f"{where}: {mistake['msg']}" if where else mistake["msg"]
    except ValueError as error:
        reason = str(error)
    raise ImproperlyConfigured(f"BRIDGE_THROTTLES[{name!r}] is wrong: {reason}.")
