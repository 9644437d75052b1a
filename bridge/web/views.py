"""The pages of chats and rooms, which give a visitor their token in a cookie, and visitors' avatars."""

import uuid

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import get_script_prefix
from django.utils.cache import patch_cache_control
from django.views.decorators.http import require_safe

from bridge.chat import avatars
from bridge.chat.actions.rooms import lets_in, list_rooms
from bridge.errors import BridgeError
from bridge.identity import tokens
from bridge.identity.authentication import authenticate
from bridge.identity.entrance import open_inbox
from bridge.identity.handshake import Credentials, Handshake, handshake_of
from bridge.identity.origins import OriginRefused
from bridge.infra import addresses
from bridge.infra.redis import RedisError
from bridge.models import Connection, Inbox, Participant
from bridge.presence.online import count_in_rooms
from bridge.protocol import MAX_CONTENT, SUBPROTOCOL
from bridge.web.headers import protect

AVATAR_AGE = 365 * 24 * 3600
"""Seconds, in effect for ever: another nick has another URL."""


@require_safe
def chat(request: HttpRequest) -> HttpResponse:
    return _chat(request, _opened(request, request.GET.get("inbox", "default")))


@require_safe
def rooms(request: HttpRequest) -> HttpResponse:
    """The open rooms of an inbox, except those that are only reached by their link."""
    inbox = _opened(request, request.GET.get("inbox", "default"))
    open_rooms = list_rooms(inbox.pk)
    try:
        online = count_in_rooms([str(room.uid) for room in open_rooms])
    except RedisError:
        # The rooms are listed without their numbers of members.
        online = {}
    listed = [(room, online.get(str(room.uid))) for room in open_rooms]
    response = protect(render(request, "bridge/rooms.html", {"inbox": inbox, "rooms": listed}))
    patch_cache_control(response, private=True, no_cache=True)
    return response


@require_safe
def room(request: HttpRequest, slug: str, key: str = "") -> HttpResponse:
    """The page of a room. Without its key, a room by link is a 404, as if it did not exist."""
    rooms = Connection.objects.select_related("inbox").filter(kind=Connection.Kind.ROOM, slug=slug)
    connection = rooms.first()
    if connection is None or not connection.is_open or not lets_in(connection, key=key):
        raise Http404
    response = _chat(request, _opened(request, connection.inbox), room=connection, key=key)
    if key:
        # Anybody who knows the URL may enter, so it is not sent to other pages, not even to our own.
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["X-Robots-Tag"] = "noindex"
    return response


def _opened(request: HttpRequest, inbox: Inbox | str) -> Inbox:
    try:
        return open_inbox(inbox, handshake_of(request))
    except OriginRefused as refusal:
        raise PermissionDenied(refusal.message) from None
    except BridgeError as refusal:
        raise Http404(refusal.message) from None


def _chat(
    request: HttpRequest, inbox: Inbox, *, room: Connection | None = None, key: str = ""
) -> HttpResponse:
    context = {
        "inbox": inbox,
        "socket": f"{get_script_prefix().rstrip('/')}{addresses.SOCKET}",
        "protocol": SUBPROTOCOL,
        "limit": MAX_CONTENT,
        "room": room,
        "room_key": key,
        "embedded": "embedded" in request.GET,
    }
    response = protect(render(request, "bridge/chat.html", context))
    _set_cookie(request, response, inbox)
    patch_cache_control(response, private=True, no_cache=True)
    return response


def _set_cookie(request: HttpRequest, response: HttpResponse, inbox: Inbox) -> None:
    handshake = handshake_of(request)
    if handshake.origin:
        return  # A page of another site asks, so the cookie was not read, and a new one would replace it.
    secure = request.is_secure()
    # No script can read it. With Lax, a visitor who follows a link to the page stays the same visitor.
    response.set_cookie(
        tokens.SECURE_COOKIE_NAME if secure else tokens.COOKIE_NAME,
        _token(handshake, inbox),
        max_age=tokens.COOKIE_AGE,
        httponly=True,
        secure=secure,
        samesite="Lax",
    )
    if secure and tokens.COOKIE_NAME in request.COOKIES:
        response.delete_cookie(tokens.COOKIE_NAME)


@require_safe
def avatar(request: HttpRequest, participant: uuid.UUID) -> HttpResponse:
    """The avatar, with initials only, of a visitor in a room. It is public, because services load it."""
    speaker = get_object_or_404(
        Participant, uid=participant, role=Participant.Role.VISITOR, connection__kind=Connection.Kind.ROOM
    )
    picture = avatars.picture(str(participant), avatars.initials(speaker.nick))
    response = HttpResponse(picture, content_type="image/png")
    if request.GET.get("v") == avatars.version_of(speaker.nick):
        patch_cache_control(response, public=True, max_age=AVATAR_AGE, immutable=True)
    else:
        # The URL is for another nick.
        patch_cache_control(response, public=True, max_age=60)
    return response


def _token(handshake: Handshake, inbox: Inbox) -> str:
    """The visitor's own token, so that the cookie lasts longer; otherwise a new one, for the login or a new visitor.

    This admits nobody: the page's socket calls `admit`. So a blocked visitor keeps their blocked token.
    """
    try:
        shown = Credentials(handshake.cookie, is_cookie=True, login=handshake.login)
        return authenticate(inbox, shown).token.text
    except BridgeError:
        # A forged or revoked token is replaced by that of a new visitor.
        return tokens.issue().text
