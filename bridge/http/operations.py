"""Operations of the HTTP API: each performs a command for a method and a path."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import KW_ONLY, dataclass, field, replace
from typing import Any, Literal

from django.http import HttpRequest
from pydantic import TypeAdapter

from bridge.live.dependencies import hints_of, payload_of
from bridge.live.permissions import Permission
from bridge.live.registry import Entry
from bridge.live.sessions import Session

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
Next = Callable[[Any], Mapping[str, Any] | None]
Parameters = Mapping[str, tuple[TypeAdapter[str], str, str]]
"""By name: type, default and description."""


@dataclass(slots=True, eq=False, kw_only=True)
class RequestSession(Session):
    """The session of one request. It gets no events, and is in a room only during the request."""

    request: HttpRequest
    given: Mapping[str, str] = field(default_factory=dict)
    """The parameters of the query that are not part of the payload: `inbox`, `key`."""
    user: Any = None
    """The staff user, once they are admitted."""


@dataclass(frozen=True, slots=True)
class Operation:
    method: Method
    path: str
    """The path below the API's own, with fields of the payload in braces."""
    entry: Entry
    summary: str
    _: KW_ONLY
    status: int = 200
    caller: Literal["anyone", "visitor", "staff"] = "visitor"
    places: Parameters = field(default_factory=dict)
    """Parameters of the query that are not fields of the payload."""
    next_page: Next | None = None
    """Returns what changes in the query for the page after this reply; None after the last page."""

    @property
    def in_path(self) -> tuple[str, ...]:
        return tuple(part[1:-1] for part in self.path.split("/") if part.startswith("{"))

    @property
    def elsewhere(self) -> tuple[str, ...]:
        """The payload's fields that are not in the path, but in the query or the body."""
        return tuple(name for name in self.entry.payload.model_fields if name not in self.in_path)

    @property
    def takes_body(self) -> bool:
        return self.method in {"POST", "PUT", "PATCH"}


def older(reply: Any) -> Mapping[str, Any] | None:
    """The position of the page of older messages."""
    return {"before": reply["messages"][0]["seq"]} if reply["has_more"] else None


def entry(name: str, *, permission: Permission, throttle: str) -> Callable[[Callable[..., Any]], Entry]:
    """A decorator that makes an entry of an async function of session and payload. Sockets cannot use this entry."""

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
    """The same command, with `guard` checked before its own permission."""

    async def permission(session: Session, payload: Any) -> None:
        await guard(session, payload)
        await of.permission(session, payload)

    return replace(of, permission=permission)
