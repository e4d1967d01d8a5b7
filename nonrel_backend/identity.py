"""IdentityCache: results by the identity of the object that they were computed for."""

from collections.abc import Callable
from typing import Any


class IdentityCache(dict[int, tuple[Any, Any]]):
    """{id(object): (object, what `compute(object)` returned)}.

    For fields, which compare equal when they are copies of each other. An entry keeps
    its object alive, so that no other object gets the same id. All entries are dropped
    when there are `size` of them: models come and go in tests and migrations.
    """

    def __init__(self, compute: Callable[[Any], Any], size: int) -> None:
        super().__init__()
        self.compute = compute
        self.size = size

    def add(self, key: Any) -> Any:
        """Compute the result for an object, keep it and return it."""
        if len(self) >= self.size:
            self.clear()
        result = self.compute(key)
        self[id(key)] = key, result
        return result
