"""Headers of the chat's pages, so that they are as safe, and stand in a frame of their own site, in any project."""

from itertools import chain

from django.http import HttpResponse

from bridge import services

_IMAGES = chain.from_iterable(service.image_origins for _, service in services.usable())

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        # Avatars of staff come from where they write.
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
"""A Content-Security-Policy: nothing inline, nothing from elsewhere, in no other site's frame."""


def protect(response: HttpResponse) -> HttpResponse:
    """Before a project's own middleware, which leaves alone what is set: with its DENY no page could show the chat."""
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["X-Frame-Options"] = "SAMEORIGIN"
    return response
