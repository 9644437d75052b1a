"""The chat page: who comes gets a visitor's token in a cookie, and the page to write on. And visitors' pictures."""

import uuid

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.cache import patch_cache_control
from django.views.decorators.http import require_safe

from bridge import avatars, sessions
from bridge.errors import BridgeError
from bridge.models import Connection, Inbox, Participant
from bridge.protocol import MAX_CONTENT, SUBPROTOCOL

SOCKET_PATH = "/ws/chat/"
AVATAR_AGE = 365 * 24 * 3600
"""Seconds, in effect for ever: another nick has another address."""


@require_safe
def chat(request: HttpRequest) -> HttpResponse:
    name = request.GET.get("inbox", "default")
    if not name.isprintable():
        raise Http404  # PostgreSQL takes no NUL, not even to look for it
    inbox = get_object_or_404(Inbox, name=name, enabled=True)
    context = {"inbox": inbox, "socket": SOCKET_PATH, "protocol": SUBPROTOCOL, "limit": MAX_CONTENT}
    response = render(request, "bridge/chat.html", context)
    # No script can read it, and with Lax a visitor who follows a link to the page stays who he was.
    response.set_cookie(
        sessions.COOKIE_NAME,
        _token(request),
        max_age=sessions.COOKIE_AGE,
        httponly=True,
        secure=request.is_secure(),
        samesite="Lax",
    )
    patch_cache_control(response, private=True, no_cache=True)
    return response


@require_safe
def avatar(request: HttpRequest, participant: uuid.UUID) -> HttpResponse:
    """For Discord's servers, so for everybody: only of who speaks in a room, and only his initials."""
    speaker = get_object_or_404(
        Participant, uid=participant, role=Participant.Role.VISITOR, connection__kind=Connection.Kind.ROOM
    )
    picture = avatars.picture(str(participant), avatars.initials(speaker.nick))
    response = HttpResponse(picture, content_type="image/png")
    if request.GET.get("v") == avatars.version_of(speaker.nick):
        patch_cache_control(response, public=True, max_age=AVATAR_AGE, immutable=True)
    else:
        # Its address is that of another nick.
        patch_cache_control(response, public=True, max_age=60)
    return response


def _token(request: HttpRequest) -> str:
    """The visitor's own, so that its cookie starts again, or a new one."""
    token = request.COOKIES.get(sessions.COOKIE_NAME, "")
    try:
        sessions.read_token(token)
    except BridgeError:
        return sessions.new_token()
    return token
