"""What a page may ask over the chat's socket: `order.status`."""

from typing import Annotated

from pydantic import BaseModel

from bridge.extend import BridgeError, Code, CommandGroup, From, Payload, Row, Session, signed_in
from orders.models import Order

group = CommandGroup("order")


class Status(Payload):
    number: str


class OrderStatus(BaseModel):
    number: str
    state: Order.State


def own(session: Session, order: Annotated[Order, Row("number")]) -> Order:
    """Another's order answers as one that does not exist."""
    if session.identity is None or order.customer_id != session.identity.user:
        raise BridgeError(Code.NOT_FOUND, "There is no such order.")
    return order


@group.command("status", permission=signed_in, throttle="5/minute")
async def status(payload: Status, order: Annotated[Order, From(own)]) -> OrderStatus:
    return OrderStatus(number=order.number, state=Order.State(order.state))
