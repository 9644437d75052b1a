"""Who a visitor is: what of that which he comes with counts, and who vouches for him."""

from bridge.identity.authentication import Entrance, enter, recognise
from bridge.identity.providers import Vouched, end_login, read_jwt, read_login

__all__ = ["Entrance", "Vouched", "end_login", "enter", "read_jwt", "read_login", "recognise"]
