"""Where mails come in, and the page on which somebody ends them."""

import logging
from collections.abc import Callable
from functools import wraps

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST

from bridge.conf import settings
from bridge.files import NoRoom
from bridge.identity.contacts import stop_mails
from bridge.infra.bodies import Budget, Refused, takes
from bridge.infra.redis import RedisError
from bridge.models import Connection
from bridge.services.email import providers
from bridge.services.email.codes import Purpose, read_code
from bridge.services.email.incoming import Mail, Outcome, take

logger = logging.getLogger(__name__)

MAILGUN_ENOUGH = 406
POSTMARK_ENOUGH = 403
"""What each of them takes for an answer: any other that is no success brings the mail again, for hours."""


PATIENCE = 20.0
"""Seconds that a mail waits for those before it; then its provider is asked to bring it again."""
_in_memory = Budget(providers.LARGEST)


def _in_turn(view: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Mails are taken apart in memory, which is several times what was sent: of the largest only one at a time."""

    @wraps(view)
    def take_turn(request: HttpRequest) -> HttpResponse:
        said = request.META.get("CONTENT_LENGTH") or ""
        size = int(said[:20]) if said.isdecimal() else providers.LARGEST
        try:
            with _in_memory.of(size, patience=PATIENCE):
                return view(request)
        except Refused:
            return _again()

    return take_turn


@takes(providers.LARGEST)
@csrf_exempt
@require_POST
@_in_turn
def mailgun(request: HttpRequest) -> HttpResponse:
    """Of a route with the action forward()."""
    if not settings.MAILGUN_SIGNING_KEY:
        raise Http404
    try:
        fields, files = providers.read_form(request)
        if not providers.is_mailgun(fields, files):
            return _answer("This request is not signed by Mailgun.", status=MAILGUN_ENOUGH)
        return _taken(providers.from_mailgun(fields, files), refused=MAILGUN_ENOUGH)
    except providers.Unreadable as error:
        return _answer(f"This e-mail cannot be read: {error}", status=MAILGUN_ENOUGH)
    except (RedisError, NoRoom):
        return _again()


@takes(providers.LARGEST)
@csrf_exempt
@require_POST
@_in_turn
def postmark(request: HttpRequest) -> HttpResponse:
    """Of an inbound stream whose address has our secret in it."""
    if not settings.POSTMARK_SECRET:
        raise Http404
    if not providers.is_postmark(request.headers.get("Authorization", "")):
        return _answer("The secret in the address is wrong.", status=401)
    # Not request.body, which is for small forms.
    body = request.read(providers.LARGEST + 1)
    if len(body) > providers.LARGEST:
        return _answer("This e-mail is too large.", status=POSTMARK_ENOUGH)
    try:
        return _taken(providers.from_postmark(body), refused=POSTMARK_ENOUGH)
    except providers.Unreadable as error:
        return _answer(f"This e-mail cannot be read: {error}", status=POSTMARK_ENOUGH)
    except NoRoom:
        return _again()


def _taken(mail: Mail, *, refused: int) -> HttpResponse:
    outcome = take(mail)
    logger.info("Received an e-mail: %s", outcome)
    return _answer(outcome, status=refused if outcome == Outcome.NOBODYS else 200)


def _again() -> HttpResponse:
    return _answer("Please send it again.", status=503)


def _answer(outcome: str, *, status: int) -> HttpResponse:
    return JsonResponse({"outcome": outcome}, status=status)


# Whoever has the code may do it: from the mail program's own button (RFC 8058) without any cookie. Not by looking at
# the page, as those do that look for viruses behind links.
@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def stop(request: HttpRequest, code: str) -> HttpResponse:
    uid = read_code(code, Purpose.STOP)
    connection = Connection.objects.select_related("inbox").filter(uid=uid).first() if uid else None
    if connection is None:
        raise Http404
    if request.method == "POST" and connection.visitor:
        stop_mails(connection.inbox_id, connection.visitor)
    context = {"title": connection.inbox.title, "stopped": request.method == "POST"}
    response = render(request, "bridge/mail_stop.html", context)
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["X-Robots-Tag"] = "noindex"
    response.headers["Cache-Control"] = "no-store"
    return response
