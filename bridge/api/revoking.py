"""Signing visitors out, for other code."""

from asgiref.sync import sync_to_async

from bridge.identity.revocation import revoke_token, revoke_visitor

__all__ = ["arevoke_token", "arevoke_visitor", "revoke_token", "revoke_visitor"]

arevoke_token = sync_to_async(revoke_token)
arevoke_visitor = sync_to_async(revoke_visitor)
