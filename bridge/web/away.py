"""While the database is away a page says so and comes again by itself, as the socket does."""

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
"""Seconds until a page comes again. Not all of them at once."""


class DatabaseAwayMiddleware(MiddlewareMixin):
    """503 in place of 500 where a view could not reach the database, or not in time."""

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        return _unavailable(request, exception) if isinstance(exception, AWAY) else None


def server_error(request: HttpRequest) -> HttpResponseBase:
    """As a project's `handler500`: the same for what fails around a view, such as storing a session."""
    error = sys.exc_info()[1]
    return _unavailable(request, error) if isinstance(error, AWAY) else defaults.server_error(request)


def _unavailable(request: HttpRequest, error: BaseException) -> HttpResponse:
    logger.warning("The database is unavailable: %r", error)
    seconds = random.randint(SOONEST, LATEST)  # noqa: S311
    # What was posted may be stored or not: only a person can know whether to send it again.
    context = {"seconds": seconds if request.method in {"GET", "HEAD"} else None}
    response = protect(render(request, "bridge/away.html", context, status=503))
    response.headers["Retry-After"] = str(seconds)
    response.headers["Cache-Control"] = "no-store"
    return response
