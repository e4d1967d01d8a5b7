"""Integer keys from sequences kept in the database, handed out by the block."""

import os
import threading
import time

from pymongo import ReturnDocument

COLLECTION = "nonrel_sequences"
LARGEST_BLOCK = 128
# A process that has not inserted for so long begins with small blocks again.
IDLE_SECONDS = 1.0

_blocks: dict[tuple, "Block"] = {}
_lock = threading.Lock()


def _new_lock() -> None:
    global _lock
    _lock = threading.Lock()


# A child forked while a thread holds the lock would wait for it for ever.
os.register_at_fork(after_in_child=_new_lock)


class Block:
    """The keys of one table that this process may hand out without asking."""

    def __init__(self):
        self.next = 1
        self.end = 1
        self.highest = 0
        self.size = 1
        self.used = 0.0


class Sequences:
    """The sequences of one DatabaseWrapper's database.

    They are allocated outside of transactions, as in SQL: a rollback leaves a gap.
    """

    def __init__(self, connection):
        self.connection = connection
        # Unique indexes by table, kept here as they live as long (see uniques.py).
        self.indexes: dict[str, list] = {}

    def block(self, table: str) -> Block:
        settings = self.connection.settings_dict
        key = (id(self.connection.connection), settings["NAME"], table)
        block = _blocks.get(key)
        if block is None:
            block = _blocks[key] = Block()
        return block

    def next(self, table: str, count: int = 1) -> list[int]:
        """`count` ascending keys that nobody else is given."""
        with _lock:
            block = self.block(table)
            keys = list(range(block.next, min(block.end, block.next + count)))
            block.next += len(keys)
            if len(keys) < count:
                keys += self.allocate(table, block, count - len(keys))
            block.used = time.monotonic()
            return keys

    def allocate(self, table: str, block: Block, count: int) -> list[int]:
        if time.monotonic() - block.used < IDLE_SECONDS:
            block.size = min(block.size * 8, LARGEST_BLOCK)
        else:
            block.size = 1
        size = max(count, block.size)
        last = self.increment(table, size)
        first = last - size + 1
        block.next, block.end = first + count, last + 1
        block.highest = max(block.highest, last)
        return list(range(first, first + count))

    def increment(self, table: str, size: int) -> int:
        document = self.connection.database[COLLECTION].find_one_and_update(
            {"_id": table},
            {"$inc": {"value": size}},
            upsert=True,
            return_document=ReturnDocument.AFTER,
        )
        return document["value"]

    def advance(self, table: str, value: int) -> None:
        """Have the sequence go on past `value`, a key given explicitly."""
        with _lock:
            block = self.block(table)
            if block.next <= value < block.end:
                block.next = value + 1
            if value <= block.highest or value <= 0:
                return
            self.pass_by(table, block, value)

    def restart(self, table: str, value: int) -> None:
        """As advance(), where the keys at hand have turned out to be taken."""
        with _lock:
            self.pass_by(table, self.block(table), value)

    def pass_by(self, table: str, block: Block, value: int) -> None:
        self.connection.database[COLLECTION].update_one(
            {"_id": table}, {"$max": {"value": value}}, upsert=True
        )
        block.highest = max(block.highest, value)
        block.next = block.end = 1

    def reset(self, tables) -> None:
        """Start the sequences of these tables anew."""
        with _lock:
            tables = list(tables)
            self.connection.database[COLLECTION].delete_many({"_id": {"$in": tables}})
            self.forget(tables)

    def forget(self, tables) -> None:
        settings = self.connection.settings_dict
        for table in tables:
            _blocks.pop((id(self.connection.connection), settings["NAME"], table), None)

    def rename(self, old: str, new: str) -> None:
        collection = self.connection.database[COLLECTION]
        found = collection.find_one_and_delete({"_id": old})
        if found:
            found["_id"] = new
            collection.replace_one({"_id": new}, found, upsert=True)
        self.forget([old, new])
