"""The requests of a side, and the capacity units that they consume."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

WRITES = ("PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems")


@dataclass
class Consumed:
    requests: int = 0
    read: float = 0.0
    written: float = 0.0

    def __str__(self) -> str:
        return f"{self.requests}, {self.read:g} + {self.written:g}"


@contextmanager
def consumed_by(side: Any) -> Iterator[Consumed]:
    """Yield what a side consumes in the block."""
    found = Consumed()
    with ExitStack() as stack:
        for client in getattr(side, "clients", ()):
            stack.enter_context(watched(client, found))
        for connection in getattr(side, "connections", ()):
            stack.enter_context(metered(connection, found))
        yield found


@contextmanager
def metered(connection: Any, found: Consumed) -> Iterator[None]:
    """Add what a connection of our backend consumes; SQLite's has no such figure."""
    consumed = getattr(connection, "consumed", None)
    if consumed is None:
        yield
        return
    before = consumed.snapshot()
    yield
    used = consumed.since(before)
    found.requests += used.requests
    found.read += used.read
    found.written += used.written


@contextmanager
def watched(client: Any, found: Consumed) -> Iterator[None]:
    """Add what a client of botocore consumes, which is asked for meanwhile."""

    def ask(params: dict[str, Any], **event: Any) -> None:
        params["ReturnConsumedCapacity"] = "TOTAL"

    def add(parsed: dict[str, Any], model: Any, **event: Any) -> None:
        found.requests += 1
        capacity = parsed.get("ConsumedCapacity", ())
        for part in [capacity] if isinstance(capacity, dict) else capacity:
            if model.name in WRITES:
                found.written += part["CapacityUnits"]
            else:
                found.read += part["CapacityUnits"]

    events = client.meta.events
    handlers = (("before-parameter-build", ask), ("after-call", add))
    for name, handler in handlers:
        events.register(f"{name}.dynamodb", handler)
    try:
        yield
    finally:
        for name, handler in handlers:
            events.unregister(f"{name}.dynamodb", handler)
