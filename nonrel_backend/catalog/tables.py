"""What tables there are, and their next keys, for stores that keep no such thing."""

import json
from copy import deepcopy
from functools import lru_cache
from typing import Any

from django.db import ProgrammingError, models

from ..conditions import Column, Leaf
from ..planner.tables import stored_model
from .rows import Rows

TABLES = "nonrel_catalog"
SEQUENCES = "nonrel_sequences"
OWN_TABLES = {TABLES, SEQUENCES}


@lru_cache(maxsize=1)
def own_models() -> tuple[Any, Any]:
    """Models of the catalog's own two tables."""
    name = ("name", "CharField", {"max_length": 255}, True)
    return (
        stored_model(TABLES, [name, ("entry", "TextField", {}, False)]),
        stored_model(SEQUENCES, [name, ("last", "BigIntegerField", {}, False)]),
    )


@lru_cache(maxsize=1024)
def parsed(text: str) -> dict[str, Any]:
    return json.loads(text)


class Named:
    """A table of names and one value for each, written by the author's methods."""

    def __init__(self, store, model, column: str):
        self.rows = Rows(store, model)
        self.column = column
        self.named = Column("name", self.rows.fields["name"].db_type(store))

    def get(self, name: str) -> Any:
        stored = self.rows.to_stored("name")(name)
        for row in self.rows.find([Leaf(self.named, "exact", name)]):
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
    """Tables and sequences, each a row of the store itself.

    A table's entry holds "columns" (see `description.py`), "key" (the names of the
    primary key's), "indexes" (see `uniques.py`) and "checks" (see `kept_checks` of the
    connection).
    """

    def __init__(self, store):
        self.store = store
        # Tables that were there when last looked for.
        self.seen: set[str] = set(OWN_TABLES)

    @property
    def tables(self) -> Named:
        return Named(self.store, own_models()[0], "entry")

    @property
    def sequences(self) -> Named:
        return Named(self.store, own_models()[1], "last")

    def names(self) -> list[str]:
        return self.tables.names()

    def find(self, table: str) -> dict[str, Any] | None:
        text = self.tables.get(table)
        if text is None:
            self.seen.discard(table)
            return None
        self.seen.add(table)
        return parsed(text)

    def entry(self, table: str) -> dict[str, Any]:
        """A table's entry, not to be changed; ProgrammingError for none."""
        found = self.find(table)
        if found is None:
            raise ProgrammingError(f"no such table: {table} (run migrate)")
        return found

    def copy(self, table: str) -> dict[str, Any]:
        """A table's entry, to be changed and saved."""
        return deepcopy(self.entry(table))

    def require(self, table: str) -> None:
        """Raise ProgrammingError where there is no such table."""
        if self.store.connection is None:
            self.store.cursor().close()  # where tests forbid queries, they say so
        if table not in self.seen:
            self.entry(table)

    def save(self, table: str, entry: dict[str, Any]) -> None:
        self.tables.set(table, json.dumps(entry))

    def remove(self, table: str) -> None:
        self.tables.remove(table)
        self.sequences.remove(table)
        self.seen.discard(table)

    # --- keys ---

    def next_keys(self, table: str, count: int) -> range:
        """The next `count` keys of a table."""
        sequences = self.sequences
        last = sequences.get(table) or 0
        sequences.set(table, last + count)
        return range(last + 1, last + count + 1)

    def advance(self, table: str, key: int) -> None:
        """Have the next keys follow one that was given."""
        sequences = self.sequences
        if key > (sequences.get(table) or 0):
            sequences.set(table, key)

    def reset(self, table: str) -> None:
        self.sequences.remove(table)


class StoredColumn(models.Field):
    """A column as the catalog knows it: just its name and stored type."""

    def __init__(self, *args, stored_type: str = "", **options):
        super().__init__(*args, **options)
        self.stored_type = stored_type

    def db_type(self, connection):
        return self.stored_type

    rel_db_type = db_type


def table_model(table: str, entry: dict[str, Any]) -> Any:
    """A model, in no registry, of a table as its entry has it."""
    from django.apps.registry import Apps

    attributes: dict[str, Any] = {"__module__": __name__}
    keys = entry["key"]
    names = {}
    for number, column in enumerate(entry["columns"]):
        names[column["name"]] = f"column_{number}"
        attributes[f"column_{number}"] = StoredColumn(
            stored_type=column["db_type"],
            db_column=column["name"],
            null=column["name"] not in keys,
            primary_key=keys == [column["name"]],
        )
    if len(keys) > 1:
        attributes["pk"] = models.CompositePrimaryKey(*(names[key] for key in keys))
    attributes["Meta"] = type(
        "Meta", (), {"apps": Apps(), "app_label": "nonrel_backend", "db_table": table}
    )
    return type("KeptTable", (models.Model,), attributes)
