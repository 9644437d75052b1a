"""Addresses of files, for whoever reads a conversation where nobody is logged in here."""

from bridge import files
from bridge.infra import addresses
from bridge.models import Attachment


def address_of(attachment: Attachment) -> str:
    """Empty where the site's own address is not known."""
    if attachment.state == Attachment.State.REMOTE:
        return attachment.remote_url
    path = addresses.path_to("bridge:file", attachment.uid)
    return files.link(path, site=addresses.origin(), uid=attachment.uid)
