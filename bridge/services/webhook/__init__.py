"""Webhooks as a service: other programs receive messages as signed HTTP requests, and answer in the same way."""
