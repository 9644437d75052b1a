"""Announces who joins and leaves a room: to its members, and to other apps."""

from uuid import UUID

from bridge import signals
from bridge.chat import hooks, publishing
from bridge.presence.registry import Moves

MOST_NAMED = 50


def announce(moves: Moves) -> None:
    if moves.scope.kind != "room":
        return
    room, online = str(moves.scope.key), moves.online + len(moves.went) + len(moves.lost)
    if came := [author for author in moves.came if author]:
        hooks.tell(signals.participant_joined, (UUID(author["id"]) for author in came))
        joined = {"participants": came[:MOST_NAMED], "more": max(0, len(came) - MOST_NAMED), "online": online}
        publishing.tell(room, "participant.joined", joined)
    for participants, clean in ((moves.lost, False), (moves.went, True)):
        if participants:
            online -= len(participants)
            hooks.tell(signals.participant_left, map(UUID, participants), clean=clean)
            left = {"participants": participants, "clean": clean, "online": online}
            publishing.tell(room, "participant.left", left)
