"""Introspection: the catalog's tables, and those that DynamoDB has besides."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..inference import Shape, column, keys_without_column
from ..introspection import NonrelDatabaseIntrospection, PartOfTable, constraint
from ..query import translated_errors
from .sampling import DynamoSchema, shape_of

# Of attributes of keys by their types: (db_type, the field for it, its options).
KEY_FIELDS: dict[str, tuple[str, str, dict[str, int]]] = {
    "int": ("long", "BigIntegerField", {}),
    "S": ("string", "CharField", {"max_length": 2048}),
    "N": ("decimal", "DecimalField", {"max_digits": 38, "decimal_places": 0}),
    "B": ("binary", "BinaryField", {"max_length": 2048}),
}
CONDITION = re.compile(r"(?P<name>\S+)\s+(?P<operator>=|begins_with)\s+(?P<value>.+)")
NUMBER = re.compile(r"-?[0-9]+")
OPTIONS = ("max_length", "max_digits", "decimal_places", "collation")


class DatabaseIntrospection(NonrelDatabaseIntrospection):
    """Of tables that the catalog does not have, only the key is known at once."""

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
        entry = self.catalog.find(table_name)
        if entry is not None and not entry.get("existing"):
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

    # The size of samples and what was seen while inspectdb runs, None at other times.
    sample_size = 0
    samples: dict[str, Shape] | None = None
    part: PartOfTable | None = None

    @contextmanager
    def sampling(self, size: int) -> Iterator[None]:
        self.sample_size, self.samples = size, {}
        try:
            yield
        finally:
            self.samples = self.part = None

    def restrict(self, where: str) -> None:
        """Restrict inspectdb to a part of tables; raise ValueError if it is none."""
        found = []
        for each in re.split(r"\s+AND\s+", where):
            match = CONDITION.fullmatch(each.strip())
            if match is None:
                raise ValueError(
                    f'--where takes conditions as "PK begins_with USER#" and '
                    f'"SK = PROFILE", joined by AND, not "{each}".'
                )
            lookup = "exact" if match["operator"] == "=" else "startswith"
            value: Any = match["value"].strip("'\"")
            if lookup == "exact" and NUMBER.fullmatch(match["value"]):
                value = int(value)
            found.append((match["name"], lookup, value))
        self.part = PartOfTable(found)

    def part_of(self, table_name: str) -> PartOfTable | None:
        return self.part

    def sample(self, table: str) -> Shape:
        """Return what a sample of a table's items has."""
        assert self.samples is not None
        if table not in self.samples:
            with translated_errors(self.connection):
                client = self.connection.db_connection
                name, _ = self.catalog.native.described(table)
                self.samples[table] = shape_of(
                    client, name, self.sample_size, self.part
                )
        return self.samples[table]

    def columns(self, table_name: str) -> list[dict[str, Any]]:
        key = self.other_key(table_name)
        if key is None:
            return super().columns(table_name)
        found = list(map(key_column, key))
        if self.samples is None:
            return found
        shape = self.sample(table_name)
        keys = {name for name, _ in key}
        for each in found:
            if set(shape.keys[each["name"]].kinds if shape.count else ()) == {"int"}:
                each |= key_column((each["name"], "int"))
        left_out = {*keys, *keys_without_column(shape)}
        return found + [
            column(name, DynamoSchema().infer(inner, shape.count), False)
            for name, inner in shape.keys.items()
            if name not in left_out
        ]

    def get_constraints(self, cursor: Any, table_name: str) -> dict[str, Any]:
        key = self.other_key(table_name)
        if key is None:
            return super().get_constraints(cursor, table_name)
        names: list[str | None] = [name for name, _ in key]
        return {"PRIMARY": constraint(names, primary_key=True, unique=True)}

    def comments(self, table_name: str) -> list[str]:
        if self.other_key(table_name) is None or self.samples is None:
            return super().comments(table_name)
        shape = self.sample(table_name)
        many = "s" if shape.count != 1 else ""
        found = [f"The fields are inferred from {shape.count:,} item{many}."]
        for key in keys_without_column(shape):
            found.append(
                f"The attribute {key!r} differs only in case: it has no field."
            )
        with translated_errors(self.connection):
            _, described = self.catalog.native.described(table_name)
        for kind in ("Global", "Local"):
            for each in (described or {}).get(f"{kind}SecondaryIndexes", ()):
                names = [part["AttributeName"] for part in each["KeySchema"]]
                found.append(f"{kind} index {each['IndexName']}: {', '.join(names)}.")
        return found


def key_column(part: tuple[str, str]) -> dict[str, Any]:
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
