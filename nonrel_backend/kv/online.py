"""Schema changes of tables that others read and write meanwhile, page by page.

The catalog stores the progress: the next run continues an interrupted one.
"""

import time
from collections.abc import Callable
from typing import Any

from ..catalog.inserts import without_missing
from ..catalog.schema import RowChange
from ..progress import Progress
from . import claims, writing
from .access import Access, Change, Record
from .cached_catalog import CACHED_SECONDS
from .encoding import EVERYTHING
from .retrying import attempts, give_way
from .schema import ConditionEditor, try_change
from .tables import Table


class OnlineSchemaEditor(ConditionEditor):
    """Schema changes for stores without transactions.

    "building" in a table's entry are new indexes: rows are written with their entries,
    but no query uses them yet.
    """

    @property
    def schema_wait(self) -> float:
        """Seconds until other processes see a changed catalog."""
        wait: float = self.connection.option("schema_wait", CACHED_SECONDS)
        return wait

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

    def change_rows(
        self,
        table: str,
        entry: dict[str, Any],
        change: RowChange,
        rekeyed: bool = False,
    ) -> None:
        if rekeyed or entry["key"] != self.catalog.entry(table)["key"]:
            super().change_rows(table, entry, change, rekeyed)
            return

        def work(access: Access) -> Table:
            before = access.table(table)
            if not change.keeps_values or change.validates:
                try_change(access, before, change)
            return before

        before = self.connection.write(work)
        self.catalog.save(table, entry)
        if not change.keeps_values or len(change.columns) > 1:
            what = " ".join(["changed", *sorted(change.columns)])
            self.put_all(
                table,
                what,
                lambda row: without_missing({**row, **change.of(row)}),
                before,
            )

    def write_entries(self, table: str, what: str) -> None:
        """Put all rows unchanged, with their entries and claims."""
        self.put_all(table, what, lambda row: row)

    def put_all(
        self,
        table: str,
        what: str,
        change: Callable[[dict[str, Any]], dict[str, Any]],
        before: Table | None = None,
    ) -> None:
        """Put all rows after `change(row)`, in the order of their keys.

        `what` names the change; `before` is the table before it.
        """

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
                found = list(zip(records, rows, strict=True))
                rewrite(access, before or known, known, found, change)
                key = access.keys(known, records)[-1]
                entry["rewriting"] = {"what": what, "key": key.decode("latin-1")}
                self.catalog.save(table, entry)
                progress.add(len(records))
            if entry.pop("rewriting", None):
                self.catalog.save(table, entry)

        self.connection.write(work)


def rewrite(
    access: Access,
    before: Table,
    table: Table,
    found: list[tuple[Record, Any]],
    change: Callable[[dict[str, Any]], dict[str, Any]],
) -> None:
    """Put [(record, row)] after `change(row)`, also unchanged ones.

    They get all their entries and claims, and lose the claims that they had before.
    """
    left: set[bytes] = set()
    for attempt in attempts(table.name):
        keys = access.keys(table, [record for record, _ in found])
        changes = []
        for key, (record, row) in zip(keys, found, strict=True):
            new = change(row)
            added = table.entries_of(new)
            kept = {(index.name, payload) for index, payload, _ in added}
            removed = [
                each
                for each in before.entries_of(row)
                if (each[0].name, each[1]) not in kept
            ]
            changes.append(Change(record, key, new, key, removed, added))
        if table.claims_uniques:
            claims.Claims(access, table).claim_again(changes)
        if before.claims_uniques:
            left |= claims.removed(before, changes)
        found = writing.current(access, table, access.apply(table, changes))
        if not found:
            break
        give_way(attempt)
    if left:
        claims.Claims(access, before).release(left)
