"""KeyValueQuery: one scan of one table, by the best access path."""

from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from copy import deepcopy
from typing import Any, TypeAlias

from django.db import NotSupportedError

from ..conditions import Column, Condition
from ..documents.changing import changed as changed_document
from ..query import MISSING, NonrelQuery, safe_call
from ..values.storing import to_int
from . import writing
from .access import Access, ReadAccess, Record
from .access_paths import Ordering
from .choice import choose
from .forms import JSON_NULL, readers_of
from .layouts import Changes
from .predicates import COMPARED, CompoundPredicate, Predicate, prepare
from .scan import Scan
from .tables import Table

# Returns the new value of a column for its old one.
ColumnChange: TypeAlias = Callable[[Any], Any]


class KeyValueQuery(NonrelQuery):
    """One scan of one table, by the index that has the fewest candidates."""

    changes_documents = True
    scan_class: type[Scan] = Scan

    def __init__(self, compiler: Any, fields: list[Any]) -> None:
        super().__init__(compiler, fields)
        self.predicates: list[Predicate | CompoundPredicate] = []
        # Columns by name; Columns if a document path is among them.
        self.ordering: list[tuple[Any, bool]] = []
        # Whether lock() has found no row: none may be returned unlocked.
        self.finds_nothing = False

    def add_filters(self, condition: Condition) -> None:
        predicate = prepare(condition, self.connection.forms)
        if isinstance(predicate, CompoundPredicate) and predicate.connector == "AND":
            self.predicates += predicate.children
        else:
            self.predicates.append(predicate)

    def converters(self, fields: Sequence[Any]) -> list[Callable[[Any], Any] | None]:
        readers, type_of = readers_of(self.connection), self.connection.type_of
        return [readers.get(type_of(field)) for field in fields]

    def order_by(self, ordering: list[tuple[str, bool]]) -> None:
        self.ordering = ordering

    def order_by_columns(self, ordering: list[tuple[Column, bool]]) -> None:
        name = self.connection.display_name
        for column, _ in ordering:
            if column.is_many:
                raise NotSupportedError(
                    f"{name} does not sort by {column}, which has many values in a row"
                )
            if column.db_type not in COMPARED:
                raise NotSupportedError(
                    f"{name} does not sort by {column} ({column.db_type})"
                )
        self.ordering = ordering

    # --- reading ---

    def scan(
        self,
        access: ReadAccess,
        limit: int | None,
        ordered: bool = True,
        columns: list[str] | None = None,
    ) -> tuple[Table, Scan, Ordering]:
        """Choose the access path for the first `limit` rows, of which these columns
        are read, by default all.
        """
        table = access.table(self.table)
        by = self.ordering if ordered else []
        ordering = [(column_of(table, column), up) for column, up in by]
        choice = choose(access, table, self.predicates, ordering, limit)
        if columns is not None:
            columns = [*columns, *(column.name for column, _ in ordering)]
        return table, self.scan_class(access, table, choice, self, columns), ordering

    @safe_call
    def fetch(self, low_mark: int, high_mark: int | None) -> Iterator[dict[str, Any]]:
        if self.finds_nothing:
            return
        with self.connection.reading() as access:
            table, scan, ordering = self.scan(access, high_mark)
            columns = [field.column for field in self.fields]
            as_dict = table.layout.dict_maker(columns)
            for rows in scan.rows(ordering, low_mark, high_mark):
                yield from map(as_dict, rows)

    @safe_call
    def fetch_lists(
        self, columns: list[str], absent: list, low_mark: int, high_mark: int | None
    ) -> Iterator[list[list]]:
        if self.finds_nothing:
            return
        with self.connection.reading() as access:
            _, scan, ordering = self.scan(access, high_mark, columns=columns)
            take = scan.layout.taker(columns, absent)
            try:
                for rows in scan.rows(ordering, low_mark, high_mark):
                    yield take(rows)
                    access.read(len(rows))
            finally:
                self.rows_read = scan.rows_read

    @safe_call
    def version(self) -> Any:
        with self.connection.reading() as access:
            return access.version(access.table(self.table))

    @safe_call
    def about_rows(self) -> int | None:
        with self.connection.reading() as access:
            return access.total(access.table(self.table))

    @safe_call
    def changed_since(self, version: Any) -> dict[Any, AbstractSet[str] | None] | None:
        with self.connection.reading() as access:
            table = access.table(self.table)
            changed = access.changed_since(table, version)
            keys = None if changed is None else table.stored_keys(list(changed))
            if changed is None or keys is None:
                return None
            return dict(zip(keys, changed.values(), strict=True))

    @safe_call
    def count(self, limit: int | None = None) -> int:
        with self.connection.reading() as access:
            if not self.predicates and limit is None:
                total = access.total(access.table(self.table))
                if total is not None:
                    return total
            _, scan, _ = self.scan(access, limit, ordered=False, columns=[])
            count = scan.count(limit)
            self.rows_read = scan.rows_read
            return count

    @safe_call
    def lock(self) -> None:
        # If there is no row, nothing is locked, and others may insert one.
        with self.connection.peeking() as access:
            self.finds_nothing = not self.scan(access, 1)[1].count(1)
        if not self.finds_nothing:
            self.connection.lock()

    # --- writing ---

    def found(self, access: Access) -> tuple[Table, Iterator[tuple[Record, Any]]]:
        """Return (record, row) of all rows wanted."""
        table, scan, _ = self.scan(access, None)
        return table, scan.found()

    @safe_call
    def delete(self) -> int:
        def work(access: Access) -> int:
            return writing.delete(access, *self.found(access))

        return self.connection.write(work)

    @safe_call
    def update(self, values: dict[str, Any]) -> int:
        changes = self.changes(values)

        def work(access: Access) -> int:
            table = access.table(self.table)
            if table.entries_follow_rows and table.indexed.isdisjoint(values):
                _, scan, _ = self.scan(access, None, columns=[])
                records = list(scan.found_records())
                if access.patch(table, records, changes):
                    return len(records)
                rows = access.rows(table, records)
                found = iter(list(zip(records, rows, strict=True)))
            else:
                table, found = self.found(access)
            changed = table.layout.changed
            # All rows are read before any is written: none may be found again.
            return writing.update(
                access,
                table,
                self.bounded(found),
                lambda key, row: changed(row, changes),
                self.predicates,
            )

        return self.connection.write(work)

    def bounded(self, found: Iterator[tuple[Record, Any]]) -> list[Any]:
        """Return the rows to update.

        Raise NotSupportedError if they are too many to be held in memory: the planner
        then finds their keys.
        """
        return list(found)

    def changes(self, values: dict[str, Any]) -> Changes:
        """Return the changes of columns that the values of an UPDATE are."""
        return [(column, self.change(column, v)) for column, v in values.items()]

    def change(self, column: str, value: Any) -> ColumnChange:
        """Return the function from a column's old value to the new one.

        `value` is a stored value or an expression. Raise NotSupportedError for an
        expression that is neither a change of a document nor an increment.
        """
        if not hasattr(value, "as_sql"):
            if value is None:  # JSON's null
                value = JSON_NULL
            stored = None if value is MISSING else value
            return lambda old: stored
        if getattr(value, "is_constant", False):
            steps = value.stored(self.connection)
            return lambda old: changed_document(deepcopy(old), deepcopy(steps))
        amount = self.increment(column, value)
        if amount is not None:
            return lambda old: None if old is None else to_int(old + amount)
        raise NotSupportedError(
            f"{self.connection.display_name} computes no expression for {column} but "
            f"F({column!r}) plus or minus a whole number"
        )

    @safe_call
    def update_rows(self, rows: list[tuple[Any, dict[str, Any]]]) -> int:
        def work(access: Access) -> int:
            table = access.table(self.table)
            keys = {table.stored_key(key): key for key, _ in rows}
            changes = {
                key: self.changes(values)
                for key, (_, values) in zip(keys, rows, strict=True)
            }
            records = access.get(table, list(changes))
            found = list(zip(records, access.rows(table, records), strict=True))
            changed = table.layout.changed

            def new(key: bytes, row: Any) -> Any:
                return changed(row, changes[key])

            if access.seen is None:
                return writing.update(access, table, found, new)
            lost = writing.replace_unchanged(access, table, found, new)
            self.connection.changed_by_others += [keys[key] for key in lost]
            return len(rows) - len(lost)

        return self.connection.write(work)

    @safe_call
    def delete_rows(self, keys: list[Any]) -> int:
        def work(access: Access) -> int:
            table = access.table(self.table)
            return writing.delete_keys(access, table, map(table.stored_key, keys))

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

    def costs(self, scan: Scan) -> list[str]:
        """Return about what a scan costs, for stores that charge for reading."""
        return []

    @safe_call
    def explain(self) -> str:
        """Return `describe()` with the access path, and with `analyze` its cost."""

        with self.connection.reading() as access:
            low, high = self.limits
            _, scan, ordering = self.scan(access, high)
            choice = scan.choice
            facts = [str(choice.access_path)]
            if self.analyze:
                returned = sum(map(len, scan.rows(ordering, low, high)))
                facts.append(
                    f"{scan.entries_read} entries and {scan.rows_read} rows read, "
                    f"{returned} returned"
                )
            facts += self.costs(scan)
            if choice.residual:
                facts.append("filter " + " and ".join(map(described, choice.residual)))
            if not choice.ordered:
                facts.append("sorted")
            elif choice.prefix is not None:
                facts.append("sorted within equal values")
            return f"{self.describe()} [{', '.join(facts)}]"


def described(predicate: Predicate | CompoundPredicate) -> str:
    if isinstance(predicate, CompoundPredicate):
        connector = f" {predicate.connector.lower()} "
        return f"({connector.join(map(described, predicate.children))})"
    prefix = "not " if predicate.negated else ""
    value = predicate.other
    if value is None:
        value = shown(predicate.leaf.value)
    return f"{prefix}{predicate.leaf.column} {predicate.lookup_type} {value}"


def column_of(table: Table, by: str | Column) -> Column:
    """Return a column of an ordering."""
    return Column(by, table.db_type(by)) if isinstance(by, str) else by


def shown(value: Any) -> str:
    return f"{len(value)} values" if isinstance(value, list) else repr(value)
