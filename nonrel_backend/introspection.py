"""NonrelDatabaseIntrospection: the tables of a store, their columns and constraints."""

import re
from collections import namedtuple
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.db import NotSupportedError
from django.db.backends.base.introspection import BaseDatabaseIntrospection, TableInfo
from django.db.backends.base.introspection import FieldInfo as BaseFieldInfo
from django.db.models import Index

from .catalog.schema import REMOVED_KEY
from .cursor import Statement
from .dml.constraints import POSITIVE

FieldInfo: Any = namedtuple(  # type: ignore[misc]
    "FieldInfo", (*BaseFieldInfo._fields, "pk", "internal_type", "inferred")
)
SEQUENCED = {"AutoField", "BigAutoField", "SmallAutoField"}
# What a column of documents is to raw SQL and inspectdb, which lack its model.
TOOLKIT_FIELDS = {
    "DocumentField": "nonrel_backend.fields.RawField",
    "ListField": "nonrel_backend.fields.ListField",
    "DictField": "nonrel_backend.fields.DictField",
}


@dataclass(frozen=True)
class InferredField:
    """A field that fits what a store without a schema holds, for inspectdb.

    `field_class` is a class of Django's models or a dotted path, `note` a comment,
    `item` the field of the items of a list or dictionary, `fields` those of the keys of
    a sub-document.
    """

    field_class: str
    db_type: str
    options: dict[str, Any] = field(default_factory=dict)
    note: str = ""
    item: "InferredField | None" = None
    fields: "dict[str, InferredField] | None" = None

    @property
    def holds_documents(self) -> bool:
        """Whether its values are lists or sub-documents."""
        return self.db_type == "document"


@dataclass(frozen=True)
class PartOfTable:
    """The rows of a table that satisfy conditions: (column, lookup, value)."""

    conditions: list[tuple[str, str, Any]]

    @property
    def suffix(self) -> str:
        """What tells the part in names."""
        values = "_".join(str(value) for _, _, value in self.conditions)
        return re.sub(r"[\W_]+", "_", values).strip("_").lower()


class NonrelDatabaseIntrospection(BaseDatabaseIntrospection):
    """Reads the toolkit's catalog.

    A backend whose store knows its tables overrides `names`, `columns` and
    `get_constraints`.
    """

    # The dotted paths of fields that are not Django's, by internal type.
    own_fields: dict[str, str] = {}

    @property
    def catalog(self) -> Any:
        """The catalog of tables."""
        return self.connection.catalog

    @contextmanager
    def sampling(self, size: int) -> Iterator[None]:
        """Let columns be inferred of `size` rows, read once, while inspectdb runs.

        Do nothing where the store knows the columns.
        """
        yield

    def restrict(self, where: str) -> None:
        """Let inspectdb inspect the rows that satisfy a condition, as those of a table.

        Raise NotSupportedError, unless the store keeps rows of several kinds together.
        """
        raise NotSupportedError(
            f"{self.connection.display_name} has no models of parts of tables: leave "
            "out --where."
        )

    def part_of(self, table_name: str) -> "PartOfTable | None":
        """Return the part to which inspectdb is restricted, None for whole tables."""
        return None

    def comments(self, table_name: str) -> list[str]:
        """Return what inspectdb says of the columns of a table without a schema."""
        return []

    def names(self) -> list[str]:
        """Return the names of all tables."""
        return self.catalog.names()

    def get_table_list(self, cursor: Any) -> list[TableInfo]:
        names = self.names
        if cursor is not None:
            cursor.execute(Statement(names, lambda: "SELECT name of all tables"))
            names = cursor.fetchall
        return [TableInfo(name, "t") for name in names()]

    def columns(self, table_name: str) -> list[dict[str, Any]]:
        """Return the columns of a table, as `catalog.columns.describe()` does."""
        return [
            column
            for column in self.catalog.entry(table_name)["columns"]
            if column["name"] != REMOVED_KEY
        ]

    def get_constraints(self, cursor: Any, table_name: str) -> dict[str, Any]:
        entry = self.catalog.entry(table_name)
        found = {}
        if entry["key"] != [REMOVED_KEY]:
            found["PRIMARY"] = constraint(entry["key"], primary_key=True, unique=True)
        for column in self.columns(table_name):
            name = column["name"]
            if column["internal_type"] in POSITIVE:
                found[f"{table_name}_{name}_check"] = constraint([name], check=True)
        for index in entry["indexes"]:
            found[index["name"]] = constraint(
                [part if isinstance(part, str) else None for part in index["parts"]],
                unique=index["unique"],
                index=True,
                orders=["DESC" if down else "ASC" for down in index["descending"]],
                type=Index.suffix,
            )
        for check in entry["checks"]:
            found[check["name"]] = constraint(check["columns"], check=True)
        return found

    def identifier_converter(self, name: str) -> str:
        return name

    def get_table_description(self, cursor: Any, table_name: str) -> list[Any]:
        return [
            FieldInfo._make(
                [
                    column["name"],
                    column["db_type"],
                    column.get("max_length"),
                    column.get("max_length"),
                    column.get("max_digits"),
                    column.get("decimal_places"),
                    column["null"],
                    column.get("default"),
                    column.get("collation"),
                    column["pk"],
                    column["internal_type"],
                    column.get("inferred"),
                ]
            )
            for column in self.columns(table_name)
        ]

    def get_field_type(self, data_type: str, description: Any) -> str:
        kind: str = description.internal_type
        return self.own_fields.get(kind) or TOOLKIT_FIELDS.get(kind, kind)

    def get_sequences(
        self, cursor: Any, table_name: str, table_fields: Any = ()
    ) -> list[dict[str, str]]:
        return [
            {"table": table_name, "column": column["name"]}
            for column in self.columns(table_name)
            if column["pk"] and column["internal_type"] in SEQUENCED
        ]

    def get_relations(self, cursor: Any, table_name: str) -> dict[str, tuple]:
        # Since 6.1 Django also takes the constraint's ON DELETE.
        types = getattr(self, "on_delete_types", None)
        return {
            column["name"]: (
                *reversed(column["references"]),
                *([types[column.get("on_delete") or "NO ACTION"]] if types else []),
            )
            for column in self.columns(table_name)
            if column.get("references")
        }

    def get_primary_key_columns(self, cursor: Any, table_name: str) -> list[str]:
        return [column["name"] for column in self.columns(table_name) if column["pk"]]


def constraint(columns: list[str | None], **facts: Any) -> dict[str, Any]:
    """Return a constraint as get_constraints() describes it."""
    return {
        "columns": columns,
        "primary_key": False,
        "unique": False,
        "foreign_key": None,
        "check": False,
        "index": False,
        **facts,
    }
