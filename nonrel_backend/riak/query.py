"""BackendQuery: one scan of one table of Riak."""

from collections.abc import Callable, Iterator
from copy import deepcopy
from functools import cached_property
from itertools import groupby, islice
from typing import Any

from django.db import NotSupportedError

from ..conditions import Column, Condition, Node
from ..documents.changing import changed
from ..query import CHUNK, MISSING, NonrelQuery, safe_call
from . import datatypes
from . import rows as writing
from .access_paths import (
    AccessPath,
    IndexScan,
    KeyLookup,
    descending_scan,
    key_lookup,
    merge_ranges,
    scan_of,
    whole_index,
)
from .expressions import Expressions
from .objects import PAGE, Found, Objects
from .predicates import COMPARED, CompoundPredicate, Predicate, prepare, sort_key
from .table import Row


class BackendQuery(NonrelQuery):
    """One scan of one table: by keys, by an index, or by a fold over all objects."""

    changes_documents = True

    def __init__(self, compiler: Any, fields: list[Any]) -> None:
        super().__init__(compiler, fields)
        self.predicates: list[Predicate | CompoundPredicate] = []
        self.ordering: list[tuple[Column, bool]] = []

    @cached_property
    def objects(self) -> Objects:
        return self.connection.objects(self.meta)

    @cached_property
    def data_names(self) -> list[str]:
        """The columns to fetch that are objects of their own: counters and sets."""
        data = self.objects.table.data
        return [field.column for field in self.fields if field.column in data]

    # --- filters and ordering ---

    def add_filters(self, condition: Condition) -> None:
        if isinstance(condition, Node) and condition.connector == "AND":
            predicates = [prepare(each) for each in condition.children]
        else:
            predicates = [prepare(condition)]
        data = self.objects.table.data
        for name in columns_of_all(predicates):
            if name in data:
                raise NotSupportedError(
                    f"Riak does not filter by {name}, a {data[name].label}"
                )
        self.predicates += predicates

    def order_by(self, ordering: list[tuple[str, bool]]) -> None:
        columns = self.objects.table.columns
        self.order_by_columns([(Column(c, columns[c]), up) for c, up in ordering])

    def order_by_columns(self, ordering: list[tuple[Column, bool]]) -> None:
        data = self.objects.table.data
        for column, _ in ordering:
            if column.is_many:
                raise NotSupportedError(
                    f"Riak does not sort by {column}, which has many values in a row"
                )
            if column.name in data:
                raise NotSupportedError(
                    f"Riak does not sort by {column}, a {data[column.name].label}"
                )
            if column.db_type not in COMPARED:
                raise NotSupportedError(
                    f"Riak does not sort by {column} ({column.db_type})"
                )
        self.ordering = ordering

    # --- access path ---

    def access_path(self) -> AccessPath | None:
        """Return the key lookup, the best index scan, or None for a fold.

        If several indexes serve, this asks Riak for the first keys of each.
        """
        candidates = self.candidates()
        if isinstance(candidates, KeyLookup):
            return candidates
        if candidates:
            return self.in_direction(self.objects.best(candidates))
        if self.has_limit and self.ordering and not self.ordering[0][0].path:
            scan = whole_index(self.objects.table, self.ordering[0][0].name)
            if scan is not None:
                scan = self.in_direction(scan)
                return scan if self.in_order(scan) else None
        return None

    def candidates(self) -> KeyLookup | list[IndexScan]:
        """Return the lookup of the keys that the filters name, or the index scans."""
        table = self.objects.table
        by_key = key_lookup(table, self.predicates)
        if by_key is not None:
            return by_key
        scans = [scan_of(table, each) for each in self.predicates]
        return merge_ranges(table, [scan for scan in scans if scan is not None])

    def in_direction(self, scan: IndexScan) -> IndexScan:
        """Return the scan, in descending order if that is asked for and possible."""
        if self.ordering and not self.ordering[0][1] and scan.column:
            if self.ordering[0][0].name == scan.column:
                return descending_scan(self.objects.table, scan) or scan
        return scan

    @property
    def has_limit(self) -> bool:
        return self.limits[1] is not None

    def in_order(self, path: AccessPath | None) -> bool:
        """Return whether the rows come in the order of the first column asked for."""
        if not self.ordering:
            return True
        if not isinstance(path, IndexScan):
            return False
        column, ascending = self.ordering[0]
        in_direction = ascending != path.descending
        return in_direction and not column.path and column.name == path.column

    # --- reading ---

    def read(self, path: AccessPath | None) -> Iterator[Found]:
        """Yield the rows of an access path for which the predicates are true."""
        predicates = self.predicates
        if path is None:
            found = self.objects.all()
        elif isinstance(path, KeyLookup):
            found = self.objects.by_keys(path.keys)
            predicates = path.residual
        else:
            first = min(self.limits[1] or PAGE, PAGE) if self.in_order(path) else PAGE
            found = self.objects.by_keys(self.objects.keys(path), first)
        if not predicates and self.connection.versions is None:
            return found
        return self.filtered(found, predicates)

    def filtered(
        self,
        found: Iterator[Found],
        predicates: list[Predicate | CompoundPredicate],
    ) -> Iterator[Found]:
        """Yield the rows for which the predicates are true.

        Raise NotSupportedError after `local_rows` others.
        """
        left = self.connection.local_rows
        versions = self.connection.versions
        for each in found:
            if all(predicate.matches(each.row) for predicate in predicates):
                if versions is not None:
                    versions[self.table, each.key] = each.vclock
                yield each
            elif left:
                left -= 1
                if not left:
                    raise self.too_many("were read and do not match")

    def found(self, low: int = 0, high: int | None = None) -> Iterator[Found]:
        """Return the rows from number `low` to `high`, in order."""
        self.limits = (low, high)
        path = self.access_path()
        rows = self.read(path)
        if not self.in_order(path):
            rows = iter(self.sorted(rows))
        elif len(self.ordering) > 1:
            rows = self.sorted_within(rows)
        return islice(rows, low, high)

    def sorted_within(self, rows: Iterator[Found]) -> Iterator[Found]:
        """Sort rows that come in the order of the first column by the others."""
        first = sort_key(self.ordering[0][0])
        for _, same in groupby(rows, lambda each: first(each.row)):
            yield from self.sorted(same)

    def sorted(self, rows: Iterator[Found]) -> list[Found]:
        found = self.bounded(rows, "must be sorted here")
        for column, ascending in reversed(self.ordering):
            key = sort_key(column)
            found.sort(key=lambda each: key(each.row), reverse=not ascending)
        return found

    def bounded(self, rows: Iterator[Found], why: str) -> list[Found]:
        """Return all the rows; raise NotSupportedError for more than `local_rows`."""
        most = self.connection.local_rows
        found = list(islice(rows, most + 1) if most else rows)
        if most and len(found) > most:
            raise self.too_many(why)
        return found

    def too_many(self, why: str) -> NotSupportedError:
        names = set(columns_of_all(self.predicates))
        names |= {column.name for column, _ in self.ordering}
        unindexed = ", ".join(sorted(names - self.objects.table.searched)) or "more"
        return NotSupportedError(
            f"More than {self.connection.local_rows} rows of {self.table} {why}, which "
            'is the limit of OPTIONS["local_rows"]. Add an index (db_index=True on '
            f"{unindexed}), or filter more."
        )

    # --- the author's interface: reading ---

    @safe_call
    def fetch(self, low_mark: int, high_mark: int | None) -> Iterator[Row]:
        for each in self.filled(low_mark, high_mark):
            yield each.row

    @safe_call
    def fetch_lists(
        self, columns: list[str], absent: list, low_mark: int, high_mark: int | None
    ) -> Iterator[list[list]]:
        found = self.filled(low_mark, high_mark)
        rows = ([*map(each.row.get, columns, absent)] for each in found)
        while chunk := list(islice(rows, CHUNK)):
            yield chunk

    def filled(self, low_mark: int, high_mark: int | None) -> Iterator[Found]:
        """Return the rows with the values of their counters and sets."""
        found = self.found(low_mark, high_mark)
        if self.data_names:
            return datatypes.filled(self.objects, found, self.data_names)
        return iter(found)

    @safe_call
    def count(self, limit: int | None = None) -> int:
        if not self.predicates:
            return self.objects.count(limit)
        return sum(1 for _ in self.found(0, limit))

    # --- the author's interface: writing ---

    @safe_call
    def delete(self) -> int:
        return writing.delete(self.objects, self.found())

    @safe_call
    def delete_rows(self, keys: list[Any]) -> int:
        found = self.objects.by_keys(map(self.objects.table.object_key, keys))
        return writing.delete(self.objects, found)

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

        def wanted(row: Row) -> bool:
            return all(predicate.matches(row) for predicate in self.predicates)

        # Read all rows before the first write: a changed row must not be found again.
        # More rows are left to the planner, which keeps only their keys in memory.
        found = self.bounded(self.found(), "must be updated")
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
        keys = {table.object_key(key): key for key, _ in rows}
        changes = {table.object_key(key): values for key, values in rows}
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

    # --- explain() ---

    def describe(self, path: AccessPath | None = None) -> str:
        path = path or self.first_candidate()
        access = "fold" if path is None else str(path)
        filters = " and ".join(map(shown, self.predicates))
        order = ", ".join(
            f"{column}{'' if up else ' desc'}" for column, up in self.ordering
        )
        text = f"{self.table}: {access}"
        text += f", filter {filters}" if filters else ""
        text += "".join(f", {name} of each" for name in self.data_names)
        return text + (f", order by {order}" if order else "")

    @safe_call
    def explain(self) -> str:
        """Return `describe()` with its requests, and with `analyze` the keys found."""
        path = self.access_path()
        if path is None:
            return f"{self.describe()} (all rows, {PAGE} to a request)"
        if isinstance(path, KeyLookup):
            return f"{self.describe()} ({len(path.keys)} gets)"
        cost = f"{len(path.queries)} index queries by pages of {PAGE}"
        if self.analyze:
            found = sum(1 for _ in self.objects.keys(path))
            cost += f": {found} keys, as many gets"
        return f"{self.describe(path)} ({cost})"

    def first_candidate(self) -> AccessPath | None:
        """Return an access path without asking Riak which one is the best."""
        candidates = self.candidates()
        if isinstance(candidates, KeyLookup):
            return candidates
        return candidates[0] if candidates else None


def document_change(steps: list) -> Callable[[Any], Any]:
    """Return the function from the old document to the new one."""

    def change(document: Any) -> Any:
        found = changed(deepcopy(document), deepcopy(steps))
        return MISSING if found is None else found

    return change


def columns_of_all(
    predicates: list[Predicate | CompoundPredicate],
) -> Iterator[str]:
    """Yield the names of the columns that the predicates read."""
    for predicate in predicates:
        if isinstance(predicate, CompoundPredicate):
            yield from columns_of_all(predicate.children)
        else:
            yield predicate.column


def shown(predicate: Predicate | CompoundPredicate) -> str:
    if isinstance(predicate, CompoundPredicate):
        connector = f" {predicate.connector.lower()} "
        return f"({connector.join(map(shown, predicate.children))})"
    negation = "not " if predicate.negated else ""
    value = predicate.value
    text = f"{len(value)} values" if isinstance(value, list) else repr(value)
    column = Column(predicate.column, predicate.db_type, predicate.path)
    return f"{negation}{column} {predicate.lookup_type} {text}"
