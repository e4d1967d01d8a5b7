"""Integer keys from sequences in the database, of which each process takes blocks."""

import os
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias
from weakref import WeakKeyDictionary

from pymongo import MongoClient, ReturnDocument
from pymongo.errors import NetworkTimeout, OperationFailure

from ..values.storing import no_key_left
from .deadlines import deadline_of, until_deadline

COLLECTION = "nonrel_sequences"
BAD_VALUE = 2  # The server's code for a sum of more than 64 bits, too.
# A block grows with each insert that follows soon: 1, 8, 64, 128 keys. So a process
# which inserts row after row asks the server for a key in 128 inserts, and one which
# ends loses as many keys at most.
GROWTH = 8
LARGEST_BLOCK = 128
# A process that has not inserted for so long begins with blocks of one key again.
IDLE_SECONDS = 1.0

# For each client, by the names of database and table.
_blocks: WeakKeyDictionary[MongoClient, dict[tuple[str, str], "Block"]]
_blocks = WeakKeyDictionary()
_lock = threading.Lock()


def forget_after_fork() -> None:
    """Make a forked child take keys of its own.

    Its parent hands out the keys of the blocks known so far, and a thread of the
    parent may hold the lock, which no thread of the child would ever release.
    """
    global _blocks, _lock
    _blocks = WeakKeyDictionary()
    _lock = threading.Lock()


os.register_at_fork(after_in_child=forget_after_fork)


class Block:
    """The keys of one table that this process may hand out.

    One thread at a time uses it, which may ask the server meanwhile: `lock`.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.next = 1
        self.end = 1
        self.highest = 0
        # The last key of which it is known that no row has it.
        self.checked = 0
        self.size = 1
        self.used = 0.0

    def rest(self, first: int) -> dict[str, int]:
        """Return the condition for keys from `first` to the end of the block."""
        return {"$gte": first, "$lt": self.end}


def highest_key(collection: Any, taken: Any, session: Any = None) -> Any:
    """Return the highest number among the keys if there is a row of the `taken` keys.

    Return None if there is none.
    """
    if collection.find_one({"_id": taken}, {"_id": 1}, session=session) is None:
        return None
    numbers = {"_id": {"$type": "number"}}
    order = [("_id", -1)]
    found = collection.find_one(numbers, {"_id": 1}, sort=order, session=session)
    return found and found["_id"]


# The first of some keys of a block, and the key that follows the last.
Taken: TypeAlias = tuple[Block, int, int]


class Sequences:
    """The sequences of one DatabaseWrapper's database.

    Keys are taken outside of transactions, so that these do not wait for each other. A
    rollback gives its keys back if nobody has taken any since, else it leaves a gap.
    """

    def __init__(self, connection: Any) -> None:
        self.connection = connection

    @property
    def blocks(self) -> dict[tuple[str, str], Block]:
        return _blocks.setdefault(self.connection.connection, {})

    @contextmanager
    def block(self, table: str) -> Iterator[Block]:
        """Hold the block of a table, until the deadline of the operation.

        Raise NetworkTimeout if other threads hold it for so long: they wait for the
        server.
        """
        key = (self.connection.settings_dict["NAME"], table)
        deadline = deadline_of(self.connection.connection)
        with _lock:
            block = self.blocks.get(key)
            if block is None:
                block = self.blocks[key] = Block()
        if not block.lock.acquire(timeout=deadline - time.monotonic()):
            raise NetworkTimeout(
                f"no key for a row of {table}, since another thread has been asking "
                f"{COLLECTION} for the next ones"
            )
        try:
            with until_deadline(deadline):
                yield block
        finally:
            block.lock.release()

    def next(self, table: str, count: int = 1) -> list[int]:
        """Return `count` ascending keys that nobody else gets."""
        transaction = self.connection.transaction
        with self.block(table) as block:
            keys, taken = self.take(table, block, count)
            if transaction.is_open and keys[-1] > block.checked:
                # A duplicate would end the block: it looks for none of these keys.
                rows = self.connection.primary[table]
                while (last := highest_key(rows, block.rest(keys[0]))) is not None:
                    self.pass_by(table, block, last)
                    keys, taken = self.take(table, block, count)
                block.checked = block.end - 1
            block.used = time.monotonic()
            if transaction.is_open and taken:
                transaction.taken.append((block, taken[0], block.next))
            return keys

    def take(self, table: str, block: Block, count: int) -> tuple[list[int], list[int]]:
        """Return `count` keys of a block and of the next, and those to give back."""
        keys = list(range(block.next, min(block.end, block.next + count)))
        block.next += len(keys)
        if len(keys) == count:
            return keys, keys
        left, end = len(keys), block.end
        keys += self.allocate(table, block, count - left)
        if end == keys[left]:  # nobody took a key between the blocks
            left = 0
        return keys, keys[left:]

    @staticmethod
    def give_back(taken: Iterable[Taken]) -> None:
        """Hand out these keys again, the newest first, unless others follow them."""
        for block, first, following in taken:
            if block.lock.acquire(blocking=False):
                if block.next == following:
                    block.next = first
                block.lock.release()

    def allocate(self, table: str, block: Block, count: int) -> list[int]:
        """Take a new block of at least `count` keys; return its first `count`."""
        if time.monotonic() - block.used < IDLE_SECONDS:
            block.size = min(block.size * GROWTH, LARGEST_BLOCK)
        else:
            block.size = 1
        size = max(count, block.size)
        last = self.increment(table, size)
        first = last - size + 1
        block.next, block.end = first + count, last + 1
        block.highest = max(block.highest, last)
        return list(range(first, first + count))

    def increment(self, table: str, size: int) -> int:
        """Add `size` to the stored sequence and return it."""
        try:
            document = self.connection.collection(COLLECTION).find_one_and_update(
                {"_id": table},
                {"$inc": {"value": size}},
                upsert=True,
                return_document=ReturnDocument.AFTER,
            )
        except OperationFailure as error:
            if error.code != BAD_VALUE:
                raise
            how = f"set the value of {table!r} in {COLLECTION} to the last key"
            raise no_key_left(table, how) from error
        return document["value"]

    def advance(self, table: str, value: int) -> None:
        """Make the sequence continue after `value`, a key that a row was given."""
        with self.block(table) as block:
            if block.next <= value < block.end:
                block.next = value + 1
            if value <= block.highest or value <= 0:
                return
            self.pass_by(table, block, value)

    def restart(self, table: str, value: int) -> None:
        """Make the sequence continue after `value`, with a new block.

        To be called when keys of the block have turned out to be taken.
        """
        with self.block(table) as block:
            self.pass_by(table, block, value)

    def pass_by(self, table: str, block: Block, value: int) -> None:
        self.connection.collection(COLLECTION).update_one(
            {"_id": table}, {"$max": {"value": value}}, upsert=True
        )
        block.highest = max(block.highest, value)
        block.next = block.end = 1

    def reset(self, tables: Iterable[str]) -> None:
        """Start the sequences of these tables anew."""
        tables = list(tables)
        self.connection.collection(COLLECTION).delete_many({"_id": {"$in": tables}})
        self.forget(tables)

    def forget(self, tables: Iterable[str]) -> None:
        """Drop the blocks of these tables."""
        with _lock:
            for table in tables:
                self.blocks.pop((self.connection.settings_dict["NAME"], table), None)

    def rename(self, old: str, new: str) -> None:
        collection = self.connection.collection(COLLECTION)
        found = collection.find_one_and_delete({"_id": old})
        if found:
            found["_id"] = new
            collection.replace_one({"_id": new}, found, upsert=True)
        self.forget([old, new])
