"""The chat page: who comes gets a visitor's token in a cookie, and the page to write on."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.cache import patch_cache_control
from django.views.decorators.http import require_safe

from bridge import sessions
from bridge.errors import BridgeError
from bridge.models import Inbox
from bridge.protocol import MAX_CONTENT, SUBPROTOCOL

SOCKET_PATH = "/ws/chat/"


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


def _token(request: HttpRequest) -> str:
    """The visitor's own, so that its cookie starts again, or a new one."""
    token = request.COOKIES.get(sessions.COOKIE_NAME, "")
    try:
        sessions.read_token(token)
    except BridgeError:
        return sessions.new_token()
    return token
