"""The shop by itself: how it uses ChatBridge, tested from outside."""
