"""BackendQuery: one scan of one table of Riak."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import deepcopy
from functools import cached_property
from itertools import islice
from typing import Any

from django.db import NotSupportedError

from ..conditions import Column, Condition
from ..documents.changing import changed
from ..kv.access import Record
from ..kv.access_paths import Ordering
from ..kv.predicates import CompoundPredicate, Predicate, all_of, bind, columns
from ..kv.query import KeyValueQuery
from ..kv.scan import Scan
from ..query import CHUNK, MISSING, safe_call
from . import datatypes
from . import rows as writing
from .access import RiakAccess
from .expressions import Expressions
from .objects import Found, Objects
from .tables import Row
from .versions import Writes


class BoundedScan(Scan):
    """A scan that gives up after `local_rows` rows that it reads in vain."""

    query: "BackendQuery"
    # How many rows did not match so far.
    unmatched = 0

    def matching(self, rows: list[Row]) -> list[bool]:
        found = super().matching(rows)
        self.unmatched += found.count(False)
        if 0 < self.query.connection.local_rows <= self.unmatched:
            raise too_many(self.query, "were read and do not match")
        return found

    def sorted(self, ordering: Ordering, high: int | None) -> list[Row]:
        rows = (row for chunk in self.chunks(None) for row in chunk)
        found = bounded(self.query, rows, "must be sorted here")
        return self.in_order(found, ordering, high)


class BackendQuery(KeyValueQuery):
    """One scan of one table: by keys, by an index, or by a fold over all objects."""

    scan_class = BoundedScan

    def scan(self, access: Any, limit: int | None) -> tuple[Any, Any, Ordering]:
        table, scan, ordering = super().scan(access, limit)
        assert isinstance(scan, BoundedScan)
        scan.query = self
        return table, scan, ordering

    @cached_property
    def objects(self) -> Objects:
        return self.connection.objects(self.meta)

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

    def all_found(self) -> Iterator[tuple[Record, Any]]:
        """Return (record, row) of all rows wanted."""
        _, scan, _ = self.scan(RiakAccess(self.connection), None)
        return scan.found()

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

    def filled(self, rows: Iterable[Row]) -> Iterator[Row]:
        """Yield rows with the values of their counters and sets."""
        key = self.objects.table.row_key
        found = (Found(key(row), row, b"", Writes()) for row in rows)
        for each in datatypes.filled(self.objects, found, self.data_names):
            yield each.row

    # --- writing ---

    @safe_call
    def delete(self) -> int:
        return writing.delete(self.objects, (each for each, _ in self.all_found()))

    @safe_call
    def delete_rows(self, keys: list[Any]) -> int:
        table = self.objects.table
        wanted = map(table.stored_key, keys)
        return writing.delete(self.objects, self.objects.by_keys(wanted))

    @safe_call
    def update(self, values: dict[str, Any]) -> int:
        values = self.with_changes(values)
        expressions = Expressions(self.compiler, values)
        plain = {c: v for c, v in values.items() if c not in expressions.names}

        def change(found: list[Found]) -> list[Row]:
            rows = [each.row for each in found]
            return [
                writing.merged(row, {**plain, **computed})
                for row, computed in zip(rows, expressions.of(rows), strict=True)
            ]

        table = self.objects.table
        wanted = all_of([bind(each, table.getter) for each in self.predicates])
        # Read all rows before the first write: a changed row must not be found again.
        # More rows are left to the planner, which keeps only their keys in memory.
        found = bounded(self, (each for each, _ in self.all_found()), "must be updated")
        return writing.update(self.objects, found, change, wanted)

    @safe_call
    def update_rows(self, rows: list[tuple[Any, dict[str, Any]]]) -> int:
        table = self.objects.table
        for name in {name for _, row in rows for name in row if name in table.data}:
            raise NotSupportedError(
                f"{table.data[name]} is a {table.data[name].label}, which this "
                "statement cannot write. Use update() with F(), AddToSet() or Pull()."
            )
        rows = [(key, self.with_changes(values)) for key, values in rows]
        keys = {table.stored_key(key): key for key, _ in rows}
        changes = dict(zip(keys, (values for _, values in rows), strict=True))
        versions = self.connection.versions
        if versions is None:
            return writing.update_by_key(self.objects, changes)
        read = {key: versions.get((self.table, key)) for key in changes}
        lost = writing.update_versions(self.objects, changes, read)
        self.connection.changed_by_others += [keys[key] for key in lost]
        return len(rows) - len(lost)

    def with_changes(self, values: dict[str, Any]) -> dict[str, Any]:
        """Return the values of an UPDATE, with changes of documents as functions."""
        return {
            column: document_change(value.stored(self.connection))
            if getattr(value, "is_constant", False)
            else value
            for column, value in values.items()
        }

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
    table = query.objects.table
    searched = {index.columns[0] for index in table.indexes if not index.building}
    unindexed = ", ".join(sorted(names - searched)) or "more"
    return NotSupportedError(
        f"More than {query.connection.local_rows} rows of {query.table} {why}, which "
        'is the limit of OPTIONS["local_rows"]. Add an index (db_index=True on '
        f"{unindexed}), or filter more."
    )


def document_change(steps: list) -> Callable[[Any], Any]:
    """Return the function from the old document to the new one."""

    def change(document: Any) -> Any:
        found = changed(deepcopy(document), deepcopy(steps))
        return MISSING if found is None else found

    return change


def columns_of_all(
    predicates: Iterable[Predicate | CompoundPredicate],
) -> Iterator[str]:
    """Yield the names of the columns that the predicates read."""
    for predicate in predicates:
        yield from columns(predicate)
