"""URLs of the HTTP API, below /api/."""

import re
from itertools import groupby

from django.urls import URLPattern, path, re_path

from bridge.http import door, openapi
from bridge.http.addresses import operations


def _patterns() -> list[URLPattern]:
    by_path = sorted(operations(), key=lambda operation: operation.path)
    return [
        path(re.sub(r"{(\w+)}", r"<str:\1>", address), door.Address(list(group)))
        for address, group in groupby(by_path, key=lambda operation: operation.path)
    ]


urlpatterns = [
    path("openapi.json", openapi.served, name="openapi"),
    *_patterns(),
    re_path("", door.nowhere),
]
