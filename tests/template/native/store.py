"""The template's store, with unique indexes, counters, batches and a version."""

from collections import defaultdict
from itertools import count
from typing import Any

from backend_template import store
from backend_template.store import DuplicateKey

VERSIONS = count(1)
# {address: {table: {name of an index: columns}}}
INDEXES: dict[Any, Any] = defaultdict(lambda: defaultdict(dict))


class Connection(store.Connection):
    def __init__(self, *address: Any) -> None:
        super().__init__(*address)
        self.indexes = INDEXES[address]
        # What the store was asked to do, by the name of its command.
        self.commands: list[str] = []

    def increment(self, table: str, amount: int, least: int = 0) -> int:
        """Add to a counter that is `least` or more; return it."""
        self.commands.append("increment")
        with self.writing("counters") as counters:
            value = max(counters.get(table, 0), least) + amount
            counters[table] = value
        return value

    def insert_all(self, table: str, rows: list[tuple[Any, dict[str, Any]]]) -> None:
        self.commands.append("insert_all")
        with self.writing(table) as documents:
            for key, row in rows:
                if key in documents:
                    raise DuplicateKey(f"UNIQUE constraint failed: {table}: {key!r}")
                documents[key] = row
            self.require_unique(table, documents)

    def require_unique(self, table: str, documents: dict[Any, Any]) -> None:
        """Raise DuplicateKey if documents repeat the values of an index."""
        for name, columns in self.indexes[table].items():
            values = [
                found
                for row in documents.values()
                if None not in (found := tuple(map(row.get, columns)))
            ]
            if len(values) > len(set(values)):
                raise DuplicateKey(f"UNIQUE constraint failed: {table}: {name}")
