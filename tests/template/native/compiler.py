"""Queries and writes by the store's own commands."""

import json
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from typing import Any

from django.db import NotSupportedError

from backend_template import compiler
from backend_template.store import matching
from nonrel_backend.query import MISSING, Column, safe_call


class BackendQuery(compiler.BackendQuery):
    # What order_by_columns() was asked for.
    by_parts: list[tuple[Column, bool]] = []

    def order_by_columns(self, ordering: list[tuple[Column, bool]]) -> None:
        """Order by parts of documents, which the store holds as JSON text."""
        for column, _ in ordering:
            if column.is_many or column.db_type not in ("int", "long", "string"):
                raise NotSupportedError(self.refusal(f"order by {column}"))
        self.by_parts = ordering

    def found(self) -> list[tuple[Any, dict[str, Any]]]:
        rows: list[tuple[Any, dict[str, Any]]] = super().found()
        for column, ascending in reversed(self.by_parts):
            rows.sort(key=partial(sort_key, column), reverse=not ascending)
        return rows

    def version(self) -> Any:
        """Return the table itself: the store replaces it as a whole."""
        return Same(self.connection.db_connection.state(self.table).get(self.table))

    def fetch_lists(
        self, columns: list[str], absent: list[Any], low: int, high: int | None
    ) -> Iterator[list[list[Any]]]:
        self.connection.db_connection.commands.append("fetch_lists")
        found = self.found()[low:high]
        yield [[*map(row.get, columns, absent)] for _, row in found]

    @safe_call
    def update(self, values: dict[str, Any]) -> int:
        amounts = {
            column: amount
            for column, value in values.items()
            if (amount := self.increment(column, value)) is not None
        }
        plain = {name: each for name, each in values.items() if name not in amounts}
        if any(hasattr(value, "as_sql") for value in plain.values()):
            raise NotSupportedError("No expressions but increments.")
        connection = self.connection.db_connection
        connection.commands += ["add"] * bool(amounts)
        with connection.writing(self.table) as documents:
            for key, document in (found := matching(documents, self.db_query)):
                new = {**document, **plain}
                new |= {n: new[n] + amounts[n] for n in amounts if n in document}
                documents[key] = {k: v for k, v in new.items() if v is not MISSING}
            connection.require_unique(self.table, documents)
        return len(found)


def sort_key(column: Column, row: tuple[Any, dict[str, Any]]) -> tuple[bool, Any]:
    """Return what sorts a row by a part of a document, NULL before every value."""
    value = row[1].get(column.name)
    if column.path and value is not None:
        value = json.loads(value)
    for step in column.path:
        value = value.get(step) if isinstance(value, dict) else None
    return value is not None, value


class Same:
    """Equal to another of the same table."""

    def __init__(self, table: Any) -> None:
        self.table = table

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and other.table is self.table

    def __hash__(self) -> int:
        return id(self.table)


class SQLCompiler(compiler.SQLCompiler):
    query_class = BackendQuery


class SQLInsertCompiler(compiler.SQLInsertCompiler, SQLCompiler):
    @safe_call
    def insert_rows(
        self, rows: list[dict[str, Any]], return_ids: bool = False
    ) -> list[Any]:
        meta = self.query.get_meta()
        keyed = [(self.key_of(row), row) for row in rows]
        self.store.db_connection.insert_all(meta.db_table, keyed)
        expires: timedelta | None = getattr(meta.model, "expires_after", None)
        if expires is not None:
            self.store.db_connection.commands.append(f"expire after {expires}")
        return [key for key, _ in keyed]
