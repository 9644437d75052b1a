"""The permissions of staff's requests: users of this site, with the same permissions as in the admin."""

from typing import Any, cast

from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import CsrfViewMiddleware

from bridge.errors import BridgeError, Code
from bridge.http.operations import RequestSession
from bridge.identity import staff_tokens
from bridge.live.permissions import Permission


def may(*names: str) -> Permission:
    """A staff user with these permissions, identified by a login on this site or by a staff token."""

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
    """Django's own CSRF check, for the requests that need it: those with a login cookie."""

    def refusal(self, request: HttpRequest) -> str | None:
        self.process_request(request)
        # It only checks whether the view is exempt.
        return cast(str | None, self.process_view(request, HttpResponse, (), {}))

    def _reject(self, request: HttpRequest, reason: str) -> Any:
        return reason


_CSRF = _Csrf(lambda request: HttpResponse())
