"""Consumed capacity: what requests cost, by connection, block and table.

with measure_capacity() as consumed:
    list(Book.objects.filter(author=author))
print(consumed)  # 2.5 units read and 0 written in 3 requests
"""

import logging
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db import DEFAULT_DB_ALIAS, connections

# At level DEBUG, each request with its units.
logger = logging.getLogger("nonrel_backend.dynamodb.capacity")
# Held while something is added: the requests of one read are sent by several threads.
LOCK = threading.Lock()
READS = {"get_item", "batch_get_item", "query", "scan", "transact_get_items"}
WRITES = {
    *("put_item", "update_item", "delete_item"),
    *("batch_write_item", "transact_write_items"),
}


@dataclass(eq=False)
class Consumed:
    """Capacity units that were read and written, and the number of requests.

    `tables` has [read, written] by the name of DynamoDB's table.
    """

    read: float = 0.0
    written: float = 0.0
    requests: int = 0
    tables: dict[str, list[float]] = field(default_factory=dict)
    # What also gets all that is added: see measure_capacity().
    meters: "list[Consumed]" = field(default_factory=list, repr=False)

    @property
    def total(self) -> float:
        return self.read + self.written

    def __str__(self) -> str:
        return (
            f"{self.read:g} units read and {self.written:g} written in "
            f"{self.requests} requests"
        )

    def add(self, operation: str, capacity: Any) -> None:
        """Add a request: `capacity` is the ConsumedCapacity of its reply, if any."""
        parts: Sequence[Mapping[str, Any]] = (
            [capacity] if isinstance(capacity, Mapping) else capacity or ()
        )
        with LOCK:
            for each in (self, *self.meters):
                each.requests += 1
                for part in parts:
                    # A transaction that is sent again, after it was carried out, only
                    # reads.
                    is_read = operation in READS or part.get("ReadCapacityUnits")
                    units = part["CapacityUnits"]
                    each.add_units(part["TableName"], units, not is_read)
        if logger.isEnabledFor(logging.DEBUG):
            for part in parts:
                logger.debug(
                    "%s of %s: %g units",
                    *(operation, part["TableName"], part["CapacityUnits"]),
                )

    def add_units(self, table: str, units: float, is_write: bool) -> None:
        if is_write:
            self.written += units
        else:
            self.read += units
        self.tables.setdefault(table, [0.0, 0.0])[is_write] += units

    def snapshot(self) -> "Consumed":
        """Return a copy, for since()."""
        with LOCK:
            tables = {name: list(units) for name, units in self.tables.items()}
            return Consumed(self.read, self.written, self.requests, tables)

    def since(self, before: "Consumed") -> "Consumed":
        """Return what was added since a snapshot."""
        now, tables = self.snapshot(), {}
        for name, (read, written) in now.tables.items():
            old_read, old_written = before.tables.get(name, (0.0, 0.0))
            if (read, written) != (old_read, old_written):
                tables[name] = [read - old_read, written - old_written]
        return Consumed(
            now.read - before.read,
            now.written - before.written,
            now.requests - before.requests,
            tables,
        )


@contextmanager
def measure_capacity(using: str | None = None) -> Iterator[Consumed]:
    """Yield what this thread's connection to a database consumes in the block.

    Raise ImproperlyConfigured if the database is not one of DynamoDB.
    """
    alias = using or DEFAULT_DB_ALIAS
    consumed = getattr(connections[alias], "consumed", None)
    if not isinstance(consumed, Consumed):
        raise ImproperlyConfigured(
            f"measure_capacity() is for DynamoDB, and {alias!r} is another database."
        )
    found = Consumed()
    consumed.meters.append(found)
    try:
        yield found
    finally:
        consumed.meters.remove(found)
