"""The page that is shown while the database is unavailable, and that reloads itself."""

import logging
import random
import sys

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.deprecation import MiddlewareMixin
from django.views import defaults

from bridge.web.headers import protect

logger = logging.getLogger(__name__)

AWAY = (OperationalError, InterfaceError)
SOONEST, LATEST = 3, 8
"""Seconds until a page reloads, chosen at random, so that not all pages do so at once."""


class DatabaseAwayMiddleware(MiddlewareMixin):
    """Answers with 503 instead of 500 if a view could not reach the database, or not in time."""

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        return _unavailable(request, exception) if isinstance(exception, AWAY) else None


def server_error(request: HttpRequest) -> HttpResponseBase:
    """A project's `handler500`: the same for errors outside of views, such as storing a session."""
    error = sys.exc_info()[1]
    return _unavailable(request, error) if isinstance(error, AWAY) else defaults.server_error(request)


def _unavailable(request: HttpRequest, error: BaseException) -> HttpResponse:
    logger.warning("The database is unavailable: %r", error)
    seconds = random.randint(SOONEST, LATEST)  # noqa: S311
    # A POST is not repeated: it may have been stored, and only a person can decide whether to send it again.
    context = {"seconds": seconds if request.method in {"GET", "HEAD"} else None}
    response = protect(render(request, "bridge/away.html", context, status=503))
    response.headers["Retry-After"] = str(seconds)
    response.headers["Cache-Control"] = "no-store"
    return response
