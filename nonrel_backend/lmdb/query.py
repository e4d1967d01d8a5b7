"""BackendQuery: one scan of one table of LMDB."""

from collections.abc import Callable, Iterable, Iterator
from copy import deepcopy
from operator import itemgetter
from typing import Any, TypeAlias

from django.db import NotSupportedError
from django.db.models.expressions import Col, CombinedExpression, Value

from ..conditions import Column, Condition
from ..documents.changing import changed as changed_document
from ..query import MISSING, NonrelQuery, safe_call
from . import memory
from . import rows as writing
from .access_paths import Ordering
from .catalog import TOKEN_KEY, Table, counters
from .choice import choose
from .entries import Txn
from .predicates import COMPARED, CompoundPredicate, Predicate, prepare
from .rows import Found
from .scan import Scan
from .values import JSON_NULL, to_int

# Returns the new value of a column for its old one.
Change: TypeAlias = Callable[[Any], Any]


class BackendQuery(NonrelQuery):
    """One scan of one table, by the index that has the fewest candidates."""

    changes_documents = True

    def __init__(self, compiler: Any, fields: list[Any]) -> None:
        super().__init__(compiler, fields)
        self.predicates: list[Predicate | CompoundPredicate] = []
        # Names of columns, or Columns if a document path is among them.
        self.ordering: list[tuple[Any, bool]] = []
        # Whether lock() has found no row: none may be returned unlocked.
        self.finds_nothing = False

    def add_filters(self, condition: Condition) -> None:
        predicate = prepare(condition)
        if isinstance(predicate, CompoundPredicate) and predicate.connector == "AND":
            self.predicates += predicate.children
        else:
            self.predicates.append(predicate)

    def order_by(self, ordering: list[tuple[str, bool]]) -> None:
        self.ordering = ordering

    def order_by_columns(self, ordering: list[tuple[Column, bool]]) -> None:
        for column, _ in ordering:
            if column.is_many:
                raise NotSupportedError(
                    f"LMDB does not sort by {column}, which has many values in a row"
                )
            if column.db_type not in COMPARED:
                raise NotSupportedError(
                    f"LMDB does not sort by {column} ({column.db_type})"
                )
        self.ordering = ordering

    # --- reading ---

    def positions(self, table: Table) -> Ordering:
        return [(position_of(table, by), up) for by, up in self.ordering]

    def scan(self, txn: Txn, limit: int | None) -> tuple[Table, Scan, Ordering]:
        """Choose the access path for the first `limit` rows."""
        table = self.connection.table(txn, self.table)
        ordering = self.positions(table) if self.ordering else []
        choice = choose(txn, table, self.predicates, ordering, limit)
        return table, Scan(table, choice), ordering

    @safe_call
    def fetch(self, low_mark: int, high_mark: int | None) -> Iterator[dict[str, Any]]:
        if self.finds_nothing:
            return
        with self.connection.transaction.reading() as now:
            table, scan, ordering = self.scan(now(), high_mark)
            as_dict = dict_maker(table, [field.column for field in self.fields])
            for rows in scan.rows(now, ordering, low_mark, high_mark):
                yield from map(as_dict, rows)

    @safe_call
    def fetch_lists(
        self, columns: list[str], absent: list, low_mark: int, high_mark: int | None
    ) -> Iterator[list[list]]:
        if self.finds_nothing:
            return
        with self.connection.transaction.reading() as now:
            table, scan, ordering = self.scan(now(), high_mark)
            take = column_taker(table, columns, absent)
            read = 0
            for rows in scan.rows(now, ordering, low_mark, high_mark):
                yield take(rows)
                read += len(rows)
                if read > memory.ROWS:
                    memory.give_back(self.connection.environment.data_path)
                    read = 0

    @safe_call
    def version(self) -> tuple[bytes | None, bytes | None]:
        with self.connection.transaction.reading() as now:
            table = self.connection.table(now(), self.table)
            return now().get(TOKEN_KEY), now().get(table.counters_key)

    @safe_call
    def count(self, limit: int | None = None) -> int:
        with self.connection.transaction.reading() as now:
            txn = now()
            if not self.predicates and limit is None:
                return counters(txn, self.connection.table(txn, self.table))[1]
            _, scan, _ = self.scan(txn, limit)
            return scan.count(now, limit)

    def lock(self) -> None:
        # If there is no row, nothing is locked, and others may insert one.
        self.finds_nothing = not self.count(1)
        if not self.finds_nothing:
            self.connection.transaction.lock()

    # --- writing ---

    def found(self, txn: Txn) -> tuple[Table, list[Found]]:
        """Return all rows of the scan with their keys, read before any is written."""
        table, scan, _ = self.scan(txn, None)
        return table, list(scan.found(lambda: txn))

    @safe_call
    def delete(self) -> int:
        def work(txn: Txn) -> int:
            table, found = self.found(txn)
            return writing.delete(txn, table, found)

        return self.connection.write(work)

    @safe_call
    def update(self, values: dict[str, Any]) -> int:
        changes = [(column, self.change(column, v)) for column, v in values.items()]

        def work(txn: Txn) -> int:
            table, found = self.found(txn)
            placed = [(table.position(column), change) for column, change in changes]
            return writing.replace(txn, table, list(changed(found, placed)))

        return self.connection.write(work)

    def change(self, column: str, value: Any) -> Change:
        """Return the function from a column's old value to the new one.

        `value` is a stored value or an expression. Raise NotSupportedError for an
        expression that is neither a change of a document nor an increment.
        """
        if not hasattr(value, "as_sql"):
            stored = None if value is MISSING else value
            return lambda old: stored
        if getattr(value, "is_constant", False):
            steps = value.stored(self.connection)
            return lambda old: changed_document(deepcopy(old), deepcopy(steps))
        amount = self.increment(column, value)
        return lambda old: None if old is None else to_int(old + amount)

    def increment(self, column: str, value: Any) -> int:
        """Return n for `F(column) + n`, -n for `F(column) - n`.

        Raise NotSupportedError for any other expression.
        """
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
        raise NotSupportedError(
            f"LMDB computes no expression for {column} but F({column!r}) plus or minus "
            "a whole number"
        )

    @safe_call
    def update_rows(self, rows: list[tuple[Any, dict[str, Any]]]) -> int:
        def work(txn: Txn) -> int:
            table = self.connection.table(txn, self.table)
            changes: list[tuple[bytes, list, list]] = []
            for key, values in rows:
                for found in stored_rows(txn, table, [key]):
                    placed = [
                        (table.position(column), self.change(column, value))
                        for column, value in values.items()
                    ]
                    changes += changed([found], placed)
            return writing.replace(txn, table, changes)

        return self.connection.write(work)

    @safe_call
    def delete_rows(self, keys: list[Any]) -> int:
        def work(txn: Txn) -> int:
            table = self.connection.table(txn, self.table)
            return writing.delete(txn, table, list(stored_rows(txn, table, keys)))

        return self.connection.write(work)

    # --- explain() ---

    def describe(self) -> str:
        parts = [f"scan {self.table}"]
        if self.predicates:
            parts.append("where " + " and ".join(map(described, self.predicates)))
        if self.ordering:
            signs = [f"{'' if up else '-'}{by}" for by, up in self.ordering]
            parts.append(f"by {', '.join(signs)}")
        return " ".join(parts)

    @safe_call
    def explain(self) -> str:
        """Return `describe()` with the access path, and with `analyze` its cost."""

        def work(txn: Txn) -> str:
            low, high = self.limits
            _, scan, ordering = self.scan(txn, high)
            choice = scan.choice
            facts = [str(choice.access_path)]
            if self.analyze:
                returned = sum(map(len, scan.rows(lambda: txn, ordering, low, high)))
                facts.append(
                    f"{scan.entries_read} entries and {scan.rows_read} rows read, "
                    f"{returned} returned"
                )
            if choice.residual:
                facts.append("filter " + " and ".join(map(described, choice.residual)))
            if not choice.ordered:
                facts.append("sorted")
            return f"{self.describe()} [{', '.join(facts)}]"

        return self.connection.read(work)


def dict_maker(table: Table, columns: list[str]) -> Callable[[list], dict[str, Any]]:
    """Return the function from a row to {column: stored value}.

    A JSON column that is NULL is left out; JSON's null is None.
    """
    positions = [table.position(column) for column in columns]
    if len(positions) == 1:
        (column,), (position,) = columns, positions

        def as_dict(row: list) -> dict[str, Any]:
            return {column: row[position]}

    else:
        take = itemgetter(*positions)

        def as_dict(row: list) -> dict[str, Any]:
            return dict(zip(columns, take(row), strict=True))

    json_columns = [
        column for column in columns if table.columns[column].db_type == "json"
    ]
    if not json_columns:
        return as_dict

    def with_json(row: list) -> dict[str, Any]:
        found = as_dict(row)
        for column in json_columns:
            if found[column] is None:
                del found[column]
            elif found[column] is JSON_NULL:
                found[column] = None
        return found

    return with_json


def column_taker(
    table: Table, columns: list[str], absent: list
) -> Callable[[list[list]], list[list]]:
    """Return the function from rows to lists of the values of these columns.

    In a JSON column JSON's null is None, and NULL is the column's value in `absent`.
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
        for at, null in json_columns:
            for row in taken:
                value = row[at]
                if value is None:
                    row[at] = null
                elif value is JSON_NULL:
                    row[at] = None
        return taken

    return with_json


def stored_rows(txn: Txn, table: Table, keys: Iterable[Any]) -> Iterator[Found]:
    """Yield (row key, row) of the rows with these primary keys that exist.

    A key is a stored value, or a tuple of the values of a composite key.
    """
    for key in keys:
        row_key = table.key_of(key if isinstance(key, tuple) else (key,))
        data = txn.get(table.prefix + row_key)
        if data is not None:
            yield row_key, writing.unpack_row(data, table.width)


def changed(
    found: Iterable[Found], placed: list[tuple[int, Change]]
) -> Iterator[tuple[bytes, list, list]]:
    """Yield (row key, old row, new row) for changes of columns by position."""
    for row_key, row in found:
        new = row.copy()
        for position, change in placed:
            new[position] = change(row[position])
        yield row_key, row, new


def described(predicate: Predicate | CompoundPredicate) -> str:
    if isinstance(predicate, CompoundPredicate):
        connector = f" {predicate.connector.lower()} "
        return f"({connector.join(map(described, predicate.children))})"
    prefix = "not " if predicate.negated else ""
    value = predicate.other
    if value is None:
        value = shown(predicate.leaf.value)
    return f"{prefix}{predicate.leaf.column} {predicate.lookup_type} {value}"


def position_of(table: Table, by: str | Column) -> Any:
    """Return the position of a column of an ordering, as an Ordering has it."""
    if isinstance(by, str):
        return table.position(by)
    position = table.position(by.name)
    return (position, by.path, by.db_type) if by.path else position


def shown(value: Any) -> str:
    return f"{len(value)} values" if isinstance(value, list) else repr(value)
