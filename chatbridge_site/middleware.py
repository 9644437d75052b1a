"""The Content-Security-Policy of every page, the admin included: that of the chat."""

from collections.abc import Awaitable, Callable
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.decorators import sync_and_async_middleware

from bridge.headers import POLICY

Response = HttpResponseBase | Awaitable[HttpResponseBase]


@sync_and_async_middleware
def content_security_policy(
    get_response: Callable[[HttpRequest], Response],
) -> Callable[[HttpRequest], Response]:
    """Adds POLICY to each response without a policy of its own. (Django 5.2 has no such middleware yet.)"""

    def stamped(response: HttpResponseBase) -> HttpResponseBase:
        response.headers.setdefault("Content-Security-Policy", POLICY)
        return response

    if iscoroutinefunction(get_response):

        async def asynchronous(request: HttpRequest) -> HttpResponseBase:
            return stamped(await get_response(request))

        return asynchronous

    def synchronous(request: HttpRequest) -> HttpResponseBase:
        return stamped(get_response(request))  # type: ignore[arg-type]

    return synchronous


def too_many_logins(request: HttpRequest, *_: Any, **__: Any) -> HttpResponse:
    return HttpResponse(
        "Too many wrong passwords from here. Please wait a quarter of an hour.",
        status=429,
        headers={"Retry-After": "900"},
        content_type="text/plain",
    )
