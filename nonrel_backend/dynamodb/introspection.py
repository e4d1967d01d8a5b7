"""Introspection: the catalog's tables, and those that DynamoDB has besides."""

from typing import Any

from ..introspection import NonrelDatabaseIntrospection, constraint
from ..query import translated_errors

# Of attributes of keys by their types: (db_type, the field for it, its options).
KEY_FIELDS: dict[str, tuple[str, str, dict[str, int]]] = {
    "S": ("string", "CharField", {"max_length": 2048}),
    "N": ("decimal", "DecimalField", {"max_digits": 38, "decimal_places": 0}),
    "B": ("binary", "BinaryField", {"max_length": 2048}),
}
OPTIONS = ("max_length", "max_digits", "decimal_places", "collation")


class DatabaseIntrospection(NonrelDatabaseIntrospection):
    """Of tables that the catalog does not have, only the key is known."""

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

    def other_key(self, table_name: str) -> list[tuple[str, str]] | None:
        """Return the (attribute, type) of a key, None if the catalog has the table.

        Raise ProgrammingError if there is no such table.
        """
        if self.catalog.find(table_name) is not None:
            return None
        found = None
        if table_name in self.names():  # not one that was renamed
            with translated_errors(self.connection):
                _, found = self.catalog.native.described(table_name)
        if found is None:
            self.catalog.entry(table_name)  # raises the error
            return None
        types = {
            each["AttributeName"]: each["AttributeType"]
            for each in found["AttributeDefinitions"]
        }
        names = [each["AttributeName"] for each in found["KeySchema"]]
        return [(name, types[name]) for name in names]

    def columns(self, table_name: str) -> list[dict[str, Any]]:
        key = self.other_key(table_name)
        return super().columns(table_name) if key is None else list(map(column, key))

    def get_constraints(self, cursor: Any, table_name: str) -> dict[str, Any]:
        key = self.other_key(table_name)
        if key is None:
            return super().get_constraints(cursor, table_name)
        names: list[str | None] = [name for name, _ in key]
        return {"PRIMARY": constraint(names, primary_key=True, unique=True)}

    def comments(self, table_name: str) -> list[str]:
        if self.other_key(table_name) is None:
            return super().comments(table_name)
        return ["DynamoDB knows only the attributes of the key: add the others."]


def column(part: tuple[str, str]) -> dict[str, Any]:
    """Return the description of an attribute of a key, as the catalog has columns."""
    name, tag = part
    db_type, internal_type, options = KEY_FIELDS[tag]
    return {
        "name": name,
        "db_type": db_type,
        "internal_type": internal_type,
        "null": False,
        "pk": True,
        **dict.fromkeys(OPTIONS),
        **options,
    }
