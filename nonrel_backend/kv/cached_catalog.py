"""A catalog of tables that each process caches, for stores on servers."""

import time
from collections.abc import Iterable
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from ..catalog.rows import Lookup, look_up
from ..catalog.tables import (
    OWN_TABLES,
    TABLES,
    Catalog,
    own_models,
    parsed,
    table_model,
)
from .tables import Table

# How long an entry is cached: for so long a process may not see that another one has
# changed a table. A migration waits as long before it rewrites rows (`schema_wait`).
CACHED_SECONDS = 2.0


@dataclass(slots=True, eq=False)
class Cached:
    """A table's entry, with what was made of it."""

    valid_until: float
    entry: dict[str, Any]
    table: Any = None
    model: Any = None


@dataclass(slots=True, eq=False)
class CatalogCache:
    """Cached entries of one database's catalog, for all threads of the process."""

    entries: dict[str, Cached] = field(default_factory=dict)
    # {table: what the store knows of its last key}
    sequences: dict[str, Any] = field(default_factory=dict)

    def get(self, table: str) -> Cached | None:
        found = self.entries.get(table)
        if found is None or found.valid_until < time.monotonic():
            return None
        return found

    def put(self, table: str, entry: dict[str, Any]) -> Cached:
        found = Cached(time.monotonic() + CACHED_SECONDS, entry)
        self.entries[table] = found
        return found

    def clear(self) -> None:
        self.entries.clear()
        self.sequences.clear()

    def forget(self, table: str) -> None:
        self.entries.pop(table, None)
        self.sequences.pop(table, None)


class CachedCatalog(Catalog):
    """The toolkit's catalog, cached, with the core's tables of its entries.

    "building" in an entry are new indexes, of which rows are written with entries, but
    which no query uses yet. The connection's `catalog_cache` is the process's cache.
    """

    # --- for stores ---

    def made_table(self, name: str, entry: dict[str, Any]) -> Table:
        """Return the table of an entry."""
        raise NotImplementedError

    def own_entry(self, name: str) -> dict[str, Any]:
        """Return the entry of one of the catalog's own tables."""
        return own_entry(name)

    # --- entries ---

    @property
    def cache(self) -> CatalogCache:
        if self.store.connection is None:
            self.store.ensure_connection()
        found: CatalogCache = self.store.catalog_cache
        return found

    def cached(self, table: str) -> Cached:
        """Return a table's entry; raise ProgrammingError if there is none."""
        found = self.cache.get(table)
        if found is None:
            own = table in OWN_TABLES
            entry = self.own_entry(table) if own else self.entry(table)
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

    def existing(self, names: Iterable[str]) -> list[str]:
        """Return those of the tables that there are.

        Entries that are not cached are read together.
        """
        names = list(names)
        missing = [name for name in names if self.cache.get(name) is None]
        found = set(names) - set(missing)
        if missing:
            table = self.table(TABLES)
            with self.store.reading() as access:
                keys = [table.key_of((name,)) for name in missing]
                records = access.get(table, keys)
                for row in access.rows(table, records):
                    found.add(row["name"])
                    self.cache.put(row["name"], parsed(row["entry"]))
        return [name for name in names if name in found]

    # --- tables ---

    def model(self, table: str) -> Any:
        """Return a model of a table, made from its entry."""
        found = self.cached(table)
        if found.model is None:
            found.model = table_model(table, found.entry)
        return found.model

    def table(self, name: str) -> Any:
        """Return a table; raise ProgrammingError if there is none."""
        found = self.cache.get(name) or self.cached(name)
        if found.table is None:
            found.table = self.made_table(name, found.entry)
        return found.table


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
    }
