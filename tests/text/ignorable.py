"""What nobody can see of a text, as Unicode lists it."""

from functools import cache

import regex


@cache
def ignorable() -> tuple[str, ...]:
    """More than four thousand characters: it takes a moment to find them, so only tests that need them do."""
    return tuple(regex.findall(r"\p{Default_Ignorable_Code_Point}", "".join(map(chr, range(0x110000)))))
