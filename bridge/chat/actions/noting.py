"""Records which custom emoji were used. Only their images are fetched, so that nobody can use this site as a proxy."""

from collections.abc import Iterable

from bridge.models import Emoji
from bridge.text import emojis


def note_emojis(spelled: Iterable[str] = (), *, content: str = "") -> None:
    """Record custom emoji from reactions or from a text. From now on, this site has their images."""
    seen = emojis.mentioned(content) if content else {}
    for spelling in spelled:
        name, pk, animated = emojis.parts(spelling)
        if pk is not None:
            seen[pk] = (name, animated)
    if not seen:
        return
    Emoji.objects.bulk_create(
        [Emoji(remote_id=pk, name=name, animated=animated) for pk, (name, animated) in seen.items()],
        ignore_conflicts=True,
    )
