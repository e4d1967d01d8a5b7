"""What collections, columns and indexes a database has."""

from collections import namedtuple
from typing import Any

import django
from django.db.backends.base.introspection import FieldInfo as BaseFieldInfo
from django.db.backends.base.introspection import TableInfo
from django.db.models import DO_NOTHING, Index

from ..cursor import Statement
from ..introspection import NonrelDatabaseIntrospection
from .keys import COLLECTION as SEQUENCES
from .metadata import COLLECTION as METADATA
from .metadata import checks_of, columns_of

FieldInfo: Any = namedtuple(  # type: ignore[misc]
    "FieldInfo", (*BaseFieldInfo._fields, "pk", "internal_type")
)


SEQUENCED = {"AutoField", "BigAutoField", "SmallAutoField"}
# Fields that are not Django's own, by their dotted paths.
OWN_FIELDS = {
    name: f"nonrel_backend.mongodb.fields.{name}"
    for name in ("ObjectIdAutoField", "ObjectIdField")
}


class DatabaseIntrospection(NonrelDatabaseIntrospection):
    def get_table_list(self, cursor):
        database = self.connection.database
        if cursor is None:
            names = database.list_collection_names()
        else:
            listing = Statement(
                database.list_collection_names, lambda: "db.getCollectionNames()"
            )
            names = list(cursor.execute(listing).fetchall())
        return [
            TableInfo(name, "t")
            for name in sorted(names)
            if name not in (METADATA, SEQUENCES) and not name.startswith("system.")
        ]

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
            for column in columns_of(self.connection, table_name)
        ]

    def get_field_type(self, data_type, description):
        kind = description.internal_type
        return OWN_FIELDS.get(kind, kind)

    def get_sequences(self, cursor, table_name, table_fields=()):
        return [
            {"table": table_name, "column": column["name"]}
            for column in columns_of(self.connection, table_name)
            if column["pk"] and column["internal_type"] in SEQUENCED
        ]

    def get_relations(self, cursor, table_name):
        # Django 6.1 also asks what the database does with a row left behind.
        on_delete = (DO_NOTHING,) if django.VERSION >= (6, 1) else ()
        return {
            column["name"]: (*reversed(column["references"]), *on_delete)
            for column in columns_of(self.connection, table_name)
            if column.get("references")
        }

    def get_primary_key_columns(self, cursor, table_name):
        return [
            column["name"]
            for column in columns_of(self.connection, table_name)
            if column["pk"]
        ]

    def get_constraints(self, cursor, table_name):
        columns = columns_of(self.connection, table_name)
        pk = [column["name"] for column in columns if column["pk"]]
        found = {}
        if pk:
            found["_id_"] = constraint(pk, primary_key=True, unique=True)
        for index in self.connection.database[table_name].list_indexes():
            if index["name"] == "_id_":
                continue
            names = [
                pk[0] if key == "_id" and len(pk) == 1 else key for key in index["key"]
            ]
            found[index["name"]] = constraint(
                names,
                unique=bool(index.get("unique")),
                index=True,
                orders=[
                    "DESC" if way == -1 else "ASC" for way in index["key"].values()
                ],
                type=Index.suffix,
            )
        for check in checks_of(self.connection, table_name):
            found[check["name"]] = constraint(check["columns"], check=True)
        return found


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
