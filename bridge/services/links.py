"""Addresses of files, for whoever reads a conversation where nobody is logged in here."""

from django.urls import reverse

from bridge import files
from bridge.conf import settings
from bridge.models import Attachment


def address_of(attachment: Attachment) -> str:
    """Empty where the site's own address is not known."""
    if attachment.state == Attachment.State.REMOTE:
        return attachment.remote_url
    path = reverse("bridge:file", args=[attachment.uid])
    return files.link(path, site=settings.SITE_URL, uid=attachment.uid)
