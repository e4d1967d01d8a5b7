"""Case folding of text, as regular expressions do it."""

from functools import lru_cache
from typing import Any


@lru_cache(maxsize=4096)
def _fold_character(character: str) -> str:
    folded = character.casefold()
    if len(folded) > 1:
        folded = character.lower()
    return folded if len(folded) == 1 else character


def fold(text: Any) -> str | bytes | None:
    """Return text with its case folded, character by character; bytes as they are."""
    if text is None or isinstance(text, bytes):
        return text
    text = str(text)
    return text.lower() if text.isascii() else "".join(map(_fold_character, text))
