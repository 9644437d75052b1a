"""Reads lines for the Python API, whose readers work on the lines of a service like an outbox.

A message is settled when its reader asks for the next one. A reader that stops in between gets it again: at least once.
"""

from collections.abc import Collection
from dataclasses import dataclass

from django.db import transaction

from bridge.chat.actions.settling import mark_delivered
from bridge.delivery import lines
from bridge.delivery.lines import Line
from bridge.infra.clock import Clock
from bridge.models import Delivery, Endpoint, Message

Operation = Delivery.Operation


@dataclass(frozen=True)
class Piece:
    """A message that is new to its reader, or a change of one, with its deliveries."""

    message: Message
    endpoint: Endpoint
    change: Operation
    deliveries: tuple[int, ...]


@transaction.atomic
def next_piece(line: Line, *, done: Collection[int], changes: bool, clock: Clock) -> Piece | None:
    """Settle the deliveries that are `done` and return the next piece; None if nothing waits and the line is released.

    The message is returned in its current state, so an edit that waits behind its post is included. `changes`: also
    return edits and deletions of messages that were read before.

    Raises:
        LineLost: another reader has the line, with the deliveries that were not settled.
    """
    endpoint, _ = lines.hold(line, clock=clock)
    unsettled = lines.unsettled(endpoint)
    if done:
        mark_delivered(
            list(unsettled.filter(pk__in=done)), endpoint=endpoint, outcome=Delivery.Outcome.DELIVERED
        )
    while (head := unsettled.select_related("message__author", "message__reply_to").first()) is not None:
        message = head.message
        together = list(unsettled.filter(message=message))
        change = Operation(head.operation)
        if message.deleted_at and change != Operation.POST:
            change = Operation.DELETE
        elif change == Operation.REACT and any(delivery.operation == Operation.EDIT for delivery in together):
            change = Operation.EDIT
        if _is_wanted(message, change, changes=changes):
            return Piece(message, endpoint, change, tuple(delivery.pk for delivery in together))
        mark_delivered(together, endpoint=endpoint, outcome=Delivery.Outcome.SUPERSEDED)
    lines.empty(endpoint)
    return None


def _is_wanted(message: Message, change: Operation, *, changes: bool) -> bool:
    if change == Operation.POST:
        return message.deleted_at is None
    return changes and change != Operation.REACT
