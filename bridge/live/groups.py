"""Declares commands and events, ChatBridge's own and those of other apps, and reports mistakes at start."""

import inspect
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from types import NoneType
from typing import Any, Generic, TypeVar
from uuid import UUID

from asgiref.sync import iscoroutinefunction
from django.core.exceptions import ImproperlyConfigured
from pydantic import BaseModel, TypeAdapter
from pydantic.errors import PydanticInvalidForJsonSchema, PydanticSchemaGenerationError, PydanticUserError
from typing_extensions import is_typeddict

from bridge import protocol
from bridge.chat import publishing
from bridge.infra.limits import PERIODS, THROTTLES, parse
from bridge.live.dependencies import DeclarationError, Plan, hints_of, payload_of
from bridge.live.permissions import NEEDS, Permission
from bridge.live.registry import Entry, entries, is_ours
from bridge.live.sessions import Session
from bridge.models import Connection, Contact, Participant
from bridge.protocol.frames import event_frame
from bridge.protocol.values import Payload

Handler = TypeVar("Handler", bound=Callable[..., Awaitable[Any]])
Model = TypeVar("Model", bound=BaseModel)

WORD = re.compile("[a-z][a-z0-9_]*")
MAX_NAME = 64
"""Characters of a command's name on the wire."""
RESERVED = frozenset(
    "connection contact history message nick participant presence reaction receipt room session typing".split()
)
"""ChatBridge's own prefixes. Its `ping` has none."""
UNDESCRIBABLE = (PydanticInvalidForJsonSchema, PydanticSchemaGenerationError, PydanticUserError, TypeError)

events: "dict[str, Event[Any]]" = {}
"""The events of other apps, by name. ChatBridge's own are in `EVENTS`."""


@dataclass(frozen=True, slots=True)
class Event(Generic[Model]):
    """An event that an app sends to browsers. It is not stored: a page that is not open does not get it later."""

    name: str
    payload: type[Model]

    def tell(self, to: Session | Connection | Participant | Contact | UUID, payload: Model) -> None:
        """Send the event, from any code, without waiting. `to` is a session (its own socket; without one, nothing is
        sent), a conversation (everybody in it), or a participant, a contact or a visitor's UUID (all their open pages).

        In a transaction, call it with `transaction.on_commit`. Raises ValueError if a participant is not a visitor.
        """
        body = payload.model_dump(mode="json", by_alias=True)
        if isinstance(to, Connection):
            publishing.tell(str(to.uid), self.name, body)
        elif isinstance(to, Session):
            if to.subscriptions is not None:
                to.subscriptions.listener.deliver(event_frame(self.name, body).decode())
        elif (visitor := to if isinstance(to, UUID) else to.visitor) is None:
            raise ValueError(f"{to} has no page: only visitors have one")
        else:
            publishing.tell_visitor(str(visitor), event_frame(self.name, body))


class CommandGroup:
    """Commands and events whose names begin with `prefix` and a dot.

    A wrong declaration raises ImproperlyConfigured, which names the function and says what to write.
    """

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix

    def command(
        self,
        name: str,
        *,
        permission: Permission | None = None,
        throttle: str | None = None,
        deprecated: bool | str = False,
    ) -> Callable[[Handler], Handler]:
        """Let an async function answer the command `prefix.name`. The function itself does not change.

        Its arguments depend on its annotations (see `bridge.live.dependencies`). It returns a pydantic model, a
        TypedDict or None. Its guards have no defaults: `permission` is an async function of session and payload, and
        `throttle` a rate such as "5/minute" or a name in THROTTLES. `deprecated` is True or, better, a text that says
        what to use instead.
        """

        def tag(function: Handler) -> Handler:
            try:
                entry = self._entry(function, name, permission, throttle, deprecated)
            except DeclarationError as error:
                raise _refusal(function, error) from error.__cause__
            entries[entry.name] = entry
            return function

        return tag

    def event(self, name: str, payload: type[Model]) -> Event[Model]:
        """Declare the event `prefix.name`, whose payload is this pydantic model."""
        try:
            full = self._name(name, payload, taken=events)
            if not (isinstance(payload, type) and issubclass(payload, BaseModel)):
                raise DeclarationError(
                    f"the payload of the event {full} is not a pydantic model",
                    "Make it a subclass of BaseModel or Payload",
                )
            _check_describable(payload, f"the payload of the event {full}")
        except DeclarationError as error:
            raise _refusal(payload, error) from error.__cause__
        events[full] = Event(full, payload)
        return events[full]

    def _name(self, name: str, of: Any, *, taken: Any) -> str:
        ours = is_ours(of)
        if not isinstance(name, str):
            raise DeclarationError(
                "its decorator has no name", 'Write @group.command("<name>", permission=…, throttle=…)'
            )
        full = f"{self.prefix}.{name}" if self.prefix else name
        if not (WORD.fullmatch(self.prefix) or (ours and not self.prefix)):
            raise DeclarationError(
                f"the prefix {self.prefix!r} of its group is not valid",
                'A prefix is one word of lower-case letters, digits and underscores: CommandGroup("order")',
            )
        if not WORD.fullmatch(name) or len(full) > MAX_NAME:
            raise DeclarationError(
                f"{full!r} is not a valid name",
                "After the prefix, write one word of lower-case letters, digits and underscores, with at most "
                f"{MAX_NAME} characters in all",
            )
        if self.prefix in RESERVED and not ours:
            raise DeclarationError(
                f"the prefix {self.prefix!r} is reserved for ChatBridge",
                "Choose another prefix for this group",
            )
        if full in taken:
            other = getattr(taken[full], "function", None) or taken[full].payload
            raise DeclarationError(
                f"{full} is already the name of {other.__module__}.{other.__qualname__}",
                "Rename one of the two",
            )
        return full

    def _entry(
        self,
        function: Callable[..., Awaitable[Any]],
        name: str,
        permission: Permission | None,
        throttle: str | None,
        deprecated: bool | str,
    ) -> Entry:
        full = self._name(name, function, taken=entries)
        if not iscoroutinefunction(function):
            raise DeclarationError(
                "it is not async", f"Write async def {getattr(function, '__name__', 'it')}(…)"
            )
        payload, reply = payload_of(function), hints_of(function).get("return", inspect.Signature.empty)
        _check_describable(payload, f"its payload {payload.__name__}")
        if not isinstance(deprecated, bool | str):
            raise DeclarationError(
                f"its argument deprecated is {deprecated!r}",
                'Write deprecated=True or deprecated="use <another command>"',
            )
        return Entry(
            name=full,
            function=function,
            call=Plan(payload).call(function),
            payload=payload,
            reply=reply,
            dump=_dump_of(reply),
            permission=_permission_of(full, permission, payload),
            throttle=_throttle_of(full, throttle),
            deprecated=deprecated,
        )


def _permission_of(command: str, permission: Permission | None, payload: type[Payload]) -> Permission:
    if permission is None or not iscoroutinefunction(permission):
        missing = f"the command {command} has no permission"
        raise DeclarationError(
            missing if permission is None else "its permission is not async",
            "Specify who may use it: permission=anyone, another one of bridge.extend, or your own async function",
        )
    needed = NEEDS.get(permission)
    if needed is not None and needed not in payload.model_fields:
        raise DeclarationError(
            f"its permission needs the payload's field {needed}, which {payload.__name__} does not have",
            f"Add {needed} to {payload.__name__}, or choose another permission",
        )
    return permission


def _throttle_of(command: str, throttle: str | None) -> str:
    """The name of the command's throttle. A rate such as "5/minute" becomes a throttle named after the command."""
    if throttle in THROTTLES:
        return throttle
    try:
        THROTTLES[command] = parse(throttle or "")
    except ValueError:
        missing = f"the command {command} has no throttle"
        raise DeclarationError(
            missing if throttle is None else f"there is no throttle {throttle!r}",
            f'Specify how often one visitor may use it: throttle="5/minute" (or {", ".join(PERIODS)}), '
            f"or one of {', '.join(THROTTLES)}",
        ) from None
    return command


def _dump_of(reply: Any) -> Callable[[Any], Any] | None:
    """A function that makes JSON of the reply; None if it is JSON already."""
    if reply is inspect.Signature.empty:
        raise DeclarationError(
            "its return value has no annotation", "Annotate it: -> <a pydantic model>, or -> None"
        )
    if reply is NoneType:
        return lambda _: {}
    if not is_typeddict(reply) and not (isinstance(reply, type) and issubclass(reply, BaseModel)):
        raise DeclarationError(
            f"it returns {getattr(reply, '__name__', reply)}, which is not a JSON object",
            "Return a pydantic model, a TypedDict or None, and annotate the function with it",
        )
    _check_describable(reply, f"its reply {reply.__name__}")
    if reply.__module__.startswith(f"{protocol.__name__}."):
        return None
    adapter = TypeAdapter(reply)
    # Validated against the annotation, so that nothing else reaches the browser.
    return lambda value: adapter.dump_python(adapter.validate_python(value), mode="json", by_alias=True)


def _check_describable(of: Any, what: str) -> None:
    if of.__module__.startswith(f"{protocol.__name__}."):
        # Our own are in the published schema. Checking them here would take a tenth of a second.
        return
    try:
        TypeAdapter(of).json_schema(mode="serialization")
    except UNDESCRIBABLE as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise DeclarationError(
            f"{what} cannot be described in JSON: {reason}", "Give its fields types that JSON can represent"
        ) from error


def _refusal(of: Any, error: DeclarationError) -> ImproperlyConfigured:
    name = getattr(of, "__qualname__", repr(of))
    return ImproperlyConfigured(f"{getattr(of, '__module__', '?')}.{name}: {error.problem}. {error.hint}.")
