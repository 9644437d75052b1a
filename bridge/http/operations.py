"""What an operation of the HTTP API is: a method and an address at which a command is performed."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from django.http import HttpRequest

from bridge.live.dependencies import hints_of, payload_of
from bridge.live.permissions import Permission
from bridge.live.registry import Entry
from bridge.live.sessions import Session

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
Next = Callable[[Any], Mapping[str, Any] | None]
Parameters = Mapping[str, tuple[dict[str, Any], str]]
"""By name: the JSON Schema of the value, and what it is for."""


@dataclass(slots=True, eq=False, kw_only=True)
class RequestSession(Session):
    """Whoever one request is of. It hears nothing and is in a room for as long as it lasts."""

    request: HttpRequest
    given: Mapping[str, str] = field(default_factory=dict)
    """Of the address, what says where it is performed and is no part of the payload: `inbox`, `key`."""
    user: Any = None
    """Who of staff it is, once he was admitted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    method: Method
    path: str
    """Below the API's own address, with the payload's fields that stand in it in braces."""
    entry: Entry
    summary: str
    tag: str
    status: int = 200
    caller: Literal["anyone", "visitor", "staff"] = "visitor"
    places: Parameters = field(default_factory=dict)
    """Parameters of the query beside the payload's."""
    next_page: Next | None = None
    """Of a reply, what the query of the next page has in place of its own; None where there is none."""

    @property
    def in_path(self) -> tuple[str, ...]:
        return tuple(part[1:-1] for part in self.path.split("/") if part.startswith("{"))

    @property
    def elsewhere(self) -> tuple[str, ...]:
        """The payload's fields that are not in the path: in the query of a GET, else in the body."""
        return tuple(name for name in self.entry.payload.model_fields if name not in self.in_path)

    @property
    def takes_body(self) -> bool:
        return self.method in {"POST", "PUT", "PATCH"}


def older(reply: Any) -> Mapping[str, Any] | None:
    """From a page of messages to the one before it."""
    return {"before": reply["messages"][0]["seq"]} if reply["has_more"] else None


def entry(name: str, *, permission: Permission, throttle: str) -> Callable[[Callable[..., Any]], Entry]:
    """Make an entry of an async function of session and payload, that no socket can ask for."""

    def make(function: Callable[..., Awaitable[Any]]) -> Entry:
        return Entry(
            name=name,
            function=function,
            call=function,
            payload=payload_of(function),
            reply=hints_of(function)["return"],
            dump=None,
            permission=permission,
            throttle=throttle,
        )

    return make


def guarded(of: Entry, guard: Callable[[Any, Any], Awaitable[None]]) -> Entry:
    """The same command, whose caller is looked at by `guard` before its own permission is asked for."""

    async def permission(session: Session, payload: Any) -> None:
        await guard(session, payload)
        await of.permission(session, payload)

    return replace(of, permission=permission)
