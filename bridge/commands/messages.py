"""Saying something, changing it, and reacting to it."""

import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from bridge import protocol
from bridge.chat import actions, history, openings
from bridge.chat.access import Viewer, participant_for
from bridge.chat.actions import Post, Posted, Uploads
from bridge.chat.speaking import Opening, Target
from bridge.errors import BridgeError, Code
from bridge.infra.throttling import InboxFull
from bridge.live.groups import CommandGroup
from bridge.live.permissions import author, message_participant, participant
from bridge.live.sessions import Session
from bridge.live.worker import Worker
from bridge.models import Message
from bridge.protocol.commands import (
    MessageDelete,
    MessageEdit,
    MessageRetry,
    MessageSend,
    Proof,
    ReactionChange,
)
from bridge.protocol.frames import too_long
from bridge.protocol.outgoing import MessageChanged, MessageSent

message = CommandGroup("message")
reaction = CommandGroup("reaction")

LOOKS = 3
"""How often the conversation to write to is looked for."""


@message.command("send", permission=participant, throttle="message")
async def message_send(session: Session, payload: MessageSend) -> MessageSent:
    if len(payload.content) > protocol.MAX_CONTENT:
        raise too_long(payload.content)
    process = Worker.current()
    _check(process, session, payload.content)
    if payload.connection is not None:
        target = session.connections[str(payload.connection)]
        posted = await process.writer.post(_post(session, payload, target=target))
    else:
        posted = await _post_to_open(process, session, payload)
    message = posted.message.copy()
    message["own"] = True
    return {"message": message}


def _check(process: Worker, session: Session, content: str) -> None:
    """What staff forbid, from memory: this is the hot path."""
    inbox = session.start.inbox
    process.moderation.check_speaker(inbox, session.who)
    process.moderation.check_text(inbox, content)


def _check_speaker(session: Session) -> None:
    Worker.current().moderation.check_speaker(session.start.inbox, session.who)


def _post(
    session: Session, payload: MessageSend, *, target: Target | None = None, opening: Opening | None = None
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


async def _post_to_open(process: Worker, session: Session, payload: MessageSend) -> Posted:
    """To the visitor's open conversation: the one this socket knows of, else whichever it is, else a new one."""
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
            # Another tab opens and closes them meanwhile.
            if refusal.code != Code.CLOSED:
                raise
        else:
            session.know(posted.target)
            session.open_connection = posted.target.uid
            return posted
    raise BridgeError(Code.UNAVAILABLE, "The conversation is busy. Please try again.")


async def _post_to_whichever(process: Worker, session: Session, payload: MessageSend) -> Posted:
    """To their open conversation as the database has it, else to a new one.

    Raises BridgeError: `closed` where that changed meanwhile; `proof_required`; `throttled`.
    """
    standing = await session.database.run(openings.look, session.start, client_id=payload.client_id)
    if standing.target is not None or standing.is_resend:
        return await process.writer.post(
            _post(session, payload, target=standing.target, opening=session.start)
        )
    # As the database has it by now: what is refused leaves nothing behind, and takes nobody's turn.
    process.moderation.know(standing.inbox)
    _check(process, session, payload.content)
    if standing.bits and session.identity is None:
        proof = payload.proof or Proof(challenge="", answers=[])
        openings.check_proof(standing, session.who, challenge=proof.challenge, answers=proof.answers)
    opening = replace(session.start, after=standing.after)
    turn: dict[str, Any] = {
        "visitor": session.who,
        "address": session.handshake.address,
        "inbox": standing.inbox.pk,
    }
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
async def message_edit(session: Session, payload: MessageEdit) -> MessageChanged:
    if len(payload.content) > protocol.MAX_CONTENT:
        raise too_long(payload.content)
    _check(Worker.current(), session, payload.content)
    return await session.database.run(
        _changed, actions.edit_own_message, session.viewer, payload.message, content=payload.content
    )


@message.command("delete", permission=author, throttle="edit")
async def message_delete(session: Session, payload: MessageDelete) -> MessageChanged:
    return await session.database.run(_changed, actions.delete_own_message, session.viewer, payload.message)


@message.command("retry", permission=author, throttle="retry")
async def message_retry(session: Session, payload: MessageRetry) -> MessageChanged:
    _check_speaker(session)
    return await session.database.run(_changed, actions.retry_own_message, session.viewer, payload.message)


def _changed(
    change: Callable[..., Message], viewer: Viewer, uid: uuid.UUID, **more: object
) -> MessageChanged:
    message = change(viewer, uid, **more)
    return {"message": history.single(message, participant_for(viewer, message.connection.uid))}


@reaction.command("add", permission=message_participant, throttle="reaction")
async def reaction_add(session: Session, payload: ReactionChange) -> MessageChanged:
    _check_speaker(session)
    return await _react(session, payload, added=True)


@reaction.command("remove", permission=message_participant, throttle="reaction")
async def reaction_remove(session: Session, payload: ReactionChange) -> MessageChanged:
    return await _react(session, payload, added=False)


async def _react(session: Session, payload: ReactionChange, *, added: bool) -> MessageChanged:
    return await session.database.run(
        _changed, actions.react, session.viewer, payload.message, emoji=payload.emoji, added=added
    )
