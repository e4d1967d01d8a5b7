"""What tables a store holds, and what is in them."""

from collections import namedtuple
from typing import Any

import django
from django.db.backends.base.introspection import BaseDatabaseIntrospection, TableInfo
from django.db.backends.base.introspection import FieldInfo as BaseFieldInfo
from django.db.models import DO_NOTHING, Index

from .cursor import Statement
from .dml.constraints import POSITIVE

FieldInfo: Any = namedtuple(  # type: ignore[misc]
    "FieldInfo", (*BaseFieldInfo._fields, "pk", "internal_type")
)
SEQUENCED = {"AutoField", "BigAutoField", "SmallAutoField"}


class NonrelDatabaseIntrospection(BaseDatabaseIntrospection):
    """Reads the toolkit's catalog; a backend whose store knows its tables implements
    `get_table_list`, `get_constraints` and `columns`.
    """

    # Fields that are not Django's own: their dotted paths by internal type.
    own_fields: dict[str, str] = {}

    def get_table_list(self, cursor):
        names = self.connection.catalog.names
        if cursor is not None:
            text = "SELECT name of all tables"
            cursor.execute(Statement(self.connection.catalog.names, lambda: text))
            names = cursor.fetchall
        return [TableInfo(name, "t") for name in names()]

    def columns(self, table_name: str) -> list[dict[str, Any]]:
        """The columns of a table, each as `description.describe()` has it."""
        return self.connection.catalog.entry(table_name)["columns"]

    def get_constraints(self, cursor, table_name):
        entry = self.connection.catalog.entry(table_name)
        found = {"PRIMARY": constraint(entry["key"], primary_key=True, unique=True)}
        for column in entry["columns"]:
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

    def identifier_converter(self, name):
        return name

    def get_table_description(self, cursor, table_name):
        return [
            FieldInfo(
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
            )
            for column in self.columns(table_name)
        ]

    def get_field_type(self, data_type, description):
        kind = description.internal_type
        return self.own_fields.get(kind, kind)

    def get_sequences(self, cursor, table_name, table_fields=()):
        return [
            {"table": table_name, "column": column["name"]}
            for column in self.columns(table_name)
            if column["pk"] and column["internal_type"] in SEQUENCED
        ]

    def get_relations(self, cursor, table_name):
        # Django 6.1 also asks what the database does with a row left behind.
        on_delete = (DO_NOTHING,) if django.VERSION >= (6, 1) else ()
        return {
            column["name"]: (*reversed(column["references"]), *on_delete)
            for column in self.columns(table_name)
            if column.get("references")
        }

    def get_primary_key_columns(self, cursor, table_name):
        return [column["name"] for column in self.columns(table_name) if column["pk"]]


def constraint(columns, **facts):
    return {
        "columns": columns,
        "primary_key": False,
        "unique": False,
        "foreign_key": None,
        "check": False,
        "index": False,
        **facts,
    }
