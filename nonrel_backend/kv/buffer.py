"""What a transaction has written and not yet committed, laid over what it reads."""

from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from django.db import OperationalError
from sortedcontainers import SortedDict

from .conditional import Conflict, Expected, Stored, Write
from .encoding import KeyRange
from .tables import Index, Table
from .undoing import UndoLog

# How many rows that are read are remembered, and of how many more their versions: some
# 20 MB, and some 200.
MOST_ROWS, MOST_SEEN = 10_000, 1_000_000
# Estimated bytes of an entry in memory, besides its key.
ENTRY_BYTES = 300


@dataclass(slots=True)
class Held:
    """A row or an entry that the transaction has written."""

    # As the store has it; None if it has none.
    before: Stored | None
    # The row, or the key of an entry's row; None if it is deleted.
    value: Any
    # The names of the columns in which a row is changed, None for all.
    columns: AbstractSet[str] | None = None
    # Whether no other row may have the entry.
    unique: bool = False
    # Whether a row is only checked: it stays as it is.
    checked: bool = False


class Space:
    """The rows of a table, or the entries of an index, that were written."""

    def __init__(self, table: Table, index: Index) -> None:
        self.table = table
        self.index = index
        self.held: SortedDict[bytes, Held] = SortedDict()

    def between(self, low: bytes, high: bytes) -> list[tuple[bytes, Held]]:
        """Return (key, what is held) of the keys from `low` to before `high`."""
        held = self.held
        keys = held.irange(low, high, inclusive=(True, False))
        return [(key, held[key]) for key in keys]

    def more(self, ranges: Sequence[KeyRange] | None) -> int:
        """Return how many more items there are than in the store; None: in all."""
        found: Iterable[Held] = self.held.values()
        if ranges is not None:
            found = (each for r in ranges for _, each in self.between(*r))
        return sum((h.value is not None) - (h.before is not None) for h in found)


class Buffer(UndoLog):
    """The writes of one transaction, with marks to which they can be undone.

    `most_bytes` is about how much memory they may take.
    """

    # (space, key, what was held before).
    log: list[tuple[Space, bytes, Held | None]]

    def __init__(self, most_bytes: int) -> None:
        super().__init__()
        self.most_bytes = most_bytes
        self.bytes = 0
        # By (table, index).
        self.spaces: dict[tuple[str, str], Space] = {}
        # {(table, key): the row as it was first read}; without its value after
        # MOST_ROWS rows.
        self.seen: dict[tuple[str, bytes], Stored] = {}
        # Whether rows were read that are not remembered.
        self.forgets = False
        # Rows that must be unchanged when the transaction commits; without a value they
        # must not exist.
        self.locked: dict[tuple[str, bytes], tuple[Table, Stored]] = {}

    # --- writes ---

    def space(self, table: Table, index: Index) -> Space | None:
        """Return what was written to an index, None for nothing."""
        found = self.spaces.get((table.name, index.name))
        return found if found is not None and found.held else None

    def hold(self, table: Table, index: Index, key: bytes, held: Held | None) -> None:
        """Note a write; None: the item is as in the store again."""
        name = table.name, index.name
        space = self.spaces.get(name)
        if space is None:
            space = self.spaces[name] = Space(table, index)
        before = space.held.get(key)
        self.log.append((space, key, before))
        if held is None:
            if before is not None:
                del space.held[key]
            return
        space.held[key] = held
        if before is None:
            self.bytes += size_of(key, held)
            if self.bytes > self.most_bytes:
                raise OperationalError(
                    f"The transaction has written more than {self.most_bytes:,} bytes, "
                    'which is the limit of OPTIONS["transaction_bytes"]. Commit less '
                    "at a time, or set a larger limit."
                )

    def undo(self, start: int) -> None:
        while len(self.log) > start:
            space, key, before = self.log.pop()
            if before is None:
                held = space.held.pop(key, None)
                if held is not None:
                    self.bytes -= size_of(key, held)
            else:
                space.held[key] = before

    def clear(self) -> None:
        self.__init__(self.most_bytes)  # type: ignore[misc]

    # --- what was read ---

    def first_read(
        self, table: Table, found: Iterable[Stored], locks: bool
    ) -> list[Stored]:
        """Return rows as the transaction has first read them; remember new ones.

        With `locks`, they must still be the same at the commit. Raise Conflict for a
        row that others have changed since, where its old state is not remembered.
        """
        seen, name, rows = self.seen, table.name, []
        for each in found:
            place = name, each.key
            before = seen.get(place)
            if before is None:
                if len(seen) < MOST_ROWS:
                    seen[place] = Stored(
                        each.key, unshared(table, each.value), each.version
                    )
                elif len(seen) < MOST_SEEN or locks:
                    seen[place] = Stored(each.key, None, each.version)
                else:
                    self.forgets = True
            elif before.version != each.version:
                if before.value is None:
                    raise changed(table)
                each = Stored(each.key, unshared(table, before.value), before.version)
            if locks:
                self.locked.setdefault(place, (table, each))
            rows.append(each)
        return rows

    def confirm(self, table: Table, record: Stored) -> None:
        """Raise Conflict if a row that is about to be written was read before, and
        others have changed it since.
        """
        seen = self.seen.get((table.name, record.key))
        if seen is not None and seen.version != record.version:
            raise changed(table)

    # --- what to commit ---

    def writes(self) -> list[Write]:
        """Return the writes of the transaction, and the checks of rows it has read."""
        found = []
        for space in self.spaces.values():
            is_rows = space.index is space.table.primary
            for key, held in space.held.items():
                expected = Expected.ANYTHING
                if is_rows or (held.unique and held.value is not None):
                    is_new = held.before is None
                    expected = Expected.NOTHING if is_new else Expected.SAME
                found.append(
                    Write(
                        space.table,
                        space.index,
                        key,
                        expected,
                        held.before,
                        held.value,
                        held.columns,
                        not held.checked,
                    )
                )
        found += self.checks()
        return found

    def checks(self) -> Iterator[Write]:
        """Yield the checks of rows that were read and not written."""
        for (name, key), (table, stored) in self.locked.items():
            space = self.spaces.get((name, table.primary.name))
            if space is None or key not in space.held:
                is_there = stored.value is not None
                yield Write(
                    table,
                    table.primary,
                    key,
                    Expected.SAME if is_there else Expected.NOTHING,
                    stored,
                    stored.value,
                    changes=False,
                )


def size_of(key: bytes, held: Held) -> int:
    """Return about how many bytes of memory something that is held takes."""
    value = held.value
    if isinstance(value, dict):
        return len(key) + ENTRY_BYTES + sum(map(size_of_value, value.values()))
    return len(key) + ENTRY_BYTES


def size_of_value(value: Any) -> int:
    if isinstance(value, (str, bytes)):
        return 60 + len(value)
    if isinstance(value, dict):
        return 60 + sum(map(size_of_value, (*value, *value.values())))
    if isinstance(value, (list, tuple, set, frozenset)):
        return 60 + sum(map(size_of_value, value))
    return 60


def unshared(table: Table, row: Any) -> Any:
    """Return a row of which nobody else can change the documents in place."""
    names = [
        name
        for name, column in table.columns.items()
        if column["db_type"] in ("json", "document") and name in row
    ]
    if not names:
        return row
    return {**row, **{name: deepcopy(row[name]) for name in names}}


def changed(table: Table) -> Conflict:
    return Conflict(
        f"Rows of {table.name} that this transaction has read were changed by another "
        "one. Nothing was written. Run the whole atomic() block again, as "
        "retry_transaction() does."
    )
