"""Decides whether a visitor may write in a room: read-only rooms, slow mode, mutes."""

import math
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.utils import timezone

from bridge.chat.actions import rows
from bridge.chat.speaking import Target
from bridge.errors import BridgeError, Code
from bridge.models import Participant
from bridge.protocol.frames import muted


def apply(targets: Sequence[Target]) -> list[Target | BridgeError | None]:
    """For each post in a room: its target with the author's current name, or the reason for a refusal.

    None if the room is closed or locked by another transaction. Within the transaction that stores the posts.
    """
    now = timezone.now()
    speakers = _speakers(targets)
    slow = {speaker.connection_id for speaker in speakers.values() if speaker.connection.slow_mode}
    held: set[int] = set()
    if slow:
        # A visitor may post in two processes at once, so the time of their last post is read under the row's lock.
        held = slow - rows.advance(dict.fromkeys(slow, 0), now=now).keys()
        speakers = _speakers(targets)
    verdicts: list[Target | BridgeError | None] = []
    for target in targets:
        speaker = speakers.get(target.participant)
        verdict = None if target.connection in held else _verdict(speaker, now=now)
        verdicts.append(verdict)
        if speaker and isinstance(verdict, Target):
            _count(speaker, now=now)
    return verdicts


def _speakers(targets: Sequence[Target]) -> dict[int | None, Participant]:
    participants = Participant.objects.filter(pk__in={target.participant for target in targets})
    return {participant.pk: participant for participant in participants.select_related("connection")}


def _verdict(speaker: Participant | None, *, now: datetime) -> Target | BridgeError:
    if speaker is None:
        return BridgeError(Code.NOT_FOUND, "This conversation does not exist.")
    refused = refusal(speaker, now=now) if speaker.role != Participant.Role.STAFF else None
    return refused or Target.of(speaker.connection, speaker)


def silenced(speaker: Participant, *, now: datetime) -> BridgeError | None:
    """Why they may not write here, apart from slow mode."""
    # A closed connection is refused as closed, even if it is also read-only.
    if speaker.connection.is_open and speaker.connection.read_only:
        return BridgeError(Code.NOT_PERMITTED, "Only staff can write in this room.")
    if speaker.muted_until and speaker.muted_until > now:
        return muted(speaker.muted_until)
    return None


def refusal(speaker: Participant, *, now: datetime) -> BridgeError | None:
    """Why they may not do anything visible here now: write, edit, change their name, react, or appear as typing."""
    if (never := silenced(speaker, now=now)) is not None:
        return never
    pause = speaker.connection.slow_mode
    until = speaker.spoke_at + timedelta(seconds=pause) if pause and speaker.spoke_at else now
    if until > now:
        wait = math.ceil((until - now).total_seconds())
        return BridgeError(Code.THROTTLED, f"Slow mode: one message every {pause} s.", retry_after=wait)
    return None


def speak(speaker: Participant, *, now: datetime) -> None:
    """Check that they may do something visible now, and count it for slow mode.

    Within the transaction that has the connection's lock. Raises BridgeError.
    """
    if (refused := refusal(speaker, now=now)) is not None:
        raise refused
    _count(speaker, now=now)


def _count(speaker: Participant, *, now: datetime) -> None:
    if speaker.connection.slow_mode:
        speaker.spoke_at = now
        Participant.objects.filter(pk=speaker.pk).update(spoke_at=now)


def typist(participant: int) -> Participant:
    """The participant who is typing in a room, with their current name. Raises BridgeError if they may not write."""
    speaker = Participant.objects.select_related("connection").get(pk=participant)
    if (refused := refusal(speaker, now=timezone.now())) is not None:
        raise refused
    return speaker
