"""What a statement reads, and writes into the buffer of an optimistic transaction."""

from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from functools import partial
from typing import Any

from . import commits
from .access import Access, Change
from .buffer import Buffer, Held, Space, unshared
from .conditional import ConditionalStore, Predicates, Stored
from .encoding import KeyRange
from .overlays import laid_over
from .tables import Index, Table


class Transaction:
    """An open transaction: a block of atomic(), or one statement."""

    def __init__(self, buffer: Buffer, checks: bool, locks: bool) -> None:
        self.buffer = buffer
        # Whether keys and unique values are looked up before they are written. If not,
        # the commit finds out: a single INSERT is one request so.
        self.checks = checks
        # Whether all rows that are read must be unchanged when it commits.
        self.locks = locks


class OptimisticAccess(Access):
    """What one statement reads, and writes into the buffer of its transaction."""

    def __init__(
        self,
        store: Any,
        records: ConditionalStore,
        transaction: Transaction | None,
    ) -> None:
        self.store = store
        self.records = records
        self.transaction = transaction
        # Whether the rows that the statement reads must be unchanged at the commit.
        self.locks = transaction is not None and transaction.locks
        # Rows that came with the entries of an index of the store's own.
        self.known: dict[bytes, Stored] = {}
        # The columns that the statement reads, None for all; and what the rows satisfy
        # that it finds by reading a whole table.
        self.columns: AbstractSet[str] | None = None
        self.filters: Predicates = ()
        # The keys of rows that were made for them: no other row has them.
        self.made: set[bytes] = set()

    # --- tables ---

    def table(self, name: str) -> Table:
        found: Table = self.store.catalog.table(name)
        return found

    # --- reading ---

    @property
    def buffer(self) -> Buffer:
        assert self.transaction is not None
        return self.transaction.buffer

    def space(self, table: Table, index: Index) -> Space | None:
        """Return what the transaction has written to an index, None for nothing."""
        if self.transaction is None:
            return None
        return self.transaction.buffer.space(table, index)

    def resolved(self, table: Table, index: Index, found: list[Stored]) -> list[Stored]:
        """Return what was read as it counts, rows as they were read first."""
        found = commits.resolved(self.records, table, index, found)
        if self.transaction is not None and index is table.primary:
            return self.buffer.first_read(table, found, self.locks)
        return found

    def get(self, table: Table, keys: Sequence[bytes]) -> list[Stored]:
        space = self.space(table, table.primary)
        found: dict[bytes, Stored] = {}
        asked = []
        for key in keys:
            if space is not None and key in space.held:
                held = space.held[key]
                if held.value is not None:
                    found[key] = as_stored(table, key, held)
            elif key in self.known:
                found[key] = self.known.pop(key)
            elif key not in found:
                asked.append(key)
        if asked:
            stored = self.records.rows(table, list(dict.fromkeys(asked)), self.columns)
            for each in self.resolved(table, table.primary, stored):
                found[each.key] = each
        return [found[key] for key in keys if key in found]

    def scan(
        self,
        table: Table,
        ranges: Sequence[KeyRange],
        reverse: bool = False,
        limit: int | None = None,
    ) -> Iterator[list[Stored]]:
        found = self.records.all_rows(
            table, limit, columns=self.columns, filters=self.filters
        )
        return self.over_rows(table, found)

    def scan_after(self, table: Table, key: bytes) -> Iterator[list[Stored]]:
        return self.over_rows(table, self.records.all_rows(table, after=key))

    def over_rows(
        self, table: Table, batches: Iterator[list[Stored]]
    ) -> Iterator[list[Stored]]:
        """Yield rows of the store, with those of the buffer laid over them."""
        primary = table.primary
        space = self.space(table, primary)
        # The store filters rows as they were before the transaction changed them.
        changed = set() if space is None else {*space.held}
        for batch in batches:
            found = []
            space = self.space(table, primary)
            for each in self.resolved(table, primary, batch):
                if each.key in changed:
                    continue
                if space is not None and each.key in space.held:
                    each = as_stored(table, each.key, space.held[each.key])
                if each.value is not None:
                    found.append(each)
            if found:
                yield found
        space = self.space(table, primary)
        if space is not None:
            rest = [
                as_stored(table, key, held)
                for key, held in space.held.items()
                if (held.before is None or key in changed) and held.value is not None
            ]
            if rest:
                yield rest

    def keys(self, table: Table, records: list[Stored]) -> list[bytes]:
        return [each.key for each in records]

    def rows(self, table: Table, records: list[Stored], layout: Any = None) -> list:
        return [each.value for each in records]

    # --- entries ---

    def entries(
        self,
        table: Table,
        index: Index,
        ranges: Sequence[KeyRange],
        reverse: bool = False,
        limit: int | None = None,
    ) -> Iterator[list[bytes]]:
        for batch in self.stored_entries(table, index, ranges, reverse, limit):
            self.known = {each.value: each.row for each in batch if each.row}
            if batch:
                yield [each.value for each in batch]

    def stored_entries(
        self,
        table: Table,
        index: Index,
        ranges: Sequence[KeyRange],
        reverse: bool = False,
        limit: int | None = None,
    ) -> Iterator[list[Stored]]:
        space = self.entry_space(table, index)
        # Backwards the ranges are not read in the order of all keys.
        parts = [[each] for each in ranges] if space and reverse else [ranges]
        for part in parts:
            settled = (
                (batch[-1].key, self.resolved_entries(table, index, batch))
                for batch in self.records.entries(table, index, part, reverse, limit)
                if batch
            )
            if space is None:
                yield from (batch for _, batch in settled)
            else:
                yield from laid_over(settled, space, part, reverse)

    def resolved_entries(
        self, table: Table, index: Index, batch: list[Stored]
    ) -> list[Stored]:
        if index.is_native:
            came = [each.row for each in batch if each.row is not None]
            there = {
                each.key: each for each in self.resolved(table, table.primary, came)
            }
            batch = [each for each in batch if each.row is None or each.value in there]
            for each in batch:
                each.row = there.get(each.value)
            return batch
        return self.resolved(table, index, batch)

    def entry_space(self, table: Table, index: Index) -> Space | None:
        """Return the entries of an index that the transaction has written."""
        if not index.is_native:
            return self.space(table, index)
        rows = self.space(table, table.primary)
        if rows is None:
            return None
        made = Space(table, index)
        for key, held in rows.held.items():
            if held.before is not None:
                old = index.payload(held.before.value) + key
                made.held[old] = Held(held.before, None)
            if held.value is not None:
                made.held[index.payload(held.value) + key] = Held(held.before, key)
        return made

    def find(
        self, table: Table, index: Index, payloads: Sequence[bytes]
    ) -> list[bytes]:
        names = [table.entry_key((index, each, True), b"")[0] for each in payloads]
        return list(self.holders(table, index, names).values())

    def holders(
        self, table: Table, index: Index, keys: Sequence[bytes]
    ) -> dict[bytes, bytes]:
        """Return {key of an entry: key of its row} of those unique entries that exist,
        in the order of the keys.
        """
        space = self.space(table, index)
        found: dict[bytes, bytes] = {}
        asked = []
        for key in keys:
            if space is not None and key in space.held:
                if space.held[key].value is not None:
                    found[key] = space.held[key].value
            else:
                asked.append(key)
        if asked:
            stored = self.records.found(table, index, list(dict.fromkeys(asked)))
            for each in self.resolved(table, index, stored):
                found[each.key] = each.value
        return {key: found[key] for key in keys if key in found}

    def entries_fit(self, table: Table) -> bool:
        # Rows that must be unchanged at the commit are read.
        return not self.locks

    def count(
        self,
        table: Table,
        index: Index,
        ranges: Sequence[KeyRange],
        limit: int | None = None,
    ) -> int:
        space = self.entry_space(table, index)
        if space is None or limit is None:
            found = self.records.count(table, index, ranges, limit)
            if found is not None:
                if space is None:
                    return found
                return found + space.more(None if index is table.primary else ranges)
        return super().count(table, index, ranges, limit)

    # --- writing ---

    def next_keys(self, table: Table, given: list[Any]) -> list[Any]:
        keys = super().next_keys(table, given)
        made = (key for key, old in zip(keys, given, strict=True) if old is None)
        self.made = {table.key_of((key,)) for key in made}
        return keys

    def insert_rows(self, table: Table, rows: list[Any]) -> list[Change]:
        keys = [table.row_key(row) for row in rows]
        if len({*keys}) < len(keys) or self.existing(table, keys):
            raise table.duplicate(table.primary)
        named = [
            [(each, self.entry_key(table, each, key)) for each in table.entries_of(row)]
            for key, row in zip(keys, rows, strict=True)
        ]
        self.validate_added(table, named)
        for row, key, found in zip(rows, keys, named, strict=True):
            self.put_row(table, key, row)
            for entry, name in found:
                self.put_entry(table, entry, name, key)
        return []

    def existing(self, table: Table, keys: list[bytes]) -> set[bytes]:
        """Return which rows exist, of those of which that is to be found out."""
        assert self.transaction is not None
        if self.transaction.checks:
            given = [key for key in keys if key not in self.made]
            return {each.key for each in self.get(table, given)} if given else set()
        space = self.space(table, table.primary)
        if space is None:
            return set()
        there = (key for key in keys if key in space.held)
        return {key for key in there if space.held[key].value is not None}

    def taken(
        self, table: Table, index: Index, names: list[bytes]
    ) -> dict[bytes, bytes]:
        """Return {key: key of the row} of unique entries, as far as they are known."""
        assert self.transaction is not None
        if self.transaction.checks:
            return self.holders(table, index, names)
        space = self.space(table, index)
        if space is None:
            return {}
        held = {name: space.held[name].value for name in names if name in space.held}
        return {name: key for name, key in held.items() if key is not None}

    def apply(self, table: Table, changes: Iterable[Change]) -> list[Change]:
        waiting = []
        for each in changes:
            assert each.old_key is not None, "new rows are inserted"
            if each.old_key != each.key:
                self.delete_row(table, each)
            for entry in each.removed:
                name = self.entry_key(table, entry, each.old_key)
                self.remove_entry(table, entry, name, each.old_key)
            if each.key is not None:
                waiting.append(each)
        named = [
            [(entry, self.entry_key(table, entry, c.key)) for entry in c.added]  # type: ignore[arg-type]
            for c in waiting
        ]
        self.validate_added(table, named)
        for change, found in zip(waiting, named, strict=True):
            key = change.key
            assert key is not None
            if change.old_key == key:
                self.change_row(table, change)
            else:
                if self.existing(table, [key]):
                    raise table.duplicate(table.primary)
                self.put_row(table, key, change.row)
            for entry, name in found:
                self.put_entry(table, entry, name, key)
        return []

    def validate_added(self, table: Table, named: list[list[Any]]) -> None:
        """Raise IntegrityError if an entry that is to be unique is another row's."""
        unique: dict[Index, list[bytes]] = {}
        for found in named:
            for entry, name in found:
                if entry[2]:
                    unique.setdefault(entry[0], []).append(name)
        for index, names in unique.items():
            if len({*names}) < len(names) or self.taken(table, index, names):
                raise table.duplicate(index)

    def held(self, table: Table, index: Index, key: bytes) -> Held | None:
        """Return what the transaction has written of an item, None for nothing."""
        space = self.space(table, index)
        return None if space is None else space.held.get(key)

    def put_row(self, table: Table, key: bytes, row: Any) -> None:
        """Hold a row that is new, or was deleted before in the transaction."""
        held = self.held(table, table.primary, key)
        before = None if held is None else held.before
        made = Held(before, unshared(table, row))
        self.buffer.hold(table, table.primary, key, made)

    def change_row(self, table: Table, change: Change) -> None:
        key, columns = change.key, change.columns
        assert key is not None
        before, held = self.before(table, change.record, key)
        same = change.same_row
        if columns is None:
            same = not table.layout.differing(change.record.value, change.row)
        if held is not None:
            if same:
                return
            known = None if held.checked else held.columns
            if held.before is None or (not held.checked and known is None):
                columns = None
            elif columns is not None and known is not None:
                columns = columns | known
        made = Held(before, unshared(table, change.row), columns, checked=same)
        self.buffer.hold(table, table.primary, key, made)

    def delete_row(self, table: Table, change: Change) -> None:
        key = change.old_key
        assert key is not None
        before, _ = self.before(table, change.record, key)
        held = None if before is None else Held(before, None)
        self.buffer.hold(table, table.primary, key, held)

    def before(
        self, table: Table, record: Stored, key: bytes
    ) -> tuple[Stored | None, Held | None]:
        """Return a row as the store has it, and what is held of it."""
        held = self.held(table, table.primary, key)
        if held is not None:
            return held.before, held
        self.buffer.confirm(table, record)
        return record, None

    def put_entry(self, table: Table, entry: Any, name: bytes, key: bytes) -> None:
        index, _, unique = entry
        held = self.held(table, index, name)
        before = None if held is None else held.before
        if before is not None and before.value == key:
            self.buffer.hold(table, index, name, None)  # it is there
        else:
            made = Held(before, key, unique=unique)
            self.buffer.hold(table, index, name, made)

    def remove_entry(self, table: Table, entry: Any, name: bytes, key: bytes) -> None:
        index, _, unique = entry
        held = self.held(table, index, name)
        if held is None:
            before: Stored | None = Stored(name, key)
        else:
            before = held.before
        gone = None if before is None else Held(before, None, unique=unique)
        self.buffer.hold(table, index, name, gone)

    def entry_key(self, table: Table, entry: Any, row_key: bytes) -> bytes:
        """Return the key of an entry; note it if a part of it is shortened."""
        key, marked = table.entry_key(entry, row_key)
        for index in marked:
            self.store.outside(partial(self.store.catalog.truncates, table, index))
        return key


def as_stored(table: Table, key: bytes, held: Held) -> Stored:
    """Return a row that is held as if it was read."""
    version = None if held.before is None else held.before.version
    value = held.value if held.value is None else unshared(table, held.value)
    return Stored(key, value, version)
