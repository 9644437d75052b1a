"""The views that receive mails, and the page to unsubscribe."""

import logging
from collections.abc import Callable

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST

from bridge.errors import BridgeError
from bridge.files import NoRoom
from bridge.identity.contacts import stop_mails
from bridge.infra.bodies import Budget, Refused, response_to, takes
from bridge.infra.redis import RedisError
from bridge.models import Connection
from bridge.services.email import providers
from bridge.services.email.codes import Purpose, read_code
from bridge.services.email.incoming import Mail, Outcome, take

logger = logging.getLogger(__name__)

PATIENCE = 20.0
"""Seconds that a mail waits for others; then its provider is asked to send it again."""
# Mails are parsed in memory, which takes several times their size: only one of the largest at a time.
_in_memory = Budget(providers.LARGEST)


def _view(read: Callable[[HttpRequest], Mail], *, enough: int) -> Callable[[HttpRequest], HttpResponse]:
    """`enough`: the status at which this provider gives up. After other errors it sends the mail again, for hours."""

    @takes(providers.LARGEST)
    @csrf_exempt
    @require_POST
    def receive(request: HttpRequest) -> HttpResponse:
        length = request.META.get("CONTENT_LENGTH") or ""
        size = int(length[:20]) if length.isdecimal() else providers.LARGEST
        try:
            with _in_memory.of(size, patience=PATIENCE):
                outcome = take(read(request))
        except providers.Unreadable as error:
            return JsonResponse({"outcome": f"This e-mail cannot be read: {error}"}, status=enough)
        except (RedisError, NoRoom, Refused):
            return JsonResponse({"outcome": "Please send it again."}, status=503)
        except BridgeError as error:
            return response_to(error)
        logger.info("Received an e-mail: %s", outcome)
        return JsonResponse({"outcome": outcome}, status=enough if outcome == Outcome.NOBODYS else 200)

    return receive


mailgun = _view(providers.from_mailgun, enough=406)
postmark = _view(providers.from_postmark, enough=403)


# The code is enough to unsubscribe, because the button of mail programs (RFC 8058) sends no cookies. A GET does not
# unsubscribe, because virus scanners open links.
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
