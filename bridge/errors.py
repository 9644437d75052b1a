"""What can go wrong and may reach a client, and how a delivery fails."""

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
"""What a refusal is answered with where it goes out over HTTP. `closed` is no 410: it may be opened again."""


class BridgeError(Exception):
    """A refusal that the client is meant to see: a stable code and a sentence for a person.

    `close`: it ends the socket, for good: its reply is followed by the close code 4403, after which a page does not
    come again. `details` must be JSON: for `throttled` it holds `retry_after` in seconds.
    """

    def __init__(self, code: Code, message: str, *, close: bool = False, **details: object) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.close = close
        self.details = details
        self.status = HTTP_STATUS[code]

    def body(self) -> dict[str, object]:
        """Its JSON, the same in a frame of the socket and in an answer over HTTP."""
        return {"code": self.code, "message": self.message, "details": self.details}


class DeliveryFailed(Exception):
    """A service could not carry a delivery.

    `permanent`: this content is refused, and will be tomorrow; otherwise it is tried again.
    `certain`: the service surely did not store it; otherwise nobody knows, and it is looked up
    before it is repeated.
    `reason` is a short stable code for staff, `detail` a sentence.
    """

    def __init__(self, reason: str, detail: str = "", *, permanent: bool, certain: bool) -> None:
        super().__init__(detail or reason)
        self.reason = reason
        self.detail = detail
        self.permanent = permanent
        self.certain = certain
