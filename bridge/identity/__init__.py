"""Who a visitor is: what of that which he comes with counts, and who vouches for him."""

from bridge.identity.authentication import Authenticated, authenticate
from bridge.identity.entrance import admit
from bridge.identity.providers import ExternalIdentity, end_login, read_jwt, read_login

__all__ = [
    "Authenticated",
    "ExternalIdentity",
    "admit",
    "authenticate",
    "end_login",
    "read_jwt",
    "read_login",
]
