"""The catalog of tables, cached by the process, and the keys of AutoField."""

import time
from copy import deepcopy
from typing import Any
from weakref import WeakKeyDictionary

from ..catalog.indexes import path_of_part
from ..catalog.tables import OWN_TABLES, Catalog, own_models, table_model
from ..conditions import Column
from .datatypes import DataColumn
from .keys import make_keys
from .objects import Found
from .sequences import Sequence
from .table import Table
from .transforms import Transform, transforms_in

# How long an entry is cached: for so long a process may not see that another one has
# changed a table. A migration waits as long before it rewrites rows (`schema_wait`).
CACHED_SECONDS = 2.0
# The entry of the catalog's own tables, which are not in the catalog.
OWN_ENTRY: dict[str, Any] = {"columns": [], "indexes": []}


class CatalogCache:
    """Cached entries of one database's catalog, for all threads of the process."""

    def __init__(self) -> None:
        # {table: (valid until, entry)}
        self.entries: dict[str, tuple[float, dict[str, Any] | None]] = {}
        # {table: (entry, model)}
        self.models: dict[str, tuple[dict[str, Any], Any]] = {}
        # {model: (entry, Table)}
        self.tables: WeakKeyDictionary[Any, tuple[dict[str, Any], Table]]
        self.tables = WeakKeyDictionary()
        # {table: the row of its last key}
        self.sequences: dict[str, Found] = {}

    def get(self, table: str) -> dict[str, Any] | None:
        until, entry = self.entries.get(table, (0.0, None))
        return entry if until > time.monotonic() else None

    def put(self, table: str, entry: dict[str, Any]) -> None:
        self.entries[table] = time.monotonic() + CACHED_SECONDS, entry

    def forget(self, table: str) -> None:
        self.entries.pop(table, None)


class RiakCatalog(Catalog):
    """The toolkit's catalog, cached, with more in each entry.

    "indexed" are the columns for which rows are written with index entries, even before
    an index is complete and used by queries. "transformed" are the same for
    [column, kind] (see transforms.py), and "paths" for document paths.
    """

    @property
    def cache(self) -> CatalogCache:
        if self.store.connection is None:
            self.store.ensure_connection()
        return self.store.catalog_cache

    def find(self, table: str) -> dict[str, Any] | None:
        entry = self.cache.get(table)
        if entry is None:
            entry = super().find(table)
            if entry is not None:
                self.cache.put(table, entry)
        return entry

    def save(self, table: str, entry: dict[str, Any]) -> None:
        super().save(table, entry)
        self.cache.put(table, deepcopy(entry))

    def remove(self, table: str) -> None:
        super().remove(table)
        self.cache.forget(table)
        self.cache.sequences.pop(table, None)

    # --- keys: see keys.py and sequences.py ---

    def sequence(self, table: str) -> Sequence | None:
        if self.store.keys != "sequence":
            return None
        objects = self.store.objects(own_models()[1]._meta)
        return Sequence(objects, table, self.cache.sequences)

    def next_keys(self, table: str, count: int) -> Any:
        sequence = self.sequence(table)
        return sequence.next(count) if sequence else make_keys(count)

    def advance(self, table: str, key: int) -> None:
        sequence = self.sequence(table)
        if sequence:
            sequence.reach(key)

    def reset(self, table: str) -> None:
        if self.sequence(table):
            self.cache.sequences.pop(table, None)
            super().reset(table)

    # --- tables ---

    def model(self, table: str) -> Any:
        """Return a model of a table, made from its entry."""
        entry = self.entry(table)
        known = self.cache.models.get(table)
        if known is None or known[0] is not entry:
            known = self.cache.models[table] = entry, table_model(table, entry)
        return known[1]

    def table(self, meta: Any) -> Table:
        """Return the Table of a model."""
        name = meta.db_table
        entry = OWN_ENTRY if name in OWN_TABLES else self.entry(name)
        known = self.cache.tables.get(meta.model)
        if known is None or known[0] is not entry:
            known = self.cache.tables[meta.model] = entry, self.made_table(meta, entry)
        return known[1]

    def made_table(self, meta: Any, entry: dict[str, Any]) -> Table:
        key = [(field.column, field.db_type(self.store)) for field in meta.pk_fields]
        columns = {each["name"]: each["db_type"] for each in entry["columns"]}
        for field in meta.local_concrete_fields if entry is OWN_ENTRY else ():
            columns[field.column] = field.db_type(self.store)
        keys = {column for column, _ in key}
        searched = keys | columns_indexed(entry)
        return Table(
            meta.db_table,
            self.store.bucket(meta.db_table),
            key,
            columns,
            searched | set(entry.get("indexed", ())),
            searched,
            any(index["unique"] for index in entry["indexes"]),
            {tuple(each) for each in entry.get("transformed", ())},
            transforms_indexed(entry),
            self.data_columns(meta.db_table, entry),
            [path for each in entry.get("paths", ()) if (path := path_of_part(each))],
            paths_indexed(entry),
        )

    def data_columns(self, table: str, entry: dict[str, Any]) -> dict[str, DataColumn]:
        """Return the columns that are Riak counters and sets."""
        return {
            each["name"]: self.store.data_column(table, each["name"], each["data"])
            for each in entry["columns"]
            if each.get("data")
        }


def columns_indexed(entry: dict[str, Any]) -> set[str]:
    """Return the plain columns of all indexes."""
    return {
        part
        for index in entry["indexes"]
        for part in index["parts"]
        if isinstance(part, str)
    }


def path_parts(entry: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the parts of indexes that are document paths."""
    return [
        part
        for index in entry["indexes"]
        for part in index["parts"]
        if path_of_part(part) is not None
    ]


def paths_indexed(entry: dict[str, Any]) -> set[Column]:
    return {path for part in path_parts(entry) if (path := path_of_part(part))}


def transforms_indexed(entry: dict[str, Any]) -> set[Transform]:
    return set().union(*map(transforms_in, entry["indexes"]))
