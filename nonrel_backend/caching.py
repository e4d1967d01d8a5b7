"""A cache of values that are derived from objects, by the objects' identity."""

from collections.abc import Callable
from typing import Any


class IdentityCache:
    """`cache(key)` returns `derive(key)`, computed once for each object.

    For keys whose equality is not identity, such as Django's fields: a clone of a field
    equals it. The cache holds its keys, so that no identity is used again, and is
    emptied when it has `size` of them: models come and go in tests and migrations.
    """

    def __init__(self, derive: Callable[[Any], Any], size: int):
        self.derive = derive
        self.size = size
        self.entries: dict[int, tuple[Any, Any]] = {}

    def __call__(self, key: Any) -> Any:
        entry = self.entries.get(id(key))
        if entry is None:
            if len(self.entries) >= self.size:
                self.entries.clear()
            entry = self.entries[id(key)] = (key, self.derive(key))
        return entry[1]
