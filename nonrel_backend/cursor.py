"""A PEP 249 cursor over plans, and over SQL texts run by the local engine."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from django.db import ProgrammingError

from .batching import batches
from .local.texts import READING, verb_of
from .values.saving import with_data_errors

# How many sets of parameters executemany() writes at a time.
SETS = 1_000


@dataclass
class Statement:
    """One ORM query: `run()` carries it out, `text()` says what it is in the log."""

    run: Callable[[], Any]
    text: Callable[[], str]

    def __str__(self) -> str:
        return self.text()


def result_of(cursor: Any) -> Any:
    """Return the result of a cursor's last Statement.

    Django wraps a backend's cursor; who replaces `connection.cursor()` may not.
    """
    return getattr(cursor, "cursor", cursor).result


class NonrelCursor:
    """Runs `Statement`s for the compilers and SQL texts for everybody else.

    Going through a cursor gives a query Django's log entry, `execute_wrapper`s and
    validation of the transaction's state, once per ORM query.
    """

    arraysize = 100

    def __init__(self, connection: Any):
        self.connection = connection
        self.closed = False
        self.result: Any = None
        self.rowcount = -1
        self.description: list[tuple[Any, ...]] | None = None
        self.lastrowid = None

    def execute(self, statement: Statement | str, params: Any = None) -> "NonrelCursor":
        """Run a Statement, or a SQL text with its parameters."""
        self.require_open()
        if isinstance(statement, Statement):
            self.result = statement.run()
        else:
            self.execute_text(statement, params)
        return self

    @with_data_errors
    def execute_text(self, statement: str, params: Any) -> None:
        """Run a SQL text. Without parameters, not even none of them, a % is a %."""
        if params is None:
            statement = statement.replace("%", "%%")
        if verb_of(statement) not in READING:
            self.write_text(statement, [params or ()])
            return
        columns, rows = self.connection.local_engine.select(statement, params)
        self.description = described(columns)
        self.result = iter(rows)
        self.rowcount = len(rows)

    def write_text(self, statement: str, param_sets: list[Any]) -> None:
        """Run a SQL text that writes, for each set of parameters."""
        from .dml import raw_sql  # few projects need it

        written = raw_sql.execute(self.connection, statement, param_sets)
        self.rowcount = written.rowcount
        names = written.description
        self.description = None if names is None else described(names)
        self.result = iter(written.rows)
        if written.lastrowid is not None and len(param_sets) == 1:
            self.lastrowid = written.lastrowid

    @with_data_errors
    def executemany(self, sql: str, param_list: Iterable[Any]) -> None:
        """Run a SQL text that writes once for each set of parameters.

        `rowcount` is the number of all their rows. Some sets at a time are one
        statement: if it fails, those before them are written.
        """
        self.require_open()
        if verb_of(sql) in READING:
            raise ProgrammingError("executemany() runs only INSERT, UPDATE and DELETE.")
        count = 0
        for sets in batches(param_list, SETS):
            self.write_text(sql, sets)
            count += self.rowcount
        self.rowcount = count

    def fetchone(self) -> Any:
        """Return the next row, None after the last."""
        self.require_open()
        return next(self.result, None)

    def fetchmany(self, size: int | None = None) -> list[Any]:
        """Return the next `size` rows (`arraysize` by default)."""
        self.require_open()
        size = self.arraysize if size is None else size
        return list(islice(self.result, size))

    def fetchall(self) -> list[Any]:
        """Return all rows that are left."""
        self.require_open()
        return list(self.result)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.result)

    def close(self) -> None:
        """Close the cursor: what it has not returned is gone."""
        self.closed = True
        self.result = None

    def require_open(self) -> None:
        """Raise ProgrammingError if the cursor is closed."""
        if self.closed:
            raise ProgrammingError("The cursor is closed.")


def described(names: list[str]) -> list[tuple[Any, ...]]:
    """Return the names of columns as a cursor's description."""
    return [(name, *[None] * 6) for name in names]
