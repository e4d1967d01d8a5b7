"""Introspection: the collections, columns and indexes of a database."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db.backends.base.introspection import TableInfo
from django.db.models import Index

from ..cursor import Statement
from ..inference import Shape, keys_without_column
from ..introspection import NonrelDatabaseIntrospection, constraint
from ..microseconds import shown
from .inference import columns_of_shape
from .keys import COLLECTION as SEQUENCES
from .metadata import COLLECTION as METADATA
from .metadata import checks_of, columns_of, hidden_of
from .partials import is_presence
from .rewriting import indexes_of
from .sampling import shape_of

# How many documents are sampled of a collection that no migration has made.
SAMPLE_SIZE = 1_000
# The types of tables as Django names them. A time-series collection is a table.
TABLE_TYPES = {"view": "v"}


class DatabaseIntrospection(NonrelDatabaseIntrospection):
    own_fields = {
        name: f"nonrel_backend.mongodb.fields.{name}"
        for name in ("ObjectIdAutoField", "ObjectIdField")
    }
    sample_size = SAMPLE_SIZE
    # The sample of each table while inspectdb runs, None at other times.
    samples: dict[str, Shape] | None = None

    def get_table_list(self, cursor: Any) -> list[TableInfo]:
        def collections() -> list[tuple[str, str]]:
            found = self.connection.database.list_collections()
            return [(each["name"], each["type"]) for each in found]

        if cursor is None:
            names = collections()
        else:
            listing = Statement(collections, lambda: "db.getCollectionInfos()")
            names = list(cursor.execute(listing).fetchall())
        return [
            TableInfo(name, TABLE_TYPES.get(kind, "t"))
            for name, kind in sorted(names)
            if name not in (METADATA, SEQUENCES) and not name.startswith("system.")
        ]

    def columns(self, table_name: str) -> list[dict[str, Any]]:
        columns = columns_of(self.connection, table_name)
        if self.samples is None or not any(map(is_of_documents, columns)):
            return columns
        inferred = {each["name"]: each for each in self.sampled_columns(table_name)}
        return [
            {**each, "inferred": inferred[each["name"]]["inferred"]}
            if is_of_documents(each) and each["name"] in inferred
            else each
            for each in columns
        ]

    # --- collections that no migration has made ---

    @contextmanager
    def sampling(self, size: int) -> Iterator[None]:
        self.sample_size, self.samples = size, {}
        try:
            yield
        finally:
            self.sample_size, self.samples = SAMPLE_SIZE, None

    def sample(self, table: str) -> Shape:
        """Return what a sample of the collection's documents holds."""
        if self.samples is not None and table in self.samples:
            return self.samples[table]
        shape = shape_of(self.connection.database[table], self.sample_size)
        for each in hidden_of(self.connection, table):
            shape.keys.pop(each["key"], None)
        if self.samples is not None:
            self.samples[table] = shape
        return shape

    def sampled_columns(self, table: str) -> list[dict[str, Any]]:
        return columns_of_shape(self.sample(table))

    def comments(self, table_name: str) -> list[str]:
        if not any("inferred" in each for each in self.columns(table_name)):
            return []
        shape = self.sample(table_name)
        many = "s" if shape.count != 1 else ""
        found = [f"The fields are inferred from {shape.count:,} document{many}."]
        for key in keys_without_column(shape):
            found.append(
                f"The key {key!r} has no field: it is empty, or differs from another "
                "only in case."
            )
        return found

    # --- constraints ---

    def get_constraints(self, cursor: Any, table_name: str) -> dict[str, Any]:
        columns = self.columns(table_name)
        is_sampled = any("inferred" in column for column in columns)
        pk = [column["name"] for column in columns if column["pk"]]
        # What a key of an index names: a column, else a path, or a text index's own.
        # An index of a column of lists is one of their items.
        names: dict[str, str | None] = {
            column["name"]: column["name"]
            for column in columns
            if "." not in column["name"]
            and not getattr(column.get("inferred"), "holds_documents", False)
        }
        names["_id"] = pk[0] if len(pk) == 1 else None
        found = {}
        if pk:
            found["_id_"] = constraint(pk, primary_key=True, unique=True)
        for name, index in indexes_of(self.connection.database[table_name]).items():
            unique = bool(index.get("unique"))
            keys = shown(index["key"])
            indexed = [names.get(key) for key in keys]
            if unique and is_sampled and is_conditional(index):
                # inspectdb would make a unique field of it.
                indexed = [None for _ in indexed]
            found[name] = constraint(
                indexed,
                unique=unique,
                index=True,
                orders=["DESC" if index["key"][key] == -1 else "ASC" for key in keys],
                type=Index.suffix,
            )
        for check in checks_of(self.connection, table_name):
            found[check["name"]] = constraint(check["columns"], check=True)
        return found


def is_of_documents(column: dict[str, Any]) -> bool:
    """Return whether a column holds lists or sub-documents."""
    return column["db_type"] == "document"


def is_conditional(index: dict[str, Any]) -> bool:
    """Return whether a partial index leaves out more than NULLs."""
    return not all(map(is_presence, index.get("partialFilterExpression", {}).values()))
