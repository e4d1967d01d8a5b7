"""A worker's ledger: what it means to write, and what it was told of that.

It is a file of JSON lines, one before an operation and one after it, so that what a
killed worker was told is known:

    ["intend", "3-17", "claim", ["claim name-5"]]
    ["end", "3-17", "done", 0.004, null, ""]
"""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# The outcomes: acknowledged; an error that says that nothing was written; any other
# error, or none because the worker was killed.
DONE, REFUSED, UNKNOWN = "done", "refused", "unknown"
SUFFIX = ".ledger"


@dataclass
class Failure:
    """An error that an operation has raised."""

    kind: str
    text: str
    # What is wrong with its class: "" if a fault may raise such errors.
    fault: str = ""


@dataclass
class Operation:
    """An operation of a worker; `name` is "worker-number".

    `writes` are texts: "entry 0", "claim name-5", "movement 1>2:30" (account 1 gives 30
    to account 2), "increment 4" (counter 4). `seconds` is how long its longest
    statement or its commit took, and `complaint` is what it has read that cannot be.
    """

    name: str
    kind: str
    writes: list[str]
    outcome: str = UNKNOWN
    seconds: float = 0.0
    failure: Failure | None = None
    complaint: str = ""


class Ledger:
    """The file of one worker, opened for appending."""

    def __init__(self, path: Path) -> None:
        self.file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    def intend(self, operation: Operation) -> None:
        """Write down an operation that begins now."""
        self.write("intend", operation.name, operation.kind, operation.writes)

    def end(self, operation: Operation) -> None:
        """Write down what came of an operation."""
        failure = operation.failure
        self.write(
            "end",
            operation.name,
            operation.outcome,
            operation.seconds,
            failure and [failure.kind, failure.text, failure.fault],
            operation.complaint,
        )

    def write(self, *record: Any) -> None:
        """Append a line with one system call: a kill leaves no part of it."""
        os.write(self.file, json.dumps(record).encode() + b"\n")


def read(folder: Path) -> list[Operation]:
    """Return the operations of all ledgers of a folder."""
    return [
        operation
        for path in sorted(folder.glob(f"*{SUFFIX}"))
        for operation in operations(path)
    ]


def operations(path: Path) -> Iterator[Operation]:
    """Yield the operations of a ledger."""
    known: dict[str, Operation] = {}
    for line in path.read_text().splitlines():
        word, name, *rest = json.loads(line)
        if word == "intend":
            known[name] = Operation(name, *rest)
        else:
            outcome, seconds, failure, complaint = rest
            found = known[name]
            found.outcome, found.seconds = outcome, seconds
            found.failure = Failure(*failure) if failure else None
            found.complaint = complaint
    yield from known.values()
