"""The commands of messages and reactions."""

import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from bridge import protocol
from bridge.chat import actions, history, openings
from bridge.chat.access import participant_for
from bridge.chat.actions import Post, Posted, Uploads
from bridge.chat.speaking import Opening, Target
from bridge.errors import BridgeError, Code
from bridge.infra.throttling import InboxFull
from bridge.live.groups import CommandGroup
from bridge.live.permissions import author, message_participant, participant
from bridge.live.sessions import Session
from bridge.live.worker import Worker
from bridge.models import Message
from bridge.protocol import commands, outgoing
from bridge.protocol.frames import too_long

message = CommandGroup("message")
reaction = CommandGroup("reaction")

LOOKS = 3
"""How often the open conversation is looked up."""


@message.command("send", permission=participant, throttle="message")
async def message_send(session: Session, payload: commands.MessageSend) -> outgoing.MessageSent:
    if len(payload.content) > protocol.MAX_CONTENT:
        raise too_long(payload.content)
    process = Worker.current()
    process.check_speaker(session, payload.content)
    if payload.connection is not None:
        target = session.connections[str(payload.connection)]
        posted = await process.writer.post(_post(session, payload, target=target))
    else:
        posted = await _post_to_open(process, session, payload)
    message = posted.message.copy()
    message["own"] = True
    return {"message": message}


def _post(
    session: Session,
    payload: commands.MessageSend,
    *,
    target: Target | None = None,
    opening: Opening | None = None,
) -> Post:
    return Post(
        target=target,
        opening=opening,
        content=payload.content,
        client_id=payload.client_id,
        reply_to=payload.reply_to,
        uploads=Uploads(session.who, session.start.inbox, tuple(payload.attachments))
        if payload.attachments
        else None,
        origin=session.name,
    )


async def _post_to_open(process: Worker, session: Session, payload: commands.MessageSend) -> Posted:
    """Post to the visitor's open conversation: the one that this socket knows, else any other, else a new one."""
    known = session.open_connection
    if known is not None:
        try:
            target = session.connections[known]
            return await process.writer.post(_post(session, payload, target=target, opening=session.start))
        except BridgeError as refusal:
            gone = refusal.code in {Code.CLOSED, Code.NOT_FOUND}
            if not gone or "reply_to" in refusal.details:
                raise
            session.forget_open(known)
    for _ in range(LOOKS):
        try:
            posted = await _post_to_whichever(process, session, payload)
        except BridgeError as refusal:
            # Another tab has closed it in the meantime.
            if refusal.code != Code.CLOSED:
                raise
        else:
            session.know(posted.target)
            session.open_connection = posted.target.uid
            return posted
    raise BridgeError(Code.UNAVAILABLE, "The conversation is busy. Please try again.")


async def _post_to_whichever(process: Worker, session: Session, payload: commands.MessageSend) -> Posted:
    """Post to the open conversation that is in the database, otherwise to a new one.

    Raises BridgeError: `closed` if this has changed in the meantime; `proof_required`; `throttled`.
    """
    standing = await session.database.run(openings.look, session.start, client_id=payload.client_id)
    if standing.target is not None or standing.is_resend:
        return await process.writer.post(
            _post(session, payload, target=standing.target, opening=session.start)
        )
    # With the current rules. A refused message stores nothing, and does not count as an opening.
    process.moderation.know(standing.inbox)
    process.check_speaker(session, payload.content)
    if standing.bits and session.identity is None:
        proof = payload.proof or commands.Proof(challenge="", answers=[])
        openings.check_proof(standing, session.who, challenge=proof.challenge, answers=proof.answers)
    opening = replace(session.start, after=standing.after)
    turn: dict[str, Any] = {"visitor": session.who, "address": session.handshake.address}
    turn["inbox"] = standing.inbox.pk
    try:
        await process.throttler.take("opening", **turn)
    except InboxFull:
        await session.database.run(openings.note_full, standing)
        raise
    try:
        return await process.writer.post(_post(session, payload, opening=opening))
    except BridgeError:
        process.throttler.give_back("opening", **turn)
        raise


@message.command("edit", permission=author, throttle="edit")
async def message_edit(session: Session, payload: commands.MessageEdit) -> outgoing.MessageChanged:
    if len(payload.content) > protocol.MAX_CONTENT:
        raise too_long(payload.content)
    Worker.current().check_speaker(session, payload.content)
    return await _change(session, actions.edit_own_message, payload.message, content=payload.content)


@message.command("delete", permission=author, throttle="edit")
async def message_delete(session: Session, payload: commands.MessageOnly) -> outgoing.MessageChanged:
    return await _change(session, actions.delete_own_message, payload.message)


@message.command("retry", permission=author, throttle="retry")
async def message_retry(session: Session, payload: commands.MessageOnly) -> outgoing.MessageChanged:
    Worker.current().check_speaker(session)
    return await _change(session, actions.retry_own_message, payload.message)


@reaction.command("add", permission=message_participant, throttle="reaction")
async def reaction_add(session: Session, payload: commands.ReactionChange) -> outgoing.MessageChanged:
    Worker.current().check_speaker(session)
    return await _change(session, actions.react, payload.message, emoji=payload.emoji, added=True)


@reaction.command("remove", permission=message_participant, throttle="reaction")
async def reaction_remove(session: Session, payload: commands.ReactionChange) -> outgoing.MessageChanged:
    return await _change(session, actions.react, payload.message, emoji=payload.emoji, added=False)


async def _change(
    session: Session, action: Callable[..., Message], uid: uuid.UUID, **more: object
) -> outgoing.MessageChanged:
    viewer = session.viewer

    def change() -> outgoing.MessageChanged:
        message = action(viewer, uid, **more)
        return {"message": history.single(message, participant_for(viewer, message.connection.uid))}

    return await session.database.run(change)
