"""The catalog of a store with conditional writes: changes outside of transactions."""

import json
import time
from collections.abc import Callable
from typing import Any

from ..catalog.indexes import named
from ..catalog.tables import TABLES
from .cached_catalog import CACHED_SECONDS, CachedCatalog
from .conditional import Conflict, Expected, Write
from .retrying import attempts, give_way
from .tables import KEY_INDEX, Index, Table


class ConditionalCatalog(CachedCatalog):
    """The cached catalog, in which the core notes what entries it shortens."""

    def truncates(self, table: Table, index: Index) -> None:
        """Record that entries of an index are shortened, before the first one is put.

        It is no part of the open transaction. Other processes read the index in its
        order for as long as they have cached the catalog.
        """

        def change(entry: dict[str, Any]) -> None:
            if index is table.primary:
                entry["truncated"] = True
            elif index.name == KEY_INDEX:
                entry["key_truncated"] = True
            else:
                known = [*entry["indexes"], *entry.get("building", ())]
                named(known, index.name)["truncated"] = True

        self.change_at_once(table.name, change)
        index.truncated = True
        time.sleep(self.store.option("schema_wait", CACHED_SECONDS))

    def change_at_once(
        self, table: str, change: Callable[[dict[str, Any]], None]
    ) -> None:
        """Change a table's entry outside of the open transaction."""
        records, own = self.store.records, self.table(TABLES)
        for attempt in attempts(TABLES):
            (found,) = records.rows(own, [own.key_of((table,))])
            entry = json.loads(found.value["entry"])
            change(entry)
            row = {**found.value, "entry": json.dumps(entry)}
            same = (Expected.SAME, found, row, {"entry"})
            try:
                records.commit([Write(own, own.primary, found.key, *same)])
            except Conflict:
                give_way(attempt)
                continue
            self.cache.put(table, entry)
            break
