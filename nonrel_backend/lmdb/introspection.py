"""Introspection: the tables, columns and indexes of a store."""

from typing import Any

from django.db.backends.base.introspection import TableInfo
from django.db.models import Index

from ..cursor import Statement
from ..dml.constraints import POSITIVE
from ..introspection import NonrelDatabaseIntrospection, constraint
from . import catalog


class DatabaseIntrospection(NonrelDatabaseIntrospection):
    def names(self) -> list[str]:
        return self.connection.read(
            lambda txn: [name for name, _ in catalog.entries(txn)]
        )

    def get_table_list(self, cursor: Any) -> list[TableInfo]:
        names = self.names
        if cursor is not None:
            cursor.execute(Statement(self.names, lambda: "SELECT name of all tables"))
            names = cursor.fetchall
        return [TableInfo(name, "t") for name in names()]

    def columns(self, table_name: str) -> list[dict[str, Any]]:
        table = self.connection.read(lambda txn: self.connection.table(txn, table_name))
        return [
            column
            for column in table.entry["columns"]
            if column["name"] != catalog.REMOVED_KEY
        ]

    def get_constraints(
        self, cursor: Any, table_name: str
    ) -> dict[str, dict[str, Any]]:
        table = self.connection.read(lambda txn: self.connection.table(txn, table_name))
        pk = [column.name for column in table.pk]
        found = {}
        if pk != [catalog.REMOVED_KEY]:
            found["PRIMARY"] = constraint(pk, primary_key=True, unique=True)
        for column in self.columns(table_name):
            name = column["name"]
            if column["internal_type"] in POSITIVE:
                found[f"{table_name}_{name}_check"] = constraint([name], check=True)
        for index in table.indexes:
            found[index.name] = constraint(
                index.columns,
                unique=index.unique,
                index=True,
                orders=["DESC" if down else "ASC" for _, down, _ in index.parts],
                type=Index.suffix,
            )
        for check in table.entry["checks"]:
            found[check["name"]] = constraint(check["columns"], check=True)
        return found
