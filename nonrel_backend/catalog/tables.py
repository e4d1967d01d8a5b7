"""Catalog: the tables and next keys of a store, in two tables of its own."""

import json
from copy import deepcopy
from functools import lru_cache
from typing import Any

from django.apps.registry import Apps
from django.db import ProgrammingError, models

from ..conditions import Column, Leaf
from ..planner.tables import stored_model
from ..values.storing import INT64, no_key_left
from .rows import Rows

TABLES = "nonrel_catalog"
SEQUENCES = "nonrel_sequences"
OWN_TABLES = {TABLES, SEQUENCES}


@lru_cache(maxsize=1)
def own_models() -> tuple[Any, Any]:
    """Return the models of TABLES and SEQUENCES."""
    name = ("name", "CharField", {"max_length": 255}, True)
    return (
        stored_model(TABLES, [name, ("entry", "TextField", {}, False)]),
        stored_model(SEQUENCES, [name, ("last", "BigIntegerField", {}, False)]),
    )


# As many entries as a large project has tables. They are shared: never change one.
@lru_cache(maxsize=1024)
def parsed(text: str) -> dict[str, Any]:
    return json.loads(text)


class NamedValues:
    """A table with one value for each name."""

    def __init__(self, store: Any, model: Any, column: str) -> None:
        self.rows = Rows(store, model)
        self.column = column
        self.name_column = Column("name", self.rows.fields["name"].db_type(store))

    def get(self, name: str) -> Any:
        stored = self.rows.to_stored("name")(name)
        for row in self.rows.find([Leaf(self.name_column, "exact", name)]):
            if row["name"] == stored:
                return self.rows.to_python(self.column)(row[self.column])
        return None

    def names(self) -> list[str]:
        to_python = self.rows.to_python("name")
        return sorted(to_python(row["name"]) for row in self.rows.find())

    def set(self, name: str, value: Any) -> None:
        known = self.get(name) is not None
        stored = self.rows.to_stored(self.column)(value)
        key = self.rows.to_stored("name")(name)
        if known:
            self.rows.update([(key, {self.column: stored})])
        else:
            self.rows.insert([{"name": key, self.column: stored}])

    def remove(self, name: str) -> None:
        if self.get(name) is not None:
            self.rows.delete([self.rows.to_stored("name")(name)])


class Catalog:
    """The entries of tables and the last keys of sequences.

    A table's entry holds "columns" (see `columns.py`), "key" (the names of its primary
    key's columns), "indexes" (see `unique.py`) and "checks" (see the connection's
    `stored_checks`).
    """

    def __init__(self, store: Any) -> None:
        self.store = store
        # Tables that existed when they were last looked up.
        self.known: set[str] = set(OWN_TABLES)

    @property
    def tables(self) -> NamedValues:
        return NamedValues(self.store, own_models()[0], "entry")

    @property
    def sequences(self) -> NamedValues:
        return NamedValues(self.store, own_models()[1], "last")

    def names(self) -> list[str]:
        return self.tables.names()

    def find(self, table: str) -> dict[str, Any] | None:
        """Return a table's entry, not to be changed, or None."""
        text = self.tables.get(table)
        if text is None:
            self.known.discard(table)
            return None
        self.known.add(table)
        return parsed(text)

    def entry(self, table: str) -> dict[str, Any]:
        """Return a table's entry, not to be changed; raise ProgrammingError if none."""
        found = self.find(table)
        if found is None:
            raise ProgrammingError(f"no such table: {table} (run migrate)")
        return found

    def copy(self, table: str) -> dict[str, Any]:
        """Return a copy of a table's entry, to be changed and saved."""
        return deepcopy(self.entry(table))

    def require(self, table: str) -> None:
        """Raise ProgrammingError if there is no such table."""
        if self.store.connection is None:
            # Through a cursor, so that SimpleTestCase can forbid it.
            self.store.cursor().close()
        if table not in self.known:
            self.entry(table)

    def save(self, table: str, entry: dict[str, Any]) -> None:
        self.tables.set(table, json.dumps(entry))

    def remove(self, table: str) -> None:
        self.tables.remove(table)
        self.sequences.remove(table)
        self.known.discard(table)

    # --- keys ---

    def next_keys(self, table: str, count: int) -> range:
        """Return the next `count` keys of a table."""
        sequences = self.sequences
        last = sequences.get(table) or 0
        if last + count not in INT64:
            how = f"set its last key: connection.catalog.sequences.set({table!r}, N)"
            raise no_key_left(table, how)
        sequences.set(table, last + count)
        return range(last + 1, last + count + 1)

    def advance(self, table: str, key: int) -> None:
        """Make the next keys follow one that a row was given."""
        sequences = self.sequences
        if key > (sequences.get(table) or 0):
            sequences.set(table, key)

    def reset(self, table: str) -> None:
        """Make the next key 1."""
        self.sequences.remove(table)


def stored_column(stored_type: str, **options: Any) -> models.Field:
    """Return the field of a column as the catalog describes it, by its stored type.

    It is no class of its own: packages do something for each subclass of Field.
    """
    field = models.Field(**options)
    vars(field)["db_type"] = vars(field)["rel_db_type"] = lambda connection: stored_type
    return field


def table_model(table: str, entry: dict[str, Any]) -> Any:
    """Return a model, in no registry, of a table as its entry describes it."""
    attributes: dict[str, Any] = {"__module__": __name__}
    keys = entry["key"]
    names = {}
    for number, column in enumerate(entry["columns"]):
        names[column["name"]] = f"column_{number}"
        attributes[f"column_{number}"] = stored_column(
            column["db_type"],
            db_column=column["name"],
            null=column["name"] not in keys,
            primary_key=keys == [column["name"]],
        )
    if len(keys) > 1:
        attributes["pk"] = models.CompositePrimaryKey(*(names[key] for key in keys))
    attributes["Meta"] = type(
        "Meta", (), {"apps": Apps(), "app_label": "nonrel_backend", "db_table": table}
    )
    return type("CatalogTable", (models.Model,), attributes)
