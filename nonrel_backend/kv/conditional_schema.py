"""Schema changes on stores with conditional writes: a transaction for each few rows."""

from abc import abstractmethod
from collections.abc import Iterator
from functools import partial
from typing import Any

from django.db import IntegrityError, ProgrammingError

from ..batching import weighed
from ..catalog.inserts import without_missing
from ..catalog.schema import RowChange
from .access import Access, Change, Entry
from .encoding import EVERYTHING
from .online import Changed, OnlineSchemaEditor
from .tables import Table


class ConditionalSchemaEditor(OnlineSchemaEditor):
    """Rewrites rows by transactions that are one batch of the store each.

    A table has an "id" in its entry, and so has an index: the store names what it holds
    by these, so that renaming moves nothing. Without one it is the first name.
    """

    collates = True

    # --- for stores ---

    @abstractmethod
    def new_table(self, table: str, entry: dict[str, Any]) -> None:
        """Make what the store needs for a table; give its entry an "id" if need be."""

    @abstractmethod
    def discard(self, table: str, entry: dict[str, Any]) -> None:
        """Delete the rows and entries of a table that is in the catalog no more."""

    @abstractmethod
    def discard_index(self, table: Table, index: dict[str, Any]) -> None:
        """Delete the entries of an index that is in the catalog no more."""

    # --- tables ---

    def make_table(self, model: Any) -> None:
        table, entry = model._meta.db_table, self.table_entry(model)
        self.new_table(table, entry)
        self.catalog.save(table, entry)

    def drop_table(self, table: str) -> None:
        entry = self.catalog.entry(table)
        self.catalog.remove(table)
        self.discard(table, entry)

    def rename_table(self, old: str, new: str) -> None:
        entry = self.catalog.copy(old)
        entry.setdefault("id", old)
        found = self.catalog.find(new)
        # If it has the same id, an interrupted renaming goes on.
        if found is None or found.get("id") != entry["id"]:
            if found is not None:
                raise ProgrammingError(f'table "{new}" already exists')
            self.catalog.save(new, entry)
        last = self.catalog.last_key(old)
        if last is not None:
            self.catalog.advance(new, last)
        self.catalog.remove(old)
        self.rename_references(lambda reference: [new, reference[1]], old)

    def has_rows(self, table: str) -> bool:
        known = self.catalog.table(table)
        with self.connection.reading() as access:
            return self.count(access, known) != 0

    # --- indexes ---

    def build_index(
        self, table: str, entry: dict[str, Any], index: dict[str, Any]
    ) -> None:
        known = [*entry["indexes"], *entry.get("building", ())]
        ids = {each.get("id", each["name"]) for each in known}
        if index["name"] in {each.get("id") for each in known}:
            index["id"] = free_id(index["name"], ids)
        try:
            super().build_index(table, entry, index)
        except IntegrityError:
            # Rows repeat a value: nothing is left of the index.
            entry = self.catalog.copy(table)
            entry.pop("rewriting", None)
            entry["building"] = [
                each for each in entry["building"] if each["name"] != index["name"]
            ]
            self.catalog.save(table, entry)
            self.discard_index(self.catalog.table(table), index)
            raise

    def validate_unique(
        self, table: str, entry: dict[str, Any], index: dict[str, Any]
    ) -> None:
        """Do nothing: the entries tell when they are put."""

    def drop_index(self, table: str, name: str) -> None:
        known = self.catalog.table(table)
        entry = self.catalog.copy(table)
        (index,) = (each for each in entry["indexes"] if each["name"] == name)
        entry["indexes"].remove(index)
        self.catalog.save(table, entry)
        self.discard_index(known, index)

    def rename_index(self, model: Any, old_index: Any, new_index: Any) -> None:
        table = model._meta.db_table

        def work() -> None:
            entry = self.catalog.copy(table)
            for each in entry["indexes"]:
                if each["name"] == old_index.name:
                    each.setdefault("id", old_index.name)
                    each["name"] = new_index.name
            self.catalog.save(table, entry)

        text = f'ALTER INDEX "{old_index.name}" RENAME TO "{new_index.name}"'
        self.do(text, work)

    # --- columns ---

    def make_column(self, model: Any, field: Any, value: Any) -> None:
        table, what = model._meta.db_table, f"with {field.column}"
        entry = self.catalog.copy(table)
        if entry.get("rewriting", {}).get("what") == what:
            # An interrupted migration goes on.
            self.put_all(table, what, filled(field.column, self.stored(field, value)))
            return
        super().make_column(model, field, value)

    def fill_column(
        self, table: str, entry: dict[str, Any], name: str, stored: Any
    ) -> None:
        # Rows are written by the columns that the catalog has.
        what = f"with {name}"
        self.catalog.save(table, {**entry, "rewriting": {"what": what, "key": ""}})
        self.put_all(table, what, filled(name, stored))

    # --- rewriting all rows of a table ---

    def change_rows(
        self,
        table: str,
        entry: dict[str, Any],
        change: RowChange,
        rekeyed: bool = False,
    ) -> None:
        before = self.catalog.entry(table)
        if rekeyed or entry["key"] != before["key"]:
            self.change_keys(table, before, entry, change)
        else:
            super().change_rows(table, entry, change)

    def change_keys(
        self,
        table: str,
        before: dict[str, Any],
        entry: dict[str, Any],
        change: RowChange,
    ) -> None:
        """Copy all rows, changed, to a new table, which takes the place of the old one.

        What others write meanwhile into rows that are copied already is lost.
        """
        if "copying" in before:  # the copy of an interrupted change
            self.discard(table, {**entry, **before["copying"]})
        entry = {n: each for n, each in entry.items() if n not in ("copying", "id")}
        self.new_table(table, entry)
        copy = {name: entry[name] for name in ("columns", "key", "indexes")}
        copy["id"] = entry.setdefault("id", table)
        self.catalog.save(table, {**before, "copying": copy})
        source, target = (
            self.catalog.table(table),
            self.catalog.made_table(table, entry),
        )
        try:
            with self.connection.reading() as access:
                for records in access.scan_after(source, b""):
                    rows = [
                        target.layout.new(without_missing({**row, **change.of(row)}))
                        for row in access.rows(source, records)
                    ]
                    for some in self.in_batches(target, rows, target.entries_of):
                        self.connection.write(partial(insert, target, some))
        except BaseException:
            self.catalog.save(table, before)
            self.discard(table, entry)
            raise
        self.catalog.save(table, entry)
        self.discard(table, before)

    def count(self, access: Access, table: Table) -> int | None:
        # Counting is as much work for the store as reading.
        return access.count(table, table.primary, [EVERYTHING], 1) and None

    def in_batches(
        self, table: Table, items: list[Any], writes: Any
    ) -> Iterator[list[Any]]:
        """Return items in lists whose writes are one batch of the store.

        `writes` returns what an item writes besides its row.
        """
        most = self.connection.records.batch_writes
        return weighed(items, lambda each: 1 + len(writes(each)), most)

    def put_page(
        self, before: Table, table: Table, records: list[Any], change: Changed
    ) -> None:
        changes = changes_of(before, table, records, change)
        for some in self.in_batches(
            table, changes, lambda each: [*each.removed, *each.added]
        ):
            self.connection.write(Rewriting(before, table, some, change))


class Current(dict[str, Any]):
    """A row that others, or an interrupted change, have put as it will be."""


class Rewriting:
    """The work of one transaction, which others may make the store repeat."""

    def __init__(
        self, before: Table, table: Table, changes: list[Change], change: Changed
    ) -> None:
        self.before = before
        self.table = table
        self.changes: list[Change] | None = changes
        self.keys = [each.key for each in changes]
        self.change = change

    def __call__(self, access: Any) -> None:
        changes, self.changes = self.changes, None
        if changes is None:
            records = access.get(self.before, self.keys)
            changes = changes_of(self.before, self.table, records, self.change)
        drop_own(access, self.table, changes)
        access.apply(self.table, [each for each in changes if is_any(each)])


def changes_of(
    before: Table, table: Table, records: list[Any], change: Changed
) -> list[Change]:
    """Return the changes that put rows after `change(row)`, with their entries.

    Of indexes that are being built all entries are put.
    """
    found = []
    for record in records:
        row = record.value
        if isinstance(row, Current):
            continue
        new = change(row)
        old_entries, new_entries = before.entries_of(row), table.entries_of(new)
        there = {named(each) for each in old_entries if not each[0].building}
        wanted = set(map(named, new_entries))
        columns = table.layout.differing(row, new)
        made = Change(
            record,
            record.key,
            new,
            record.key,
            [each for each in old_entries if named(each) not in wanted],
            [each for each in new_entries if named(each) not in there],
            same_row=not columns,
            columns=columns,
        )
        if is_any(made):
            found.append(made)
    return found


def named(entry: Entry) -> tuple[str, bytes]:
    return entry[0].name, entry[1]


def is_any(change: Change) -> bool:
    """Return whether a change changes anything."""
    return bool(change.removed or change.added or not change.same_row)


def drop_own(access: Any, table: Table, changes: list[Change]) -> None:
    """Leave out the unique entries that the rows have already.

    Raise IntegrityError for one that another row has.
    """
    for index in table.indexes:
        if not (index.unique and index.building):
            continue
        names = {
            (each.key, payload): access.entry_key(
                table, (entry, payload, True), each.key
            )
            for each in changes
            for entry, payload, unique in each.added
            if entry is index and unique
        }
        holders = access.holders(table, index, list(dict.fromkeys(names.values())))
        for each in changes:
            kept = []
            for entry in each.added:
                name = names.get((each.key, entry[1])) if entry[0] is index else None
                holder = holders.get(name) if name is not None else None
                if holder is None:
                    kept.append(entry)
                elif holder != each.key:
                    raise table.duplicate(index)
            each.added = kept


def insert(table: Table, rows: list[Any], access: Any) -> None:
    access.insert_rows(table, rows)


def filled(name: str, stored: Any) -> Changed:
    """Return the change of rows that gives a column a value, where it has none."""
    return lambda row: {name: stored, **row}


def free_id(name: str, taken: set[str]) -> str:
    """Return a new id for something with this name."""
    number = 2
    while f"{name}~{number}" in taken:
        number += 1
    return f"{name}~{number}"
