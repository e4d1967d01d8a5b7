"""LMDB's answers to the author's interface: one scan of one table."""

from collections.abc import Callable, Iterator
from copy import deepcopy
from operator import itemgetter
from typing import Any

from django.db import NotSupportedError
from django.db.models.expressions import Col, CombinedExpression, Value

from ..conditions import Column
from ..documents.changing import changed as changed_document
from ..query import MISSING, NonrelQuery, safe_call
from . import memory
from . import rows as writing
from .catalog import TOKEN_KEY, Table, counters
from .choice import choose
from .paths import Ordering
from .predicates import EQUAL, Tests, prepare
from .scan import Scan
from .values import JSON_NULL, to_int


class BackendQuery(NonrelQuery):
    changes_documents = True

    """One scan of one table, by the index that holds the fewest candidates."""

    def __init__(self, compiler, fields):
        super().__init__(compiler, fields)
        self.meta = self.query.get_meta()
        self.name = self.meta.db_table
        self.tests: list = []
        # The names of columns, or columns where there are paths among them.
        self.ordering: list[tuple[Any, bool]] = []
        # What select_for_update() has seen, so that it never yields an unlocked row.
        self.finds_nothing = False

    def add_filters(self, condition):
        tests = prepare(condition)
        if isinstance(tests, Tests) and tests.connector == "AND":
            self.tests += tests.children
        else:
            self.tests.append(tests)

    def order_by(self, ordering):
        self.ordering = ordering

    def order_by_columns(self, ordering):
        for column, _ in ordering:
            if column.is_many or column.db_type not in EQUAL:
                raise NotSupportedError(f"LMDB does not order {column.db_type}.")
        self.ordering = ordering

    # --- reading ---

    def positions(self, table: Table) -> Ordering:
        return [(place(table, by), up) for by, up in self.ordering]

    def scan(self, txn, limit: int | None) -> tuple[Table, Scan, Ordering]:
        table = self.connection.table(txn, self.name)
        ordering = self.positions(table) if self.ordering else []
        choice = choose(txn, table, self.tests, ordering, limit)
        return table, Scan(table, choice), ordering

    @safe_call
    def fetch(self, low_mark: int, high_mark: int | None) -> Iterator[dict[str, Any]]:
        if self.finds_nothing:
            return
        with self.connection.transaction.reading() as now:
            table, scan, ordering = self.scan(now(), high_mark)
            document = documents(table, [field.column for field in self.fields])
            for rows in scan.rows(now, ordering, low_mark, high_mark):
                yield from map(document, rows)

    @safe_call
    def fetch_lists(self, columns, absent, low_mark, high_mark):
        if self.finds_nothing:
            return
        with self.connection.transaction.reading() as now:
            table, scan, ordering = self.scan(now(), high_mark)
            take = lists(table, columns, absent)
            read = 0
            for rows in scan.rows(now, ordering, low_mark, high_mark):
                yield take(rows)
                read += len(rows)
                if read > memory.ROWS:
                    memory.give_back(self.connection.environment.data_path)
                    read = 0

    @safe_call
    def version(self):
        with self.connection.transaction.reading() as now:
            table = self.connection.table(now(), self.name)
            return now().get(TOKEN_KEY), now().get(table.counters_key)

    @safe_call
    def count(self, limit=None):
        with self.connection.transaction.reading() as now:
            txn = now()
            if not self.tests and limit is None:
                return counters(txn, self.connection.table(txn, self.name))[1]
            _, scan, _ = self.scan(txn, limit)
            return scan.count(now, limit)

    def lock(self):
        # Where there is no row, none is locked: others may make one.
        self.finds_nothing = not self.count(1)
        if not self.finds_nothing:
            self.connection.transaction.lock()

    # --- writing ---

    def found(self, txn) -> tuple[Table, list]:
        """All rows of the scan, with their keys, before any is written."""
        table, scan, _ = self.scan(txn, None)
        return table, list(scan.found(lambda: txn))

    @safe_call
    def delete(self):
        def work(txn):
            table, found = self.found(txn)
            return writing.delete(txn, table, found)

        return self.connection.write(work)

    @safe_call
    def update(self, values):
        changes = [(column, self.change(column, v)) for column, v in values.items()]

        def work(txn):
            table, found = self.found(txn)
            placed = [(table.position(column), change) for column, change in changes]
            return writing.replace(txn, table, list(changed(found, placed)))

        return self.connection.write(work)

    def change(self, column: str, value: Any) -> Callable[[Any], Any]:
        """The function of a column's old value that gives the new one."""
        if not hasattr(value, "as_sql"):
            stored = None if value is MISSING else value
            return lambda old: stored
        if getattr(value, "is_constant", False):
            steps = value.stored(self.connection)
            return lambda old: changed_document(deepcopy(old), deepcopy(steps))
        amount = self.increment(column, value)
        return lambda old: None if old is None else to_int(old + amount)

    def increment(self, column: str, value: Any) -> int:
        """n for `F(column) + n`; NotSupportedError for any other expression."""
        if type(value) is CombinedExpression and value.connector in ("+", "-"):
            left, right = value.lhs, value.rhs
            if (
                type(left) is Col
                and left.target.column == column
                and left.target.db_type(self.connection) in ("int", "long")
                and type(right) is Value
                and type(right.value) is int
            ):
                return right.value if value.connector == "+" else -right.value
        raise NotSupportedError("Not an increment.")

    @safe_call
    def update_rows(self, rows):
        def work(txn):
            table = self.connection.table(txn, self.name)
            changes = []
            for key, values in rows:
                row_key = table.key_of(key if isinstance(key, tuple) else (key,))
                data = txn.get(table.prefix + row_key)
                if data is None:
                    continue
                placed = [
                    (table.position(column), self.change(column, value))
                    for column, value in values.items()
                ]
                row = writing.unpack_row(data, table.width)
                changes += changed([(row_key, row)], placed)
            return writing.replace(txn, table, changes)

        return self.connection.write(work)

    @safe_call
    def delete_rows(self, keys):
        def work(txn):
            table = self.connection.table(txn, self.name)
            row_keys = [
                table.key_of(key if isinstance(key, tuple) else (key,)) for key in keys
            ]
            found = [
                (row_key, writing.unpack_row(data, table.width))
                for row_key in row_keys
                if (data := txn.get(table.prefix + row_key)) is not None
            ]
            return writing.delete(txn, table, found)

        return self.connection.write(work)

    # --- for people ---

    def describe(self):
        parts = [f"scan {self.name}"]
        if self.tests:
            parts.append("where " + " and ".join(map(described, self.tests)))
        if self.ordering:
            signs = [f"{'' if up else '-'}{by}" for by, up in self.ordering]
            parts.append(f"by {', '.join(signs)}")
        return " ".join(parts)

    @safe_call
    def explain(self):
        def work(txn):
            low, high = self.limits
            _, scan, ordering = self.scan(txn, high)
            returned = sum(map(len, scan.rows(lambda: txn, ordering, low, high)))
            choice = scan.choice
            facts = [
                str(choice.path),
                f"{scan.keys} keys and {scan.documents} documents examined, "
                f"{returned} returned",
            ]
            if choice.residual:
                facts.append("tested: " + " and ".join(map(described, choice.residual)))
            if not choice.ordered:
                facts.append("sorted")
            return f"{self.describe()} [{', '.join(facts)}]"

        return self.connection.read(work)


def documents(table: Table, columns: list[str]) -> Callable[[list], dict[str, Any]]:
    """What makes a row {column: stored value}; JSON columns that are NULL are left
    out, and null in them is None.
    """
    positions = [table.position(column) for column in columns]
    if len(positions) == 1:
        (column,), (position,) = columns, positions

        def document(row: list) -> dict[str, Any]:
            return {column: row[position]}

    else:
        take = itemgetter(*positions)

        def document(row: list) -> dict[str, Any]:
            return dict(zip(columns, take(row), strict=True))

    json_columns = [
        column for column in columns if table.columns[column].db_type == "json"
    ]
    if not json_columns:
        return document

    def with_json(row: list) -> dict[str, Any]:
        found = document(row)
        for column in json_columns:
            if found[column] is None:
                del found[column]
            elif found[column] is JSON_NULL:
                found[column] = None
        return found

    return with_json


def lists(
    table: Table, columns: list[str], absent: list
) -> Callable[[list[list]], list[list]]:
    """What makes rows lists of these columns' values; JSON's null is None in them,
    SQL's what `absent` has.
    """
    positions = [table.position(column) for column in columns]
    json_columns = [
        (at, absent[at])
        for at, column in enumerate(columns)
        if table.columns[column].db_type == "json"
    ]
    if len(positions) == 1:
        (position,) = positions

        def take(rows: list[list]) -> list[list]:
            return [[row[position]] for row in rows]

    elif positions == list(range(table.width)):

        def take(rows: list[list]) -> list[list]:
            return rows

    else:
        pick = itemgetter(*positions)

        def take(rows: list[list]) -> list[list]:
            return list(map(list, map(pick, rows)))

    if not json_columns:
        return take

    def with_json(rows: list[list]) -> list[list]:
        taken = take(rows)
        for at, nothing in json_columns:
            for row in taken:
                value = row[at]
                if value is None:
                    row[at] = nothing
                elif value is JSON_NULL:
                    row[at] = None
        return taken

    return with_json


def changed(found, placed) -> Iterator[tuple[bytes, list, list]]:
    """(row's key, row, row as it is to be)."""
    for row_key, row in found:
        new = row.copy()
        for position, change in placed:
            new[position] = change(row[position])
        yield row_key, row, new


def described(test) -> str:
    if isinstance(test, Tests):
        return f"({f' {test.connector.lower()} '.join(map(described, test.children))})"
    prefix = "not " if test.negated else ""
    value = test.other if test.other is not None else shown(test.leaf.value)
    return f"{prefix}{test.leaf.column} {test.lookup_type} {value}"


def place(table: Table, by: str | Column) -> Any:
    """What an ordering's column is in a row."""
    if isinstance(by, str):
        return table.position(by)
    position = table.position(by.name)
    return (position, by.path, by.db_type) if by.path else position


def shown(value: Any) -> str:
    return f"{len(value)} values" if isinstance(value, list) else repr(value)
