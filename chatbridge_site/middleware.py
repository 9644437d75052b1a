"""The Content-Security-Policy of every page, the admin included: that of the chat."""

import logging
from collections.abc import Awaitable, Callable
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest, HttpResponse
from django.http.request import split_domain_port
from django.http.response import HttpResponseBase
from django.utils.decorators import sync_and_async_middleware

from bridge.infra.notices import warn_once
from bridge.web.headers import POLICY

logger = logging.getLogger(__name__)

ENDLESS = (
    "This site redirects to HTTPS, but cannot see that your request already uses it: the proxy in front must set "
    "X-Forwarded-Proto, and TRUSTED_PROXIES must count that proxy."
)

Response = HttpResponseBase | Awaitable[HttpResponseBase]


@sync_and_async_middleware
def content_security_policy(
    get_response: Callable[[HttpRequest], Response],
) -> Callable[[HttpRequest], Response]:
    """Adds POLICY to each response without a policy of its own. (Django 5.2 has no such middleware yet.) And ends
    redirects that would never end."""

    def stamped(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        if _leads_back(request, response):
            warn_once(logger, ENDLESS)
            response = HttpResponse(f"{ENDLESS}\n", status=503, content_type="text/plain; charset=utf-8")
        response.headers.setdefault("Content-Security-Policy", POLICY)
        return response

    if iscoroutinefunction(get_response):

        async def asynchronous(request: HttpRequest) -> HttpResponseBase:
            return stamped(request, await get_response(request))

        return asynchronous

    def synchronous(request: HttpRequest) -> HttpResponseBase:
        return stamped(request, get_response(request))  # type: ignore[arg-type]

    return synchronous


def _leads_back(request: HttpRequest, response: HttpResponseBase) -> bool:
    """Whether a browser is sent to HTTPS that is there already. Only there, and on its own machine, does it tell where
    a request comes from."""
    if response.status_code != 301 or request.is_secure() or "Sec-Fetch-Mode" not in request.headers:
        return False
    host = request.get_host()
    is_local = split_domain_port(host)[0] in {"localhost", "127.0.0.1", "[::1]"}
    return not is_local and response.headers.get("Location") == f"https://{host}{request.get_full_path()}"


def too_many_logins(request: HttpRequest, *_: Any, **__: Any) -> HttpResponse:
    return HttpResponse(
        "Too many wrong passwords from here. Please wait a quarter of an hour.",
        status=429,
        headers={"Retry-After": "900"},
        content_type="text/plain",
    )
