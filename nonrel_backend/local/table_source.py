"""One table of the store, as the cache of tables reads it."""

from collections.abc import Iterator
from typing import Any

from ..conditions import Column, Leaf
from ..planner.scans import key_batches, new_query, require_filters
from ..query import NonrelQuery
from ..values.filtering import filter_value
from .load import RowLimit, local_rows, to_local_values


class TableSource:
    """Reads a table, or those of its rows that have changed, as SQLite's values."""

    def __init__(self, store: Any, table: Any, limit: RowLimit | None) -> None:
        self.store = store
        # The LocalTable.
        self.table = table
        # What counts the rows of a load, None if nothing does.
        self.limit = limit
        self.query = self.scan([table.meta.pk_fields[0].column])

    def scan(self, columns: list[str]) -> NonrelQuery:
        """Return a new scan of these columns."""
        return new_query(self.store, self.table.meta.model, self.fields(columns))

    def fields(self, columns: list[str]) -> list[Any]:
        """Return the fields of columns."""
        return [self.table.fields[column] for column in columns]

    def rows(self, columns: list[str]) -> Iterator[list[Any]]:
        """Yield chunks of all rows."""
        query = self.scan(columns)
        chunks = local_rows(query, self.fields(columns), self.store.timezone)
        return chunks if self.limit is None else self.limit.counted(chunks, query)

    def rows_of(self, columns: list[str], keys: list[Any]) -> Iterator[list[Any]]:
        """Yield chunks of the rows with these stored keys.

        Raise Refused if the store does not find just these.
        """
        field = self.table.fields[self.table.key]
        db_type = self.store.type_of(field)
        context = self.query.compiler
        values = [filter_value(context, db_type, key) for key in keys]
        column = Column(field.column, db_type)
        for condition in key_batches(Leaf(column, "in", values)):
            query = self.scan(columns)
            require_filters(query, [condition])
            yield from local_rows(query, self.fields(columns), self.store.timezone)

    def local_keys(self, keys: list[Any]) -> list[Any]:
        """Return stored keys as SQLite's values."""
        field = self.table.fields[self.table.key]
        return to_local_values(self.query, field, keys, self.store.timezone)
