"""The shop's commands: one for each thing that another app may want."""

import uuid
from typing import Annotated

from pydantic import BaseModel, Field

from bridge.extend import (
    BridgeError,
    Code,
    CommandGroup,
    Connection,
    Contact,
    From,
    Message,
    Participant,
    Payload,
    Row,
    Session,
    Uuid,
    anyone,
    member,
    participant,
    signed_in,
    started,
)
from tests.shop_app.models import Order

group = CommandGroup("shop")


class Numbered(Payload):
    number: str = Field(max_length=20)


class Status(Numbered):
    """Which order is asked about."""


class OrderStatus(BaseModel):
    number: str
    state: str
    open_at: str | None = Field(default=None, description="Seconds are left out: “09:30”.")


class Shipped(BaseModel):
    number: str
    parcels: list[uuid.UUID] = []


shipped = group.event("shipped", Shipped)


def own_order(session: Session, payload: Numbered) -> Order:
    """In a database thread. Another's order answers as one that does not exist."""
    found = Order.objects.filter(number=payload.number, visitor=session.who).first()
    if found is None:
        raise BridgeError(Code.NOT_FOUND, "You have no such order.")
    return found


async def greeting(order: Annotated[Order, From(own_order)], me: Participant) -> str:
    return f"{me.nick}, your order {order.number} is {order.state}."


@group.command("status", permission=started, throttle="read")
async def status(payload: Status, *, order: Annotated[Order, Row("number")]) -> OrderStatus:
    return OrderStatus(number=payload.number, state=order.state)


@group.command("state", permission=started, throttle="read", deprecated="use shop.status")
async def state(session: Session, payload: Status, order: Annotated[Order, From(own_order)]) -> OrderStatus:
    return OrderStatus(number=order.number, state=order.state)


@group.command("greet", permission=started, throttle="read")
async def greet(
    payload: Status, order: Annotated[Order, From(own_order)], words: Annotated[str, From(greeting)]
) -> OrderStatus:
    return OrderStatus(number=words, state=order.state)


@group.command("rare", permission=anyone, throttle="2/day")
async def rare() -> None:
    pass


class Where(Payload):
    connection: Uuid | None = None


class Here(BaseModel):
    connection: uuid.UUID
    inbox: str
    nick: str


# Whoever has a session gets past its permission: the connection is his own all the same.
@group.command("here", permission=started, throttle="read")
async def here(payload: Where, connection: Connection, me: Participant) -> Here:
    return Here(connection=connection.uid, inbox=connection.inbox.name, nick=me.nick)


@group.command("mine", permission=participant, throttle="read")
async def mine(session: Session, connection: Connection) -> Here:
    return Here(connection=connection.uid, inbox=connection.inbox.name, nick="")


class InRoom(Payload):
    room: str


@group.command("room", permission=member, throttle="read")
async def room(payload: InRoom, connection: Connection, me: Participant) -> Here:
    return Here(connection=connection.uid, inbox=connection.inbox.name, nick=me.nick)


class About(Payload):
    message: Uuid


class Said(BaseModel):
    content: str


@group.command("about", permission=started, throttle="read")
async def about(payload: About, message: Message) -> Said:
    return Said(content=message.content)


class Ship(Numbered):
    connection: Uuid | None = None
    to: str
    nick: str = ""


def named(connection: Connection, payload: Ship) -> Participant | None:
    return Participant.objects.filter(connection=connection, nick=payload.nick).first()


@group.command("ship", permission=participant, throttle="read")
async def ship(
    session: Session, payload: Ship, connection: Connection, other: Annotated[Participant | None, From(named)]
) -> None:
    event = Shipped(number=payload.number)
    if payload.to == "caller":
        shipped.tell(session, event)
    elif payload.to == "everybody":
        shipped.tell(connection, event)
    elif payload.to == "visitor":
        shipped.tell(session.who, event)
    elif other is not None:
        shipped.tell(other, event)


@group.command("end", permission=started, throttle="read")
async def end(session: Session) -> None:
    """An event that comes after all that were told before."""
    shipped.tell(session.who, Shipped(number="END"))


class Who(BaseModel):
    email: str
    user: str


@group.command("who", permission=signed_in, throttle="read")
async def who(contact: Contact) -> Who:
    return Who(email=contact.email, user=contact.user.get_username() if contact.user else "")


@group.command("tell", permission=started, throttle="read")
async def tell(payload: Numbered, contact: Contact) -> None:
    shipped.tell(contact, Shipped(number=payload.number))


@group.command("leave", permission=anyone, throttle="read")
async def leave() -> None:
    raise BridgeError(Code.CONFLICT, "The shop is closed.", close=True, until="09:30")
