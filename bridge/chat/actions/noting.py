"""Which custom emoji were seen: only those have pictures here, or anybody could fetch through this site."""

from collections.abc import Iterable

from bridge.models import Emoji
from bridge.text import emojis


def note_emojis(spelled: Iterable[str] = (), *, content: str = "") -> None:
    """A server's own emoji, in a reaction or in a text: from now on there is a picture of it here."""
    seen = emojis.mentioned(content) if content else {}
    for each in spelled:
        name, pk, animated = emojis.parts(each)
        if pk is not None:
            seen[pk] = (name, animated)
    if not seen:
        return
    Emoji.objects.bulk_create(
        [Emoji(remote_id=pk, name=name, animated=animated) for pk, (name, animated) in seen.items()],
        ignore_conflicts=True,
    )
