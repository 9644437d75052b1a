"""Security headers of the chat's pages, the same in any project, which allow frames of the same site."""

from itertools import chain

from django.http import HttpResponse

from bridge import services

_IMAGES = chain.from_iterable(service.image_origins for _, service in services.usable())

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        # Avatars of staff are on their service's image server.
        " ".join(("img-src 'self' data: blob:", *_IMAGES)),
        "media-src 'self'",
        "font-src 'self'",
        "connect-src 'self'",
        "manifest-src 'self'",
        "frame-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'self'",
        "base-uri 'none'",
    )
)
"""The Content-Security-Policy: nothing inline, nothing from other sites, and no frames of other sites."""


def protect(response: HttpResponse) -> HttpResponse:
    """Set the headers before the project's middleware, which keeps existing ones: its DENY would forbid all frames."""
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["X-Frame-Options"] = "SAMEORIGIN"
    return response
