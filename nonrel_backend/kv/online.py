"""Schema changes of tables that others read and write meanwhile, page by page.

The catalog stores the progress: the next run continues an interrupted one.
"""

import time
from collections.abc import Callable
from typing import Any, TypeAlias

from django.db.transaction import TransactionManagementError

from ..catalog.indexes import named
from ..catalog.inserts import without_missing
from ..catalog.rows import Row
from ..catalog.schema import RowChange
from ..progress import Progress
from ..query import translated_errors
from . import claims, writing
from .access import Access, Change
from .cached_catalog import CACHED_SECONDS
from .encoding import EVERYTHING
from .retrying import attempts, give_way
from .schema import ConditionEditor, try_change
from .tables import Table

# Returns the new row for an old one.
Changed: TypeAlias = Callable[[Row], Row]


class OnlineSchemaEditor(ConditionEditor):
    """Schema changes for stores in which no rollback undoes them.

    "building" in a table's entry are new indexes: rows are written with their entries,
    but no query uses them yet. Each page of rows is a statement of its own.
    """

    @property
    def schema_wait(self) -> float:
        """Seconds until other processes see a changed catalog."""
        wait: float = self.connection.option("schema_wait", CACHED_SECONDS)
        return wait

    def execute(self, sql: Any, params: Any = ()) -> Any:
        # Django's rule for DDL in transactions, as on databases without rollback of it.
        if self.connection.in_atomic_block and not self.collect_sql and self.logs:
            raise TransactionManagementError(
                "Executing DDL statements while in a transaction on databases "
                "that can't perform a rollback is prohibited."
            )
        with translated_errors(self.connection):
            return super().execute(sql, params)

    def run(self, work: Callable[[], Any]) -> Any:
        """Return what the work of a command returns; it is many statements.

        They are not logged.
        """
        self.connection.statements += 1
        try:
            return work()
        finally:
            self.connection.statements -= 1

    # --- columns ---

    def fill_column(
        self, table: str, entry: dict[str, Any], name: str, stored: Any
    ) -> None:
        # Values that an interrupted migration has written stay, even different ones.
        self.put_all(table, f"with {name}", lambda row: {name: stored, **row})
        self.catalog.save(table, entry)

    def drop_column(self, model: Any, field: Any) -> None:
        table, name = model._meta.db_table, field.column
        if name in self.catalog.entry(table)["key"]:
            super().drop_column(model, field)
            return
        self.drop_parts(table, name)
        self.clear_column(table, name)
        entry = self.catalog.copy(table)
        entry["columns"].remove(named(entry["columns"], name))
        self.catalog.save(table, entry)

    def drop_parts(self, table: str, column: str) -> None:
        """Remove the indexes and constraints of a column that will be dropped."""
        entry = self.catalog.copy(table)
        for index in entry["indexes"]:
            if column in index["columns"]:
                self.drop_index(table, index["name"])
        entry = self.catalog.copy(table)
        for kind in ("building", "checks"):
            entry[kind] = [
                each for each in entry.get(kind, ()) if column not in each["columns"]
            ]
        self.catalog.save(table, entry)

    def clear_column(self, table: str, name: str) -> None:
        """Remove the values of a column from all rows."""
        self.put_all(table, f"without {name}", lambda row: without(row, name))

    # --- indexes ---

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
            if not known.claims_uniques or not any(
                each.name == name and each.unique for each in known.indexes
            ):
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
        what = " ".join(["changed", *sorted(change.columns)])
        before = self.catalog.table(table)
        begun = before.entry.get("rewriting", {}).get("what") == what
        if not begun and (not change.keeps_values or change.validates):
            with self.connection.reading() as access:
                try_change(access, before, change)
        if change.keeps_values and len(change.columns) == 1:
            self.catalog.save(table, entry)
            return
        if not begun:
            entry["rewriting"] = {"what": what, "key": ""}
        self.catalog.save(table, {**entry, "before": before.entry})
        self.put_all(
            table, what, lambda row: without_missing({**row, **change.of(row)}), before
        )
        entry = self.catalog.copy(table)
        del entry["before"]
        self.catalog.save(table, entry)

    def change_column(
        self, model: Any, old_field: Any, new_field: Any, value: Any
    ) -> None:
        table = model._meta.db_table
        self.go_back(table)
        known = {each["name"]: each for each in self.catalog.entry(table)["columns"]}
        if old_field.column not in known and self.described(new_field) == known.get(
            new_field.column
        ):
            return  # it was done before the migration was interrupted
        super().change_column(model, old_field, new_field, value)

    def change_type(
        self, model: Any, column: str, old_field: Any, new_field: Any
    ) -> None:
        self.go_back(model._meta.db_table)
        super().change_type(model, column, old_field, new_field)

    def go_back(self, table: str) -> None:
        """Save the entry from before an interrupted change, which will go on."""
        entry = self.catalog.copy(table)
        if "before" in entry:
            begun = {"rewriting": entry["rewriting"]} if "rewriting" in entry else {}
            self.catalog.save(table, {**entry["before"], **begun})

    def write_entries(self, table: str, what: str) -> None:
        """Put all rows unchanged, with their entries and claims."""
        self.put_all(table, what, lambda row: row)

    def put_all(
        self, table: str, what: str, change: Changed, before: Table | None = None
    ) -> None:
        """Put all rows after `change(row)`, in an order of the store's.

        `what` names the change; `before` is the table before it.
        """
        entry = self.catalog.copy(table)
        known = self.catalog.table(table)
        with translated_errors(self.connection), self.connection.reading() as access:
            total = self.count(access, known)
            if total != 0:
                # Until then other processes may write rows by the old catalog.
                time.sleep(self.schema_wait)
            begun = entry.get("rewriting", {})
            after = b""
            if begun.get("what") == what:
                after = begun["key"].encode("latin-1")
            progress = Progress(total, f"{table}: {what}")
            source = self.source(before, known)
            for records in access.scan_after(source, after):
                self.put_page(source, known, records, change)
                key = access.keys(source, records)[-1]
                entry["rewriting"] = {"what": what, "key": key.decode("latin-1")}
                self.catalog.save(table, entry)
                progress.add(len(records))
        if entry.pop("rewriting", None):
            self.catalog.save(table, entry)

    def count(self, access: Access, table: Table) -> int | None:
        """Return how many rows a table has, None for some that are not counted."""
        return access.count(table, table.primary, [EVERYTHING])

    def source(self, before: Table | None, table: Table) -> Table:
        """Return the table by which rows are read while they are put anew."""
        return before or table

    def put_page(
        self, before: Table, table: Table, records: list[Any], change: Changed
    ) -> None:
        """Put a page of rows after `change(row)`, also unchanged ones.

        They get all their entries and claims, and lose those that they had before.
        """
        self.connection.write(
            lambda access: rewrite(access, before, table, records, change)
        )


def rewrite(
    access: Access, before: Table, table: Table, records: list[Any], change: Changed
) -> None:
    found = list(zip(records, access.rows(before, records), strict=True))
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


def without(row: Row, column: str) -> Row:
    return {name: value for name, value in row.items() if name != column}
