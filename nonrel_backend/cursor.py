"""A PEP 249 cursor over plans, and over SQL texts run by the local engine."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from django.db import ProgrammingError

from .values.saving import with_data_errors

# The first words of SQL texts that only read.
READING = ("SELECT", "WITH", "VALUES", "EXPLAIN")
# After comments and parentheses.
FIRST_WORD = re.compile(r"(?:[\s(]|--[^\n]*\n|/\*.*?\*/)*(\w+)", re.DOTALL)


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
        """Run a SQL text."""
        first = FIRST_WORD.match(statement)
        if first is None or first[1].upper() not in READING:
            from .dml import raw_sql  # few projects need it

            self.rowcount = raw_sql.execute(self.connection, statement, params)
            self.description, self.result = None, iter(())
            return
        columns, rows = self.connection.local_engine.select(statement, params)
        self.description = [(name, *[None] * 6) for name in columns]
        self.result = iter(rows)
        self.rowcount = len(rows)

    def executemany(self, sql: str, param_list: Iterable[Any]) -> None:
        """Run a SQL text once for each set of parameters."""
        for params in param_list:
            self.execute(sql, params)

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
