"""The catalog of tables, with what Riak's need, and the keys of AutoField."""

from typing import Any

from ..catalog.tables import SEQUENCES
from ..kv.cached_catalog import CachedCatalog
from ..kv.keys import make_keys
from ..values.storing import INT64
from .datatypes import DataColumn
from .sequences import LARGEST_INT, Sequence
from .tables import ENTRIES, RiakTable


class RiakCatalog(CachedCatalog):
    """The cached catalog; "entries" is the version of the index entries of all rows."""

    # --- keys: see kv/keys.py and sequences.py ---

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

    def own_entry(self, name: str) -> dict[str, Any]:
        return {**super().own_entry(name), "entries": ENTRIES}

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
