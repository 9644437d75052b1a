"""The admin's cast, for the pages that webhooks bring to it."""

from tests.admin.conftest import conversation, inbox, staff, stranger, viewer

__all__ = ["conversation", "inbox", "staff", "stranger", "viewer"]
