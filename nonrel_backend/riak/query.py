"""BackendQuery: one scan of one table of Riak."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from django.db import NotSupportedError
from django.utils.functional import cached_property

from ..conditions import Column, Condition
from ..kv.access_paths import Ordering
from ..kv.predicates import CompoundPredicate, Predicate, columns
from ..kv.query import KeyValueQuery
from ..kv.scan import Scan
from ..query import CHUNK, safe_call
from . import datatypes
from .objects import Found
from .tables import Row
from .versions import Writes


class BoundedScan(Scan):
    """A scan that gives up after `local_rows` rows that it reads in vain."""

    # How many rows did not match so far.
    unmatched = 0

    def matching(self, rows: list[Row]) -> list[bool]:
        found = super().matching(rows)
        self.unmatched += found.count(False)
        if 0 < self.query.connection.local_rows <= self.unmatched:
            raise too_many(self.query, "were read and do not match")
        return found

    def sorted(self, ordering: Ordering, high: int | None) -> Iterator[Row]:
        rows = (row for chunk in self.chunks(None) for row in chunk)
        found = bounded(self.query, rows, "must be sorted here")
        return self.in_order(found, ordering, high)


class BackendQuery(KeyValueQuery):
    """One scan of one table: by keys, by an index, or by a fold over all objects."""

    scan_class = BoundedScan

    @cached_property
    def data(self) -> Mapping[str, Any]:
        """The columns that are objects of their own, counters and sets, by name."""
        data: Mapping[str, Any] = self.connection.catalog.table(self.table).data
        return data

    @cached_property
    def data_names(self) -> list[str]:
        """The columns to fetch that are objects of their own."""
        data = self.data
        return [field.column for field in self.fields if field.column in data]

    # --- filters and ordering ---

    def add_filters(self, condition: Condition) -> None:
        before = len(self.predicates)
        super().add_filters(condition)
        data = self.data
        for name in columns_of_all(self.predicates[before:]) if data else ():
            if name in data:
                del self.predicates[before:]
                raise NotSupportedError(
                    f"Riak does not filter by {name}, a {data[name].label}"
                )

    def order_by(self, ordering: list[tuple[str, bool]]) -> None:
        for name, _ in ordering:
            self.refuse_order(name)
        super().order_by(ordering)

    def order_by_columns(self, ordering: list[tuple[Column, bool]]) -> None:
        for column, _ in ordering:
            self.refuse_order(column.name)
        super().order_by_columns(ordering)

    def refuse_order(self, name: str) -> None:
        """Raise NotSupportedError for an order by a counter or a set."""
        if name in self.data:
            raise NotSupportedError(
                f"Riak does not sort by {name}, a {self.data[name].label}"
            )

    def lock(self) -> None:
        """There are no locks: rows that have changed are noticed when they are put."""

    # --- reading ---

    @safe_call
    def fetch(self, low_mark: int, high_mark: int | None) -> Iterator[Row]:
        found = super().fetch(low_mark, high_mark)
        return self.filled(found) if self.data_names else found

    def fetch_lists(
        self, columns: list[str], absent: list, low_mark: int, high_mark: int | None
    ) -> Iterator[list[list]]:
        if not self.data_names:
            return super().fetch_lists(columns, absent, low_mark, high_mark)
        rows = self.fetch(low_mark, high_mark)
        lists = ([*map(row.get, columns, absent)] for row in rows)
        return iter(lambda: list(islice(lists, CHUNK)), [])

    @safe_call
    def filled(self, rows: Iterable[Row]) -> Iterator[Row]:
        """Yield rows with the values of their counters and sets."""
        objects = self.connection.objects(self.table)
        key = objects.table.row_key
        found = (Found(key(row), row, b"", Writes()) for row in rows)
        for each in datatypes.filled(objects, found, self.data_names):
            yield each.row

    # --- writing ---

    def bounded(self, found: Iterator[Any]) -> list[Any]:
        return bounded(self, found, "must be updated")

    def update_rows(self, rows: list[tuple[Any, dict[str, Any]]]) -> int:
        data = self.data
        for name in {name for _, row in rows for name in row if name in data}:
            raise NotSupportedError(
                f"{data[name]} is a {data[name].label}, which this statement cannot "
                "write. Use update() with F(), AddToSet() or Pull()."
            )
        return super().update_rows(rows)

    def describe(self) -> str:
        return super().describe() + "".join(
            f", {name} of each" for name in self.data_names
        )


def bounded(query: BackendQuery, rows: Iterable[Any], why: str) -> list[Any]:
    """Return all the rows; raise NotSupportedError for more than `local_rows`."""
    most = query.connection.local_rows
    found = list(islice(rows, most + 1) if most else rows)
    if most and len(found) > most:
        raise too_many(query, why)
    return found


def too_many(query: BackendQuery, why: str) -> NotSupportedError:
    names = set(columns_of_all(query.predicates))
    names |= {getattr(by, "name", by) for by, _ in query.ordering}
    table = query.connection.catalog.table(query.table)
    searched = {index.columns[0] for index in table.indexes if not index.building}
    unindexed = ", ".join(sorted(names - searched)) or "more"
    return NotSupportedError(
        f"More than {query.connection.local_rows} rows of {query.table} {why}, which "
        'is the limit of OPTIONS["local_rows"]. Add an index (db_index=True on '
        f"{unindexed}), or filter more."
    )


def columns_of_all(
    predicates: Iterable[Predicate | CompoundPredicate],
) -> Iterator[str]:
    """Yield the names of the columns that the predicates read."""
    for predicate in predicates:
        yield from columns(predicate)
