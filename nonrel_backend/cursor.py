"""A PEP 249 cursor over plans, and over SQL texts run by the local engine."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Any

from django.db import ProgrammingError

from .dml import raw_sql as textwrites


@dataclass
class Statement:
    """One ORM query: `run()` carries it out, `text()` says what it is in the log."""

    run: Callable[[], Any]
    text: Callable[[], str]

    def __str__(self) -> str:
        return self.text()


class NonrelCursor:
    """Runs `Statement`s for the compilers and SQL texts for everybody else.

    Going through a cursor gives a query Django's log entry, `execute_wrapper`s and
    checks of the transaction's state, once per ORM query.
    """

    arraysize = 100

    def __init__(self, connection):
        self.connection = connection
        self.closed = False
        self.result: Any = None
        self.rowcount = -1
        self.description: list[tuple] | None = None
        self.lastrowid = None

    def execute(self, statement: Statement | str, params=None):
        self.check_open()
        if isinstance(statement, Statement):
            self.result = statement.run()
            return self
        words = statement.lstrip("( \n\t").split(None, 1)
        if not words or words[0].upper() not in ("SELECT", "WITH", "VALUES", "EXPLAIN"):
            self.rowcount = textwrites.execute(self.connection, statement, params)
            self.description, self.result = None, iter(())
            return self
        columns, rows = self.connection.local_engine.select(statement, params)
        self.description = [(name, *[None] * 6) for name in columns]
        self.result = iter(rows)
        self.rowcount = len(rows)
        return self

    def executemany(self, sql: str, param_list: Iterable):
        for params in param_list:
            self.execute(sql, params)

    def fetchone(self):
        self.check_open()
        return next(self.result, None)

    def fetchmany(self, size: int | None = None):
        self.check_open()
        size = self.arraysize if size is None else size
        return list(islice(self.result, size))

    def fetchall(self):
        self.check_open()
        return list(self.result)

    def __iter__(self):
        return iter(self.result)

    def close(self):
        self.closed = True
        self.result = None

    def check_open(self) -> None:
        if self.closed:
            raise ProgrammingError("The cursor is closed.")
