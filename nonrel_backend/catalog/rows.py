"""Rows of one table in stored form, read and written past the ORM."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models.sql import InsertQuery

from ..conditions import Column, Condition, Leaf
from ..planner.scans import new_query, push
from ..query import MISSING, NonrelQuery
from ..values.filtering import filter_value

# A row: {column: stored value}, without the columns that are NULL.
Row = dict[str, Any]


class Rows:
    """Reads and writes one table by the backend's own methods; validates nothing."""

    def __init__(self, store: Any, model: Any) -> None:
        self.store = store
        self.model = model
        self.meta = model._meta.concrete_model._meta
        self.fields = {
            field.column: field
            for field in self.meta.local_concrete_fields
            if field.column is not None and field.db_type(store) is not None
        }
        self.compiler = store.ops.compiler("SQLInsertCompiler")(
            InsertQuery(model), store, None
        )

    def find(self, conditions: Iterable[Condition] = ()) -> list[Row]:
        """Return the rows that satisfy the conditions, and maybe others."""
        query = self.scan()
        push(query, conditions)
        return self.stored(query.fetch(0, None))

    def with_keys(self, keys: Iterable[Any]) -> list[Row]:
        """Return the rows with these keys that there are."""
        wanted = set(keys)
        conditions = []
        if len(self.meta.pk_fields) == 1:
            pk = self.meta.pk
            db_type = pk.db_type(self.store)
            values = [filter_value(self.compiler, db_type, key) for key in wanted]
            conditions.append(Leaf(Column(pk.column, db_type), "in", values))
        return [row for row in self.find(conditions) if self.key(row) in wanted]

    def scan(self) -> NonrelQuery:
        return new_query(self.store, self.model, list(self.fields.values()))

    def stored(self, found: Iterable[Row]) -> list[Row]:
        """Return rows that a scan has fetched, without the columns that are NULL."""
        return [
            {
                column: row[column]
                for column in self.fields
                if is_stored(row, column, self.fields, self.store)
            }
            for row in found
        ]

    def key(self, row: Row) -> Any:
        """Return the key of a row, as update() and delete() take it."""
        parts = tuple(row.get(field.column) for field in self.meta.pk_fields)
        return parts if len(parts) > 1 else parts[0]

    def insert(self, rows: Iterable[Row]) -> None:
        self.compiler.insert_rows(list(map(dict, rows)))

    def update(self, changes: list[tuple[Any, Row]]) -> None:
        if changes:
            new_query(self.store, self.model, [self.meta.pk]).update_rows(changes)

    def delete(self, keys: list[Any]) -> None:
        if keys:
            new_query(self.store, self.model, [self.meta.pk]).delete_rows(keys)

    def clear(self) -> None:
        self.delete([self.key(row) for row in self.find()])

    def lock(self) -> None:
        """Lock the table until the transaction ends, if the store can."""
        new_query(self.store, self.model, [self.meta.pk]).lock()

    # --- values ---

    def to_python(self, column: str) -> Callable[[Any], Any]:
        """Return the function from a column's stored values to Python's."""
        db_type = self.fields[column].db_type(self.store)
        return self.compiler.from_db_converter(db_type) or same

    def to_stored(self, column: str) -> Callable[[Any], Any]:
        """Return the function from a column's Python values to stored ones."""
        db_type = self.fields[column].db_type(self.store)
        return self.compiler.for_db_converter(db_type)


@dataclass
class Lookup:
    """Conditions on the rows of one table, and what they find, or may find."""

    rows: Rows
    conditions: Sequence[Condition] = ()
    # Whether no other writer may change the table from now on.
    locks: bool = False
    found: list[Row] = field(default_factory=list)


def look_up(lookups: Iterable[Lookup]) -> None:
    """Find the rows of all lookups, together: those that lock their tables first."""
    ordered = sorted(lookups, key=lambda each: not each.locks)
    queries = []
    for each in ordered:
        query = each.rows.scan()
        if each.locks:
            query.writer_lock()
        push(query, each.conditions)
        queries.append(query)
    if not queries:
        return
    for each, found in zip(ordered, queries[0].fetch_together(queries), strict=True):
        each.found = each.rows.stored(found)


def compares(store: Any) -> bool:
    """Return whether rows are written on the condition that they are as they were read.

    Stores without a lock do so.
    """
    own = store.ops.query_class.update_rows_if is not NonrelQuery.update_rows_if
    return own and not store.features.supports_transactions


def same(value: Any) -> Any:
    return value


def is_stored(row: Row, column: str, fields: dict[str, Any], store: Any) -> bool:
    """Return whether a row has a value; None is a value in a JSON column only."""
    value = row.get(column, MISSING)
    if value is None:
        return fields[column].db_type(store) == "json"
    return value is not MISSING
