"""Who of staff may do what: users of this site, as far as the permissions go that the admin asks for, too."""

from typing import Any, cast

from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import CsrfViewMiddleware

from bridge.errors import BridgeError, Code
from bridge.http.operations import RequestSession
from bridge.identity import staff_tokens
from bridge.live.permissions import Permission


def may(*names: str) -> Permission:
    """A user of staff who has these permissions: by this site's login, or by a token of his."""

    async def permission(session: Any, payload: Any) -> None:
        await session.database.run(_admit, session, names)

    return permission


def _admit(session: RequestSession, names: tuple[str, ...]) -> None:
    bearer = session.handshake.bearer
    user = staff_tokens.read(bearer) if bearer else _logged_in(session)
    if not user.is_active or not user.is_staff or not user.has_perms([f"bridge.{name}" for name in names]):
        raise BridgeError(Code.NOT_PERMITTED, "You may not do this.")
    session.user = user


def _logged_in(session: RequestSession) -> Any:
    user = getattr(session.request, "user", None)
    if user is None or not user.is_authenticated or session.handshake.origin:
        raise BridgeError(Code.NOT_IDENTIFIED, "This requires a login on this site, or a staff token.")
    if (reason := _CSRF.refusal(session.request)) is not None:
        raise BridgeError(Code.NOT_PERMITTED, f"With a login, this requires a CSRF token. {reason}")
    return user


class _Csrf(CsrfViewMiddleware):
    """Django's own check, for the requests that need it: those that come with a cookie."""

    def refusal(self, request: HttpRequest) -> str | None:
        self.process_request(request)
        # It asks of a view only whether that one is exempt.
        return cast(str | None, self.process_view(request, HttpResponse, (), {}))

    def _reject(self, request: HttpRequest, reason: str) -> Any:
        return reason


_CSRF = _Csrf(lambda request: HttpResponse())
