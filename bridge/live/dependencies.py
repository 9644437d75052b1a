"""Provides the arguments of commands, from annotations that are read once, when a command is declared."""

import inspect
import typing
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import Annotated, Any, NamedTuple

from asgiref.sync import iscoroutinefunction
from django.core.exceptions import FieldDoesNotExist
from django.db import models

from bridge.errors import BridgeError, Code
from bridge.live import loaders
from bridge.live.sessions import Session
from bridge.models import Connection, Contact, Message, Participant
from bridge.protocol.commands import NoPayload
from bridge.protocol.values import Payload

Call = Callable[[Session, Any], Awaitable[Any]]

KINDS = "Session, a subclass of Payload, Connection, Participant, Message, Contact, Annotated[<model>, Row(…)] and "
KINDS += "Annotated[<type>, From(<function>)]"
BY_NAME = {inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY}


class DeclarationError(Exception):
    """What is wrong with a declaration, and how to correct it."""

    def __init__(self, problem: str, hint: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Row:
    """`Annotated[Order, Row("number")]`: the order whose `number` is that in the payload.

    `by`: the model's field, if it has another name than the payload's; it must be unique. If there is no such row, the
    command is refused with `not_found`. This does not check whether the visitor may see the row.
    """

    field: str
    by: str = ""


@dataclass(frozen=True, slots=True)
class From:
    """`Annotated[Cart, From(cart_of)]`: what this function returns. It gets its own arguments in the same way.

    A plain function runs in a database thread, an async one on the event loop; both may raise BridgeError.
    """

    function: Callable[..., Any]


class _Step(NamedTuple):
    function: Callable[..., Any]
    arguments: dict[str, int]
    waits: bool
    """Whether it is async."""

    def start(self, values: Sequence[Any]) -> Any:
        return self.function(**{name: values[place] for name, place in self.arguments.items()})


class Plan:
    """The steps that provide a function's arguments. Each adds a value; the first two are session and payload."""

    def __init__(self, payload: type[Payload]) -> None:
        self._payload = payload
        self._steps: list[_Step] = []
        self._places: dict[object, int] = {}

    def call(self, function: Callable[..., Awaitable[Any]]) -> Call:
        """A function of session and payload that calls `function`, or `function` itself if it needs just these two.

        Raises DeclarationError.
        """
        arguments = self._arguments(function)
        kinds = {parameter.kind for parameter in inspect.signature(function).parameters.values()}
        if list(arguments.values()) == [0, 1] and inspect.Parameter.KEYWORD_ONLY not in kinds:
            return function
        batches = [(waits, list(steps)) for waits, steps in groupby(self._steps, key=attrgetter("waits"))]

        async def call(session: Session, payload: Any) -> Any:
            values: list[Any] = [session, payload]
            for waits, steps in batches:
                if not waits:
                    await session.database.run(_take, values, steps)
                    continue
                for step in steps:
                    values.append(await step.start(values))
            return await function(**{name: values[place] for name, place in arguments.items()})

        return call

    def _arguments(self, function: Callable[..., Any]) -> dict[str, int]:
        hints = hints_of(function)
        return {name: self._place(name, hints[name]) for name in _names(function)}

    def _place(self, name: str, hint: Any) -> int:
        """The index of the value for a parameter."""
        if hint is Session:
            return 0
        if isinstance(hint, type) and issubclass(hint, Payload):
            return self._payload_place(name, hint)
        if typing.get_origin(hint) is Annotated:
            for metadata in hint.__metadata__:
                if isinstance(metadata, Row):
                    return self._row(name, hint.__origin__, metadata)
                if isinstance(metadata, From):
                    return self._made(metadata.function)
        if hint is Participant:
            return self._add(Participant, loaders.participant, {"session": 0, "payload": 1})
        if hint is Connection:
            needs = {"participant": self._place(name, Participant)}
            return self._add(Connection, lambda participant: participant.connection, needs)
        if hint is Message:
            self._needs(name, "message", "message: Uuid")
            return self._add(Message, loaders.message, {"session": 0, "payload": 1})
        if hint is Contact:
            return self._add(Contact, loaders.contact, {"session": 0})
        raise DeclarationError(
            f"its parameter {name} is annotated with {_called(hint)}, which is not supported",
            f"The supported annotations are {KINDS}",
        )

    def _payload_place(self, name: str, hint: type[Payload]) -> int:
        if not issubclass(self._payload, hint):
            raise DeclarationError(
                f"its parameter {name} is annotated with {hint.__name__}, but the command has {self._payload.__name__}",
                f"Annotate a parameter of the command's function with {hint.__name__}",
            )
        return 1

    def _row(self, name: str, model: Any, row: Row) -> int:
        by = row.by or row.field
        if not (isinstance(model, type) and issubclass(model, models.Model)):
            raise DeclarationError(
                f"its parameter {name} asks for a row of {_called(model)}, which is not a model",
                f'Write {name}: Annotated[<model>, Row("{row.field}")]',
            )
        self._needs(name, row.field, f"{row.field}: <its type>")
        try:
            unique = by == "pk" or getattr(model._meta.get_field(by), "unique", False)
        except FieldDoesNotExist:
            unique = False
        if not unique:
            raise DeclarationError(
                f"its parameter {name} asks for a row by {model.__name__}.{by}, which is not a unique field",
                f'Name a unique field: Row("{row.field}", by="<field>")',
            )

        def get(payload: Any) -> models.Model:
            value = getattr(payload, row.field)
            instance = model._default_manager.filter(**{by: value}).first() if value is not None else None
            if instance is None:
                raise BridgeError(Code.NOT_FOUND, f"There is no such {model._meta.verbose_name}.")
            return instance

        return self._add((model, row), get, {"payload": 1})

    def _made(self, function: Callable[..., Any]) -> int:
        try:
            return self._add(function, function, self._arguments(function))
        except DeclarationError as error:
            problem = f"its dependency {_called(function)} cannot be called: {error.problem}"
            raise DeclarationError(problem, error.hint) from None

    def _needs(self, name: str, field: str, declaration: str) -> None:
        if field not in self._payload.model_fields:
            raise DeclarationError(
                f"its parameter {name} needs the payload's field {field}, which {self._payload.__name__} does not have",
                f"Add {declaration} to {self._payload.__name__}",
            )

    def _add(self, key: object, function: Callable[..., Any], arguments: dict[str, int]) -> int:
        """The index of the step with this key. A step that several parameters need is added once."""
        if key not in self._places:
            self._places[key] = 2 + len(self._steps)
            self._steps.append(_Step(function, arguments, iscoroutinefunction(function)))
        return self._places[key]


def payload_of(function: Callable[..., Any]) -> type[Payload]:
    """The payload in the function's annotations, or NoPayload. Raises DeclarationError."""
    hints = hints_of(function)
    annotations = (hints[name] for name in _names(function))
    payloads = {hint for hint in annotations if isinstance(hint, type) and issubclass(hint, Payload)}
    if len(payloads) > 1:
        raise DeclarationError("it has two payloads", "Put the fields of both into one payload")
    return payloads.pop() if payloads else NoPayload


def hints_of(function: Callable[..., Any]) -> dict[str, Any]:
    """The annotation of each parameter. Raises DeclarationError."""
    try:
        hints = typing.get_type_hints(function, include_extras=True)
    except NameError as error:
        raise DeclarationError(
            f"an annotation cannot be evaluated: {error}",
            "Import this name at the top of the module, not under `if TYPE_CHECKING`",
        ) from error
    for name in _names(function):
        if name not in hints:
            raise DeclarationError(
                f"its parameter {name} has no annotation", f"The supported annotations are {KINDS}"
            )
    return hints


def _names(function: Callable[..., Any]) -> list[str]:
    parameters = inspect.signature(function).parameters.values()
    if nameless := [parameter for parameter in parameters if parameter.kind not in BY_NAME]:
        hint = "Write a separate parameter for each argument"
        raise DeclarationError(f"its parameter {nameless[0]} cannot be passed by name", hint)
    return [parameter.name for parameter in parameters]


def _called(hint: Any) -> str:
    return getattr(hint, "__name__", None) or str(hint)


def _take(values: list[Any], steps: Sequence[_Step]) -> None:
    for step in steps:
        values.append(step.start(values))
