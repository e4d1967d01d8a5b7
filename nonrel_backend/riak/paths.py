"""Tests as queries of secondary indexes, which find all rows wanted, or more."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from ..conditions import Column
from .predicates import Test, Tests
from .table import Table, path_name
from .terms import (
    INTEGERS,
    LAST,
    NULLS,
    SORTED,
    descending,
    escaped,
    everything,
    index_name,
    term,
)
from .transforms import DESCENDING, index_of, term_of

# So many values of an IN are looked up one by one.
MOST_POINTS = 2_000
INVERSES = {"gt": "lte", "gte": "lt", "lt": "gte", "lte": "gt"}


@dataclass(frozen=True)
class IndexQuery:
    """One term of an index, or a range of terms."""

    index: bytes
    low: bytes
    high: bytes

    @property
    def options(self) -> dict[str, bytes]:
        """The fields of an RpbIndexReq."""
        if self.low == self.high:
            return {"key": self.low}
        return {"range_min": self.low, "range_max": self.high}

    def __str__(self) -> str:
        low, high = (
            repr(end.decode(errors="backslashreplace")) for end in (self.low, self.high)
        )
        text = low if low == high else f"{low} to {high}"
        return f"{self.index.decode()} {text}"


@dataclass(frozen=True)
class Keys:
    """Rows whose keys are known."""

    keys: list[bytes]
    # What the keys do not say.
    left: list[Test | Tests]

    def __str__(self) -> str:
        return f"{len(self.keys)} by key"


@dataclass(frozen=True)
class Path:
    """Index queries, whose keys together are wanted."""

    queries: list[IndexQuery]
    # The column in whose order the keys come.
    column: str = ""
    descending: bool = False
    # The keys that are to be read, where a probe has found them.
    known: tuple[bytes, ...] | None = None

    def __str__(self) -> str:
        if len(self.queries) > 2:
            names = {query.index.decode() for query in self.queries}
            return f"{len(self.queries)} of index {', '.join(sorted(names))}"
        return f"index {' or '.join(map(str, self.queries))}"


def key_path(table: Table, tests: list) -> Keys | None:
    """The keys, where the tests name them."""
    named: dict[str, Test] = {}
    for test in tests:
        if isinstance(test, Test) and not test.path and points(test) is not None:
            named.setdefault(test.column, test)
    if not all(column in named for column, _ in table.key):
        return None
    chosen = [named[column] for column, _ in table.key]
    left = [test for test in tests if all(test is not each for each in chosen)]
    values = [points(test) or [] for test in chosen]
    if len(chosen) == 1:
        return Keys(list(dict.fromkeys(map(table.object_key, values[0]))), left)
    if any(len(each) != 1 for each in values):
        return None
    return Keys([table.object_key([value for (value,) in values])], left)


def points(test: Test) -> list[Any] | None:
    """The stored values that a test allows, None where there may be others."""
    if test.negated:
        return None
    if test.lookup_type == "exact":
        return [test.value]
    return test.value if test.lookup_type == "in" else None


def path_of(table: Table, test: Test | Tests) -> Path | None:
    """The path of one test, None where no index serves."""
    if isinstance(test, Tests):
        return union(table, test)
    if test.path:
        return document_path(table, test)
    query = transformed(table, test)
    if query is not None:
        return Path([query])
    if test.column not in table.searched:
        return None
    queries = index_queries(test, test.column)
    if queries is None:
        return None
    in_order = len(queries) == 1 and test.db_type in SORTED
    return Path(queries, test.column if in_order else "")


def document_path(table: Table, test: Test) -> Path | None:
    """The path of a test of what is found in documents."""
    column = Column(test.column, test.db_type, test.path)
    if column not in table.searched_paths or (test.negated and column.is_many):
        return None
    queries = index_queries(test, path_name(column))
    return None if queries is None else Path(queries)


def transformed(table: Table, test: Test) -> IndexQuery | None:
    """The query of an index on the folded or the reversed text."""
    kind = "reversed" if test.lookup_type == "endswith" else "folded"
    lookups = ("iexact", "istartswith", "endswith")
    if (test.column, kind) not in table.searched_transformed or test.negated:
        return None
    if test.lookup_type not in lookups or not test.value:
        return None
    index, start = index_of(test.column, kind), term_of(kind, test.db_type, test.value)
    end = start if test.lookup_type == "iexact" else start + LAST
    return IndexQuery(index, start, end)


def union(table: Table, tests: Tests) -> Path | None:
    paths = [path_of(table, each) for each in tests.children]
    if tests.connector == "AND":
        return next((path for path in paths if path is not None), None)
    if any(path is None for path in paths):
        return None
    return Path([query for path in paths if path for query in path.queries])


def index_queries(test: Test, name: str) -> list[IndexQuery] | None:
    index = index_name(name, test.db_type)
    first, last = everything(test.db_type)
    lookup_type, value = test.lookup_type, test.value
    if lookup_type == "isnull":
        if value:
            return [IndexQuery(NULLS, escaped(name), escaped(name))]
        return [IndexQuery(index, first, last)]
    values = points(test)
    if values is not None:
        if len(values) > MOST_POINTS:
            return None
        terms = dict.fromkeys(term(test.db_type, each) for each in values)
        return [IndexQuery(index, each, each) for each in terms]
    if test.negated:
        lookup_type = INVERSES.get(lookup_type, "")
    if lookup_type == "startswith" and value:
        start = escaped(value)
        return [IndexQuery(index, start, start + LAST)]
    if lookup_type == "range":
        low, high = (term(test.db_type, each) for each in value)
        return [IndexQuery(index, low, high)] if ordered(test, low, high) else []
    if lookup_type in ("gt", "gte"):
        return [IndexQuery(index, term(test.db_type, value), last)]
    if lookup_type in ("lt", "lte"):
        return [IndexQuery(index, first, term(test.db_type, value))]
    return None


def ordered(test: Test, low: bytes, high: bytes) -> bool:
    if test.db_type in INTEGERS:
        return int(low) <= int(high)
    return low <= high


def intersected(table: Table, paths: list[Path]) -> list[Path]:
    """Paths that must all hold, with one range for those of one column's index."""
    found: dict[Any, Path] = {}
    for number, path in enumerate(paths):
        one_range = path.column and path.queries[0].index != NULLS
        name = path.column if one_range else number
        if name in found:
            path = intersection(table.columns[path.column], found[name], path)
        found[name] = path
    return list(found.values())


def intersection(db_type: str, one: Path, other: Path) -> Path:
    if not (one.queries and other.queries):
        return Path([], one.column)
    (first,), (second,) = one.queries, other.queries
    key: Callable[[bytes], Any] = int if db_type in INTEGERS else bytes
    low = max(first.low, second.low, key=key)
    high = min(first.high, second.high, key=key)
    if key(low) > key(high):
        return Path([], one.column)
    return Path([IndexQuery(first.index, low, high)], one.column)


def whole(table: Table, column: str) -> Path | None:
    """All rows in the order of a column, NULLs first."""
    db_type = table.columns.get(column, "")
    if column not in table.searched or db_type not in SORTED:
        return None
    queries = [IndexQuery(index_name(column, db_type), *everything(db_type))]
    if all(column != key for key, _ in table.key):
        name = escaped(column)
        queries.insert(0, IndexQuery(NULLS, name, name))
    return Path(queries, column)


def turned(table: Table, path: Path) -> Path | None:
    """The path the other way round, where there is a descending index."""
    if path.known is not None:
        return replace(path, known=path.known[::-1], descending=True)
    name, db_type = path.column, table.columns.get(path.column, "")
    if (name, DESCENDING) not in table.searched_transformed:
        return None
    index = index_of(name, DESCENDING)
    queries = [
        query
        if query.index == NULLS
        else IndexQuery(
            index, descending(db_type, query.high), descending(db_type, query.low)
        )
        for query in reversed(path.queries)
    ]
    return Path(queries, name, descending=True)
