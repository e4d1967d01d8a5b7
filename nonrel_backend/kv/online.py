"""Schema changes of tables that others read and write meanwhile, page by page.

The catalog stores the progress: the next run continues an interrupted one.
"""

import time
from collections.abc import Callable
from typing import Any

from ..progress import Progress
from . import claims, writing
from .access import Access
from .encoding import EVERYTHING
from .schema import ConditionEditor
from .tables import Table


class OnlineSchemaEditor(ConditionEditor):
    """Schema changes for stores without transactions.

    "building" in a table's entry are new indexes: rows are written with their entries,
    but no query uses them yet.
    """

    # Seconds until other processes see a changed catalog.
    schema_wait = 0.0

    def build_index(
        self, table: str, entry: dict[str, Any], index: dict[str, Any]
    ) -> None:
        name = index["name"]
        self.validate_unique(table, entry, index)
        # All rows get the entries before any query uses the index. If it is here, a
        # migration was interrupted, and goes on.
        others = [each for each in entry.get("building", ()) if each["name"] != name]
        entry["building"] = [*others, index]
        self.catalog.save(table, entry)
        self.write_entries(table, f"index {name}")
        entry = self.catalog.copy(table)
        entry["building"] = others
        entry["indexes"].append(index)
        self.catalog.save(table, entry)

    def drop_index(self, table: str, name: str) -> None:
        self.release_claims(table, name)
        super().drop_index(table, name)

    def release_claims(self, table: str, name: str) -> None:
        """Release the claims of an index that will be dropped."""

        def work(access: Access) -> None:
            known = access.table(table)
            if not any(each.name == name and each.unique for each in known.indexes):
                return
            claimed = claims.Claims(access, known)
            for found in access.all_rows(known):
                keys = [
                    key
                    for _, _, row in found
                    for key, (index, _, _) in claimed.of(row).items()
                    if index.name == name
                ]
                claimed.release(keys)

        self.connection.write(work)

    # --- rewriting all rows of a table ---

    def write_entries(self, table: str, what: str) -> None:
        """Put all rows unchanged, with their entries and claims."""

        def rewrite(access: Access, known: Table, found: list[writing.Found]) -> None:
            if known.claims_uniques:
                claims.Claims(access, known).claim_again(found)
            writing.rewrite(access, known, found, lambda row: row)

        self.put_all(table, what, rewrite)

    def change_all(
        self, table: str, what: str, change: Callable[[Any], dict[str, Any]]
    ) -> None:
        """Put all rows after `change(row)`."""

        def rewrite(access: Access, known: Table, found: list[writing.Found]) -> None:
            writing.rewrite(access, known, found, change)

        self.put_all(table, what, rewrite)

    def put_all(
        self,
        table: str,
        what: str,
        rewrite: Callable[[Access, Table, list[writing.Found]], None],
    ) -> None:
        """Rewrite all rows, in the order of their keys. `what` names the change."""

        def work(access: Access) -> None:
            known, entry = access.table(table), self.catalog.copy(table)
            total = access.count(known, known.primary, [EVERYTHING])
            if total:
                # Until then other processes may write rows by the old catalog.
                time.sleep(self.schema_wait)
            begun = entry.get("rewriting", {})
            low, high = EVERYTHING
            if begun.get("what") == what:
                low = begun["key"].encode("latin-1")
            progress = Progress(total, f"{table}: {what}")
            for records in access.scan(known, [(low, high)]):
                rows = access.rows(known, records)
                rewrite(access, known, list(zip(records, rows, strict=True)))
                key = access.keys(known, records)[-1]
                entry["rewriting"] = {"what": what, "key": key.decode("latin-1")}
                self.catalog.save(table, entry)
                progress.add(len(records))
            if entry.pop("rewriting", None):
                self.catalog.save(table, entry)

        self.connection.write(work)
