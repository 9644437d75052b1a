"""Errors: refusals for clients, and failed deliveries."""

from enum import StrEnum


class Code(StrEnum):
    """Stable error codes of the wire protocol. Clients compare them; never rename one."""

    INVALID_FRAME = "invalid_frame"
    UNKNOWN_COMMAND = "unknown_command"
    INVALID_PAYLOAD = "invalid_payload"
    NOT_IDENTIFIED = "not_identified"
    NOT_PERMITTED = "not_permitted"
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"
    THROTTLED = "throttled"
    TOO_LARGE = "too_large"
    CLOSED = "closed"
    BLOCKED = "blocked"
    PROOF_REQUIRED = "proof_required"
    UNAVAILABLE = "unavailable"
    INTERNAL = "internal"


HTTP_STATUS = {
    Code.INVALID_FRAME: 400,
    Code.NOT_IDENTIFIED: 401,
    Code.NOT_PERMITTED: 403,
    Code.BLOCKED: 403,
    Code.NOT_FOUND: 404,
    Code.UNKNOWN_COMMAND: 404,
    Code.CONFLICT: 409,
    Code.CLOSED: 409,
    Code.TOO_LARGE: 413,
    Code.INVALID_PAYLOAD: 422,
    Code.PROOF_REQUIRED: 428,
    Code.THROTTLED: 429,
    Code.INTERNAL: 500,
    Code.UNAVAILABLE: 503,
}
"""The HTTP status of each refusal. `closed` is not a 410, because a conversation may be reopened."""


class BridgeError(Exception):
    """A refusal for the client: a stable code, and a sentence for a person.

    `close`: the socket is closed after the reply, with the code 4403, after which a page does not reconnect. `details`
    must be JSON: for `throttled` it contains `retry_after` in seconds.
    """

    def __init__(self, code: Code, message: str, *, close: bool = False, **details: object) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.close = close
        self.details = details
        self.status = HTTP_STATUS[code]

    def body(self) -> dict[str, object]:
        """The refusal as JSON, the same in a frame of the socket and in an HTTP response."""
        return {"code": self.code, "message": self.message, "details": self.details}


class DeliveryFailed(Exception):
    """A service could not perform a delivery.

    `permanent`: this content will always be refused; otherwise it is tried again.
    `certain`: the service has certainly not stored it; otherwise this is unknown, and is checked before it is tried
    again.
    `reason` is a short stable code for staff, `detail` a sentence.
    """

    def __init__(self, reason: str, detail: str = "", *, permanent: bool, certain: bool) -> None:
        super().__init__(detail or reason)
        self.reason = reason
        self.detail = detail
        self.permanent = permanent
        self.certain = certain
