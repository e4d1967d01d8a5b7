"""BackendQuery: the answers to the author's interface, one scan of one table."""

from collections.abc import Callable, Iterator
from copy import deepcopy
from functools import cached_property
from itertools import groupby, islice
from typing import Any

from django.db import NotSupportedError

from ..conditions import Column, Node
from ..documents.changing import changed
from ..query import CHUNK, MISSING, NonrelQuery, safe_call
from . import datatypes
from . import rows as writing
from .expressions import Expressions
from .objects import PAGE, Found, Objects
from .paths import Keys, Path, intersected, key_path, path_of, turned, whole
from .predicates import COMPARED, Test, Tests, prepare, sort_key


class BackendQuery(NonrelQuery):
    changes_documents = True

    def __init__(self, compiler, fields):
        super().__init__(compiler, fields)
        self.tests: list[Test | Tests] = []
        self.ordering: list[tuple[Column, bool]] = []

    @cached_property
    def objects(self) -> Objects:
        return self.connection.objects(self.query.get_meta())

    @cached_property
    def data_names(self) -> list[str]:
        """The columns to be fetched that are objects of their own."""
        data = self.objects.table.data
        return [field.column for field in self.fields if field.column in data]

    # --- what is asked for ---

    def add_filters(self, condition):
        if isinstance(condition, Node) and condition.connector == "AND":
            tests = [prepare(each) for each in condition.children]
        else:
            tests = [prepare(condition)]
        if any(name in self.objects.table.data for name in map_columns(tests)):
            raise NotSupportedError("Riak does not look for values of data types.")
        self.tests += tests

    def order_by(self, ordering):
        columns = self.objects.table.columns
        self.order_by_columns([(Column(c, columns[c]), up) for c, up in ordering])

    def order_by_columns(self, ordering):
        for column, _ in ordering:
            if column.is_many or column.db_type not in COMPARED:
                raise NotSupportedError(f"Riak has no order of {column.db_type}.")
            if column.name in self.objects.table.data:
                raise NotSupportedError("Riak has no order of data types.")
        self.ordering = ordering

    # --- which way it is found ---

    def path(self) -> Keys | Path | None:
        """The keys, the best of the indexes that serve, or None for a fold."""
        ways = self.ways()
        if isinstance(ways, Keys):
            return ways
        if ways:
            return self.turned(self.objects.best(ways))
        if self.wants_few and self.ordering and not self.ordering[0][0].path:
            path = whole(self.objects.table, self.ordering[0][0].name)
            if path is not None:
                path = self.turned(path)
                return path if self.in_order(path) else None
        return None

    def ways(self) -> Keys | list[Path]:
        """The keys, where the filters name them, or the indexes that serve."""
        table = self.objects.table
        by_key = key_path(table, self.tests)
        if by_key is not None:
            return by_key
        paths = [path_of(table, each) for each in self.tests]
        return intersected(table, [path for path in paths if path is not None])

    def turned(self, path: Path) -> Path:
        """The path, the other way round where the order asks for that and it can."""
        if self.ordering and not self.ordering[0][1] and path.column:
            if self.ordering[0][0].name == path.column:
                return turned(self.objects.table, path) or path
        return path

    @property
    def wants_few(self) -> bool:
        return self.limits[1] is not None

    def in_order(self, path: Keys | Path | None) -> bool:
        """Whether the rows come in the order of the first column asked for."""
        if not self.ordering:
            return True
        if not isinstance(path, Path):
            return False
        column, ascending = self.ordering[0]
        in_direction = ascending != path.descending
        return in_direction and not column.path and column.name == path.column

    def read(self, path: Keys | Path | None) -> Iterator[Found]:
        """The rows of a path that the tests let through."""
        tests = self.tests
        if path is None:
            found = self.objects.all()
        elif isinstance(path, Keys):
            found = self.objects.by_keys(path.keys)
            tests = path.left
        else:
            few = min(self.limits[1] or PAGE, PAGE) if self.in_order(path) else PAGE
            found = self.objects.by_keys(self.objects.keys(path), few)
        if not tests and self.connection.versions is None:
            return found
        return self.tested(found, tests)

    def tested(self, found: Iterator[Found], tests: list) -> Iterator[Found]:
        left = self.connection.local_rows
        versions = self.connection.versions
        for each in found:
            if all(test.matches(each.row) for test in tests):
                if versions is not None:
                    versions[self.table, each.key] = each.vclock
                yield each
            elif left:
                left -= 1
                if not left:
                    raise self.too_many("were read and are not wanted")

    def found(self, low: int = 0, high: int | None = None) -> Iterator[Found]:
        self.limits = (low, high)
        path = self.path()
        rows = self.read(path)
        if not self.in_order(path):
            rows = iter(self.sorted(rows))
        elif len(self.ordering) > 1:
            rows = self.sorted_within(rows)
        return islice(rows, low, high)

    def sorted_within(self, rows: Iterator[Found]) -> Iterator[Found]:
        """Rows that come in the order of the first column, in that of the others."""
        first = sort_key(self.ordering[0][0])
        for _, same in groupby(rows, lambda each: first(each.row)):
            yield from self.sorted(same)

    def sorted(self, rows: Iterator[Found]) -> list[Found]:
        found = self.bounded(rows, "are to be ordered")
        for column, ascending in reversed(self.ordering):
            key = sort_key(column)
            found.sort(key=lambda each: key(each.row), reverse=not ascending)
        return found

    def bounded(self, rows: Iterator[Found], why: str) -> list[Found]:
        """All the rows at once, as many as the settings allow."""
        most = self.connection.local_rows
        found = list(islice(rows, most + 1) if most else rows)
        if most and len(found) > most:
            raise self.too_many(why)
        return found

    def too_many(self, why: str) -> NotSupportedError:
        names = set(map_columns(self.tests))
        names |= {column.name for column, _ in self.ordering}
        wanted = ", ".join(sorted(names - self.objects.table.searched)) or "more"
        return NotSupportedError(
            f"More than {self.connection.local_rows} rows of {self.table} {why}: "
            f'OPTIONS["local_rows"]. An index may help (db_index=True on {wanted}), '
            "or a narrower filter."
        )

    # --- answers ---

    @safe_call
    def fetch(self, low_mark, high_mark):
        for each in self.filled(low_mark, high_mark):
            yield each.row

    @safe_call
    def fetch_lists(self, columns, absent, low_mark, high_mark):
        found = self.filled(low_mark, high_mark)
        rows = ([*map(each.row.get, columns, absent)] for each in found)
        while chunk := list(islice(rows, CHUNK)):
            yield chunk

    def filled(self, low_mark, high_mark) -> Iterator[Found]:
        """The rows, with the values of their counters and sets."""
        found = self.found(low_mark, high_mark)
        if self.data_names:
            return datatypes.filled(self.objects, found, self.data_names)
        return iter(found)

    @safe_call
    def count(self, limit=None):
        if not self.tests:
            return self.objects.count(limit)
        return sum(1 for _ in self.found(0, limit))

    @safe_call
    def delete(self):
        return writing.delete(self.objects, self.found())

    @safe_call
    def delete_rows(self, keys):
        found = self.objects.by_keys(map(self.objects.table.object_key, keys))
        return writing.delete(self.objects, found)

    @safe_call
    def update(self, values):
        values = self.with_changes(values)
        expressions = Expressions(self.compiler, values)
        plain = {c: v for c, v in values.items() if c not in expressions.names}

        def change(found):
            rows = [each.row for each in found]
            return [
                writing.merged(row, {**plain, **more})
                for row, more in zip(rows, expressions.of(rows), strict=True)
            ]

        def wanted(row):
            return all(test.matches(row) for test in self.tests)

        # Before the first write: what is written may not be found a second time. More
        # rows are left to the planner, which holds no more than their keys.
        found = self.bounded(self.found(), "are to be updated")
        return writing.update(self.objects, found, change, wanted)

    @safe_call
    def update_rows(self, rows):
        table = self.objects.table
        for name in {name for _, row in rows for name in row if name in table.data}:
            raise NotSupportedError(
                f"{table.data[name]} is a data type of Riak's, which this cannot "
                "write: use update() with F(), AddToSet() or Pull()."
            )
        rows = [(key, self.with_changes(values)) for key, values in rows]
        keys = {table.object_key(key): key for key, _ in rows}
        changes = {table.object_key(key): values for key, values in rows}
        versions = self.connection.versions
        if versions is None:
            return writing.update_by_key(self.objects, changes)
        read = {key: versions.get((self.table, key)) for key in changes}
        lost = writing.update_versions(self.objects, changes, read)
        self.connection.changed_by_others += [keys[key] for key in lost]
        return len(rows) - len(lost)

    def with_changes(self, values):
        """The values of an UPDATE, with functions for changes of documents."""
        return {
            column: document_change(value.stored(self.connection))
            if getattr(value, "is_constant", False)
            else value
            for column, value in values.items()
        }

    def describe(self, path=None):
        path = path or self.path_known()
        way = "fold" if path is None else str(path)
        filters = " and ".join(map(shown, self.tests))
        order = ", ".join(
            f"{column}{'' if up else ' desc'}" for column, up in self.ordering
        )
        text = f"{self.table}: {way}"
        text += f", filter {filters}" if filters else ""
        text += "".join(f", {name} of each" for name in self.data_names)
        return text + (f", order by {order}" if order else "")

    @safe_call
    def explain(self):
        """`describe()` with what it costs: the keys found, and the requests."""
        path = self.path()
        if path is None:
            return f"{self.describe()} (all rows, {PAGE} to a request)"
        if isinstance(path, Keys):
            return f"{self.describe()} ({len(path.keys)} gets)"
        found = sum(1 for _ in self.objects.keys(path))
        return (
            f"{self.describe(path)} ({len(path.queries)} index queries by pages of "
            f"{PAGE}: {found} keys, as many gets)"
        )

    def path_known(self) -> Keys | Path | None:
        """The path, if it can be told without asking the store."""
        ways = self.ways()
        if isinstance(ways, Keys):
            return ways
        return ways[0] if ways else None


def document_change(steps: list) -> Callable[[Any], Any]:
    """The function from the old document to the new one."""

    def change(document):
        found = changed(deepcopy(document), deepcopy(steps))
        return MISSING if found is None else found

    return change


def map_columns(tests: list[Test | Tests]) -> Iterator[str]:
    for test in tests:
        yield from columns_of(test)


def columns_of(test: Test | Tests) -> Iterator[str]:
    if isinstance(test, Tests):
        for child in test.children:
            yield from columns_of(child)
    else:
        yield test.column


def shown(test: Test | Tests) -> str:
    if isinstance(test, Tests):
        return f"({f' {test.connector.lower()} '.join(map(shown, test.children))})"
    negation = "not " if test.negated else ""
    value = test.value
    text = f"{len(value)} values" if isinstance(value, list) else repr(value)
    column = Column(test.column, test.db_type, test.path)
    return f"{negation}{column} {test.lookup_type} {text}"
