"""Introspection: the collections, columns and indexes of a database."""

from typing import Any

from django.db.backends.base.introspection import TableInfo
from django.db.models import Index

from ..cursor import Statement
from ..introspection import NonrelDatabaseIntrospection, constraint
from .keys import COLLECTION as SEQUENCES
from .metadata import COLLECTION as METADATA
from .metadata import checks_of, columns_of
from .rewriting import indexes_of


class DatabaseIntrospection(NonrelDatabaseIntrospection):
    own_fields = {
        name: f"nonrel_backend.mongodb.fields.{name}"
        for name in ("ObjectIdAutoField", "ObjectIdField")
    }

    def get_table_list(self, cursor: Any) -> list[TableInfo]:
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

    def columns(self, table_name: str) -> list[dict[str, Any]]:
        return columns_of(self.connection, table_name)

    def get_constraints(self, cursor: Any, table_name: str) -> dict[str, Any]:
        pk = [column["name"] for column in self.columns(table_name) if column["pk"]]
        id_column = pk[0] if len(pk) == 1 else "_id"
        found = {}
        if pk:
            found["_id_"] = constraint(pk, primary_key=True, unique=True)
        for name, index in indexes_of(self.connection.database[table_name]).items():
            found[name] = constraint(
                [id_column if key == "_id" else key for key in index["key"]],
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
