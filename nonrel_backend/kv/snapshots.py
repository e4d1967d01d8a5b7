"""What a transaction has read: a newer state must still hold it.

A block of atomic() reads one state of the store. Its first write needs the newest one:
the block goes on there if what it has read is the same in it, else TransactionConflict
is raised. A few rows are read again to tell; where they were many, a token is compared
that every change of their table replaces.
"""

from collections.abc import Sequence
from typing import Any

from ..transactions import TransactionConflict
from .bytes import TREE_SIZE, Item
from .tables import Table
from .trees import TOKEN_KEY, TreesAccess

# Rows and entries that would be read again: under a millisecond.
MOST_ITEMS = 1_000


class Reads:
    """What a transaction has read, as hashes of the answers."""

    def __init__(self) -> None:
        # {(method of an Access, *arguments): hash of what it returned}
        self.answers: dict[tuple[Any, ...], int] = {}
        # How many more rows and entries may be noted one by one.
        self.left = MOST_ITEMS
        # {tree of a table or an index: name of the table}
        self.names: dict[bytes, str] = {}

    def name(self, table: Table) -> None:
        """Note the name of a table that is read, for the message of check()."""
        if table.prefix not in self.names:
            for index in (table.primary, *table.indexes):
                self.names[index.prefix] = table.name

    def check(self, access: TreesAccess) -> None:
        """Raise TransactionConflict unless `access` reads the same."""
        for (method, *arguments), answer in self.answers.items():
            if hash_of(getattr(access, method)(*arguments)) != answer:
                raise TransactionConflict(
                    f"{self.described(arguments[0])} that this transaction has read "
                    "were changed by another one, before its first write. Nothing was "
                    "written. Run the whole atomic() block again, as "
                    "retry_transaction() does, or begin it with select_for_update()."
                )

    def described(self, key: bytes | tuple[bytes, ...]) -> str:
        """Return what is read under a key, or some."""
        if isinstance(key, tuple):
            key = key[0]
        # The key of a row or an entry begins with its tree, that of a table's counters
        # ends with it.
        for part in (key[:TREE_SIZE], key[-TREE_SIZE:]):
            if part in self.names:
                return f"Rows of {self.names[part]}"
        return "Tables"

    def clear(self) -> None:
        self.__init__()  # type: ignore[misc]


def hash_of(answer: Any) -> int:
    return hash(tuple(answer) if isinstance(answer, list) else answer)


class NotedReads(TreesAccess):
    """Mixin for an Access: what a statement reads is noted in `reads`."""

    reads: Reads
    # The tokens of the tables that the statement reads.
    tokens: list[bytes]

    def begin_notes(self, reads: Reads) -> None:
        self.reads = reads
        self.tokens = [TOKEN_KEY]

    def noted(self, count: int, answer: Any, method: str, *arguments: Any) -> None:
        """Note the answer of a method, for which `count` keys were read.

        If it is too long, note the tables of the statement as a whole.
        """
        reads = self.reads
        if count > reads.left:
            for key in self.tokens:
                self.value(key)
        else:
            reads.left -= count
            reads.answers[method, *arguments] = hash_of(answer)

    def table(self, name: str) -> Table:
        found = super().table(name)
        self.reads.name(found)
        self.tokens.append(found.counters_key)
        return found

    def value(self, key: bytes) -> bytes | None:
        found = super().value(key)  # type: ignore[safe-super]
        self.noted(0, found, "value", key)
        return found

    def unnoted(self, key: bytes) -> bytes | None:
        return super().value(key)  # type: ignore[safe-super]

    def values(self, keys: Sequence[bytes]) -> list[Item]:
        found = super().values(keys)
        self.noted(len(keys), found, "values", tuple(keys))
        return found

    def get(self, table: Table, keys: Sequence[bytes]) -> list[Item]:
        return self.values([table.prefix + key for key in keys])

    def items(self, low: bytes, high: bytes, reverse: bool, limit: int) -> list[Item]:
        found = super().items(low, high, reverse, limit)  # type: ignore[safe-super]
        self.noted(len(found) + 1, found, "items", low, high, reverse, limit)
        return found

    def count_items(self, low: bytes, high: bytes, limit: int | None) -> int:
        count = super().count_items(low, high, limit)
        self.noted(count + 1, count, "count_items", low, high, limit)
        return count
