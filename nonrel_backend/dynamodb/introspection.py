"""Introspection: the catalog's tables, and those that DynamoDB has besides."""

from typing import Any

from ..introspection import NonrelDatabaseIntrospection
from ..query import translated_errors

# Of attributes of keys by their types: (db_type, the field for it).
KEY_FIELDS = {
    "S": ("string", "TextField"),
    "N": ("decimal", "DecimalField"),
    "B": ("binary", "BinaryField"),
}


class DatabaseIntrospection(NonrelDatabaseIntrospection):
    def names(self) -> list[str]:
        """Return the catalog's tables, and others with the prefix of the database."""
        catalog = self.connection.catalog
        with translated_errors(self.connection):
            known = catalog.cached_names()
            own = {catalog.table(name).physical for name in known} | catalog.own_names()
            prefix = len(self.connection.prefix)
            others = {
                name[prefix:] for name in catalog.native.names() if name not in own
            }
        return sorted({*known, *others})

    def columns(self, table_name: str) -> list[dict[str, Any]]:
        if self.catalog.find(table_name) is not None:
            return super().columns(table_name)
        return []

    def comments(self, table_name: str) -> list[str]:
        """Return what inspectdb says of a table that the catalog does not have."""
        if self.catalog.find(table_name) is not None:
            return []
        return ["DynamoDB knows only the attributes of the key: add the others."]
