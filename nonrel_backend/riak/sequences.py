"""Keys 1, 2, 3 for AutoField, where OPTIONS["keys"] is "sequence".

Each is one request for the last one and one for the next, under compare-and-set. Where
the bucket type cannot tell of a race, two writers may get the same key: the second
insert finds the first one's row, and takes another.
"""

from collections.abc import Callable

from django.db import OperationalError

from . import rows as writing
from .objects import Objects


class Sequence:
    """The last key of a table, a row of the catalog's own table."""

    def __init__(self, objects: Objects, table: str):
        self.objects = objects
        self.table = table
        self.key = objects.table.object_key(table)

    def next(self, count: int) -> range:
        last = self.change(lambda last: last + count)
        return range(last + 1, last + count + 1)

    def reach(self, key: int) -> None:
        """Have the next keys follow this one."""
        found = next(self.objects.by_keys([self.key]), None)
        if found is None or found.row["last"] < key:
            self.change(lambda last: max(last, key))

    def change(self, change: Callable[[int], int]) -> int:
        """Change the last key; return what it was."""
        for _ in range(writing.ATTEMPTS):
            found = next(self.objects.by_keys([self.key]), None)
            if found is None:
                row = {"name": self.table, "last": change(0)}
                if not writing.insert(self.objects, [row]):
                    return 0
                continue
            last = found.row["last"]
            row = {**found.row, "last": change(last)}
            if not writing.put_changed(self.objects, [found], [row]):
                return last
        raise OperationalError(f"The next key of {self.table} is asked for too often.")
