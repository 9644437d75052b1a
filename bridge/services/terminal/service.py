"""The service `console`: a conversation that somebody of the team has open in a terminal."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Literal

from channels.db import database_sync_to_async

from bridge.chat.links import address_of
from bridge.errors import DeliveryFailed
from bridge.models import Connection, Delivery, Message, Participant, RemoteMessage
from bridge.services.base import Answer, Delete, Done, Edit, Joining, Post, Request, Service, Stored
from bridge.text.markdown import as_text, parse


@dataclass(frozen=True)
class Shown:
    """A change of a message, for a screen. `place` is the endpoint's remote id."""

    place: str
    change: Literal["post", "edit", "delete"]
    seq: int
    name: str
    role: str
    text: str
    created_at: datetime


class ConsoleService(Service):
    """An endpoint is a conversation open in a terminal, and is there for as long as it is.

    What the terminal has shown counts as delivered: somebody of the team has it before him. The terminal knows a
    message by its place, and shows none twice.
    """

    name: ClassVar[str] = "console"
    max_length: ClassVar[int] = 1_000_000
    joins = Joining.NONE
    idempotent = True
    hosted = False

    def __init__(self, show: Callable[[Shown], None]) -> None:
        """`show` puts it on the screen. Raises OSError where the screen is gone, or DeliveryFailed."""
        self._show = show

    @classmethod
    def places(cls, connection: Connection) -> Sequence[str | None]:
        """None: whoever opens it in a terminal makes one."""
        return ()

    def carries(self, delivery: Delivery) -> bool:
        return delivery.operation != Delivery.Operation.REACT

    async def perform(self, request: Request) -> Answer:
        match request:
            case Post():
                shown = await database_sync_to_async(_shown)(
                    request.remote_pk, request.thread, "post", request.text
                )
                self._put(shown)
                return Stored(f"{request.thread}/{request.nonce}")
            case Edit():
                shown = await database_sync_to_async(_shown)(
                    request.remote_pk, request.thread, "edit", request.text
                )
                self._put(shown)
                return Done()
            case Delete():
                self._put(
                    await database_sync_to_async(_shown)(request.remote_pk, request.thread, "delete", "")
                )
                return Done()
            case _:
                raise DeliveryFailed("not_carried", permanent=True, certain=True)

    def _put(self, shown: Shown) -> None:
        try:
            self._show(shown)
        except OSError as error:
            raise DeliveryFailed("no_screen", str(error), permanent=False, certain=True) from error


def _shown(remote_pk: int, place: str, change: Literal["post", "edit", "delete"], text: str) -> Shown:
    remote = RemoteMessage.objects.get(pk=remote_pk)
    message = Message.objects.select_related("author").get(remote_parts__remote=remote)
    is_staff = message.author is not None and message.author.role != Participant.Role.VISITOR
    text = as_text(parse(text, masked=is_staff), hide=False)
    attached = message.attachments.filter(pk__in=remote.files) if change != "delete" else ()
    text = "\n".join([text, *(f"[{each.name}] {address_of(each)}".strip() for each in attached)]).strip()
    return Shown(
        place=place,
        change=change,
        seq=message.seq,
        name=message.author.nick if message.author else "",
        role=message.author.role if message.author else "system",
        text=text,
        created_at=message.created_at,
    )
