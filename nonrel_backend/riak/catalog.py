"""The catalog of tables, cached by the process, and the keys of AutoField."""

import time
from collections.abc import Iterable
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from typing import Any

from ..catalog.rows import Lookup, look_up
from ..catalog.tables import (
    OWN_TABLES,
    SEQUENCES,
    TABLES,
    Catalog,
    own_models,
    parsed,
    table_model,
)
from ..values.storing import INT64
from .datatypes import DataColumn
from .keys import make_keys
from .objects import Found
from .sequences import LARGEST_INT, Sequence
from .tables import ENTRIES, RiakTable

# How long an entry is cached: for so long a process may not see that another one has
# changed a table. A migration waits as long before it rewrites rows (`schema_wait`).
CACHED_SECONDS = 2.0


@dataclass(slots=True, eq=False)
class Cached:
    """A table's entry, with what was made of it."""

    valid_until: float
    entry: dict[str, Any]
    table: RiakTable | None = None
    model: Any = None


class CatalogCache:
    """Cached entries of one database's catalog, for all threads of the process."""

    def __init__(self) -> None:
        self.entries: dict[str, Cached] = {}
        # {table: the row of its last key}
        self.sequences: dict[str, Found] = {}

    def get(self, table: str) -> Cached | None:
        found = self.entries.get(table)
        if found is None or found.valid_until < time.monotonic():
            return None
        return found

    def put(self, table: str, entry: dict[str, Any]) -> Cached:
        found = Cached(time.monotonic() + CACHED_SECONDS, entry)
        self.entries[table] = found
        return found

    def forget(self, table: str) -> None:
        self.entries.pop(table, None)


class RiakCatalog(Catalog):
    """The toolkit's catalog, cached, with more in each entry.

    "building" are new indexes, of which rows are written with entries, but which no
    query uses yet. "entries" is the version of the index entries of all rows.
    """

    @property
    def cache(self) -> CatalogCache:
        if self.store.connection is None:
            self.store.ensure_connection()
        return self.store.catalog_cache

    def cached(self, table: str) -> Cached:
        """Return a table's entry; raise ProgrammingError if there is none."""
        found = self.cache.get(table)
        if found is None:
            own = table in OWN_TABLES
            entry = own_entry(table) if own else self.entry(table)
            found = self.cache.get(table) or self.cache.put(table, entry)
        return found

    def find(self, table: str) -> dict[str, Any] | None:
        found = self.cache.get(table)
        if found is not None:
            return found.entry
        entry = super().find(table)
        if entry is not None:
            self.cache.put(table, entry)
        return entry

    def last_entry(self, table: str) -> dict[str, Any]:
        return self.entry(table)

    def confirm(self, table: str, lookup: Lookup | None = None) -> bool:
        """Return True: an entry is valid for as long as it is cached."""
        return True

    def look_up(self, table: str, lookups: list[Lookup], reads_key: bool) -> bool:
        look_up(lookups)
        return True

    def save(self, table: str, entry: dict[str, Any]) -> None:
        super().save(table, entry)
        self.cache.put(table, deepcopy(entry))

    def remove(self, table: str) -> None:
        super().remove(table)
        self.cache.forget(table)
        self.cache.sequences.pop(table, None)

    def existing(self, names: Iterable[str]) -> list[str]:
        """Return those of the tables that there are.

        Entries that are not cached are read in one pipeline.
        """
        names = list(names)
        missing = [name for name in names if self.cache.get(name) is None]
        objects = self.store.objects(TABLES)
        found = {name for name in names if name not in missing}
        for each in objects.by_keys(objects.table.key_of((name,)) for name in missing):
            found.add(each.row["name"])
            self.cache.put(each.row["name"], parsed(each.row["entry"]))
        return [name for name in names if name in found]

    # --- keys: see keys.py and sequences.py ---

    def sequence(self, table: str) -> Sequence | None:
        if self.store.keys != "sequence":
            return None
        objects = self.store.objects(SEQUENCES)
        known = self.table(table)
        is_int = known.key_types == ["int"]
        largest = LARGEST_INT if is_int else INT64[-1]
        return Sequence(
            objects, table, self.cache.sequences, ", ".join(known.key), largest
        )

    def next_keys(self, table: str, count: int) -> Any:
        sequence = self.sequence(table)
        return sequence.next(count) if sequence else make_keys(count)

    def advance(self, table: str, key: int) -> None:
        sequence = self.sequence(table)
        if sequence:
            sequence.reach(key)

    def reset(self, table: str) -> None:
        if self.store.keys == "sequence":
            self.cache.sequences.pop(table, None)
            super().reset(table)

    # --- tables ---

    def model(self, table: str) -> Any:
        """Return a model of a table, made from its entry."""
        found = self.cached(table)
        if found.model is None:
            found.model = table_model(table, found.entry)
        return found.model

    def table(self, name: str) -> RiakTable:
        """Return a table; raise ProgrammingError if there is none."""
        found = self.cache.get(name) or self.cached(name)
        if found.table is None:
            found.table = self.made_table(name, found.entry)
        return found.table

    def made_table(self, name: str, entry: dict[str, Any]) -> RiakTable:
        bucket = self.store.bucket(name)
        table = RiakTable(name, entry, bucket, self.data_columns(name, entry))
        table.claims_uniques = self.store.unique != "off" and any(
            index.unique for index in table.indexes
        )
        return table

    def data_columns(self, table: str, entry: dict[str, Any]) -> dict[str, DataColumn]:
        """Return the columns that are Riak counters and sets."""
        return {
            each["name"]: self.store.data_column(table, each["name"], each["data"])
            for each in entry["columns"]
            if each.get("data")
        }


@cache
def own_entry(name: str) -> dict[str, Any]:
    """Return the entry of one of the catalog's own tables, which it does not hold."""
    (model,) = (each for each in own_models() if each._meta.db_table == name)
    value = model._meta.local_fields[1].column
    db_type = "long" if value == "last" else "string"
    return {
        "columns": [
            {"name": "name", "db_type": "string"},
            {"name": value, "db_type": db_type},
        ],
        "key": ["name"],
        "indexes": [],
        "entries": ENTRIES,
    }
