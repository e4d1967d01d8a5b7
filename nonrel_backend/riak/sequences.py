"""Keys 1, 2, 3 for AutoField, where OPTIONS["keys"] is "sequence".

Each is one request, which changes the last one under compare-and-set, and where another
process was faster, or for the first one, a request that reads it. Where the bucket type
cannot tell of a race, two writers may get the same key: the second
insert finds the first one's row, and takes another.
"""

from collections.abc import Callable

from django.db import OperationalError

from . import rows as writing
from .objects import Found, Objects


class Sequence:
    """The last key of a table, a row of the catalog's own table."""

    def __init__(self, objects: Objects, table: str, kept: dict[str, Found]):
        self.objects = objects
        self.table = table
        self.key = objects.table.object_key(table)
        # As the process knows them.
        self.kept = kept

    def next(self, count: int) -> range:
        last = self.change(lambda last: last + count)
        return range(last + 1, last + count + 1)

    def reach(self, key: int) -> None:
        """Have the next keys follow this one."""
        found = self.kept.get(self.table) or self.read()
        if found is None or found.row["last"] < key:
            self.change(lambda last: max(last, key))

    def read(self) -> Found | None:
        return next(self.objects.by_keys([self.key]), None)

    def change(self, change: Callable[[int], int]) -> int:
        """Change the last key; return what it was."""
        for attempt in range(writing.ATTEMPTS):
            found = self.kept.pop(self.table, None) or self.read()
            if found is None:
                row = {"name": self.table, "last": change(0)}
                if not writing.insert(self.objects, [row]):
                    return 0
                continue
            last = found.row["last"]
            row = {**found.row, "last": change(last)}
            if not writing.put_changed(self.objects, [found], [row]):
                if found.row is row:
                    self.kept[self.table] = found
                return last
            writing.give_way(attempt)
        raise OperationalError(f"The next key of {self.table} is asked for too often.")
