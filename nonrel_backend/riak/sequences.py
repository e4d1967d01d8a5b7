"""Keys 1, 2, 3 for AutoField, if OPTIONS["keys"] is "sequence".

Each key takes one request, a compare-and-set of the last key. The first one, and one
that loses a race, takes another request to read the last key. With a bucket type that
does not detect races, two writers may get the same key: the second insert then finds
the row of the first, and takes another key.
"""

from collections.abc import Callable

from django.db import DatabaseError, DataError, OperationalError

from ..catalog.tables import SEQUENCES
from ..kv.retrying import ATTEMPTS, give_way
from .changing import put_changed, put_new
from .objects import Found, Objects

# The largest key of 32-bit columns.
LARGEST_INT = 2**31 - 1


class Sequence:
    """The last key of a table: a row of the catalog's own table.

    `column` is the name of the table's key and `largest` the largest key it holds.
    """

    def __init__(
        self,
        objects: Objects,
        table: str,
        cached: dict[str, Found],
        column: str,
        largest: int,
    ) -> None:
        self.objects = objects
        self.table = table
        self.column = column
        self.largest = largest
        self.key = objects.table.key_of((table,))
        # {table: the row of its last key}, as the process has read or written it.
        self.cached = cached

    def next(self, count: int) -> range:
        """Return the next keys; raise DataError if there are not so many."""
        last = self.change(lambda last: self.after(last, count))
        return range(last + 1, last + count + 1)

    def after(self, last: int, count: int) -> int:
        if last + count > self.largest:
            raise DataError(
                f"No key is left for {self.table}.{self.column}: the last one was "
                f"{last}, which a row had or was given, and {self.largest} is the "
                "largest. Give such rows smaller keys, and run manage.py nonrel_check "
                "--fix: it goes on after the largest key that is left."
            )
        return last + count

    def reach(self, key: int) -> None:
        """Make the next keys larger than this one."""
        found = self.cached.get(self.table) or self.read()
        if found is None or found.row.get("last", 0) < key:
            self.change(lambda last: max(last, key))

    def is_used_up(self) -> bool:
        found = self.read()
        return found is not None and found.row.get("last", 0) >= self.largest

    def read(self) -> Found | None:
        return next(self.objects.by_keys([self.key]), None)

    def change(self, change: Callable[[int], int]) -> int:
        """Change the last key by compare-and-set; return the old one."""
        for attempt in range(ATTEMPTS):
            found = self.cached.pop(self.table, None) or self.read()
            if found is None:
                row = {"name": self.table, "last": change(0)}
                content = self.objects.table.content(row)
                if not put_new(self.objects, [(self.key, content)]):
                    return 0
                continue
            last = found.row.get("last")
            if type(last) is not int:
                raise DatabaseError(
                    f"The last key of {self.table} is damaged: {last!r} in the table "
                    f"{SEQUENCES}."
                )
            row = {**found.row, "last": change(last)}
            if not put_changed(self.objects, [found], [row]):
                if found.row is row:
                    self.cached[self.table] = found
                return last
            give_way(attempt)
        raise OperationalError(
            f"No key for {self.table}: other processes took the next one "
            f"{ATTEMPTS} times. Retry, or use OPTIONS['keys'] = 'time'."
        )
