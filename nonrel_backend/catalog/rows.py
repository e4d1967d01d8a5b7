"""Rows of one table as the store holds them, by the backend author's own methods."""

from collections.abc import Callable, Iterable
from typing import Any

from django.db.models.sql import InsertQuery

from ..conditions import Condition
from ..planner.scans import new_query, push
from ..query import MISSING

# A row: {column: stored value}, without the columns that are NULL.
Row = dict[str, Any]


class Rows:
    """Reads and writes one table past the ORM, with no checks of any kind."""

    def __init__(self, store, model):
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
        """At least the rows that satisfy the conditions."""
        query = new_query(self.store, self.model, list(self.fields.values()))
        push(query, conditions)
        return [
            {
                column: document[column]
                for column in self.fields
                if is_stored(document, column, self.fields, self.store)
            }
            for document in query.fetch(0, None)
        ]

    def key(self, row: Row) -> Any:
        """The key of a row, as update() and delete() take it."""
        parts = tuple(row.get(field.column) for field in self.meta.pk_fields)
        return parts if len(parts) > 1 else parts[0]

    def insert(self, rows: Iterable[Row]) -> None:
        for row in rows:
            self.compiler.insert(dict(row))

    def update(self, changes: list[tuple[Any, Row]]) -> None:
        if changes:
            new_query(self.store, self.model, [self.meta.pk]).update_rows(changes)

    def delete(self, keys: list[Any]) -> None:
        if keys:
            new_query(self.store, self.model, [self.meta.pk]).delete_rows(keys)

    def clear(self) -> None:
        self.delete([self.key(row) for row in self.find()])

    def lock(self) -> None:
        """Keep other writers out until the transaction ends, where the store can."""
        new_query(self.store, self.model, [self.meta.pk]).lock()

    # --- values ---

    def to_python(self, column: str) -> Callable[[Any], Any]:
        """The function from a column's stored values to Python's."""
        db_type = self.fields[column].db_type(self.store)
        return self.compiler.from_db_converter(db_type) or same

    def to_stored(self, column: str) -> Callable[[Any], Any]:
        db_type = self.fields[column].db_type(self.store)
        return self.compiler.for_db_converter(db_type)


def same(value: Any) -> Any:
    return value


def is_stored(document: Row, column: str, fields: dict, store) -> bool:
    """Whether a document has a value; a stored None is one in a JSON column only."""
    value = document.get(column, MISSING)
    if value is None:
        return fields[column].db_type(store) == "json"
    return value is not MISSING
