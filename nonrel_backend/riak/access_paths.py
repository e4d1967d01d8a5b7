"""Access paths: the keys or the index queries that find the candidate rows."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from ..conditions import Column
from .predicates import CompoundPredicate, Predicate
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

# The most values of an IN with an index query for each. Pipelines of gets do some 4,000
# requests a second (measured on one node of Riak KV 3.2.3); at that rate these take
# half a second, as long as a fold over 10,000 rows.
MOST_POINTS = 2_000
NEGATIONS = {"gt": "lte", "gte": "lt", "lt": "gte", "lte": "gt"}


@dataclass(frozen=True)
class IndexQuery:
    """A query of one index: for one term, or for a range of terms."""

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
class KeyLookup:
    """The rows with these keys, which the predicates name."""

    keys: list[bytes]
    # The predicates that the keys do not satisfy by themselves.
    residual: list[Predicate | CompoundPredicate]

    def __str__(self) -> str:
        return f"{len(self.keys)} by key"


@dataclass(frozen=True)
class IndexScan:
    """The rows that any of some index queries finds."""

    queries: list[IndexQuery]
    # The column in whose order the keys come, "" for no order.
    column: str = ""
    descending: bool = False
    # All keys of the queries, if a probe has found them.
    known: tuple[bytes, ...] | None = None

    def __str__(self) -> str:
        if len(self.queries) > 2:
            names = {query.index.decode() for query in self.queries}
            return f"{len(self.queries)} of index {', '.join(sorted(names))}"
        return f"index {' or '.join(map(str, self.queries))}"


AccessPath: TypeAlias = KeyLookup | IndexScan


def key_lookup(
    table: Table, predicates: list[Predicate | CompoundPredicate]
) -> KeyLookup | None:
    """Return the lookup of the keys that the predicates name, None if they do not."""
    named: dict[str, Predicate] = {}
    for each in predicates:
        if isinstance(each, Predicate) and not each.path and points(each) is not None:
            named.setdefault(each.column, each)
    if not all(column in named for column, _ in table.key):
        return None
    chosen = [named[column] for column, _ in table.key]
    residual = [each for each in predicates if each not in chosen]
    values = [points(predicate) or [] for predicate in chosen]
    if len(chosen) == 1:
        keys = list(dict.fromkeys(map(table.object_key, values[0])))
        return KeyLookup(keys, residual)
    if any(len(each) != 1 for each in values):
        return None
    return KeyLookup([table.object_key([value for (value,) in values])], residual)


def points(predicate: Predicate) -> list[Any] | None:
    """Return the stored values that a predicate allows, None if they are not a list."""
    if predicate.negated:
        return None
    if predicate.lookup_type == "exact":
        return [predicate.value]
    return predicate.value if predicate.lookup_type == "in" else None


def scan_of(table: Table, predicate: Predicate | CompoundPredicate) -> IndexScan | None:
    """Return the index scan for one predicate, None if there is no index for it.

    It finds all rows for which the predicate is true, and perhaps others.
    """
    if isinstance(predicate, CompoundPredicate):
        return compound_scan(table, predicate)
    if predicate.path:
        return document_scan(table, predicate)
    query = transform_query(table, predicate)
    if query is not None:
        return IndexScan([query])
    if predicate.column not in table.searched:
        return None
    queries = index_queries(predicate, predicate.column)
    if queries is None:
        return None
    in_order = len(queries) == 1 and predicate.db_type in SORTED
    return IndexScan(queries, predicate.column if in_order else "")


def document_scan(table: Table, predicate: Predicate) -> IndexScan | None:
    """Return the index scan for a predicate on a value inside documents."""
    column = Column(predicate.column, predicate.db_type, predicate.path)
    if column not in table.searched_paths or (predicate.negated and column.is_many):
        return None
    queries = index_queries(predicate, path_name(column))
    return None if queries is None else IndexScan(queries)


def transform_query(table: Table, predicate: Predicate) -> IndexQuery | None:
    """Return the query of an index on Lower(), Upper() or Reverse() of a column."""
    lookup_type = predicate.lookup_type
    kind = "reversed" if lookup_type == "endswith" else "folded"
    if (predicate.column, kind) not in table.searched_transformed or predicate.negated:
        return None
    if lookup_type not in ("iexact", "istartswith", "endswith") or not predicate.value:
        return None
    index = index_of(predicate.column, kind)
    start = term_of(kind, predicate.db_type, predicate.value)
    return IndexQuery(index, start, start if lookup_type == "iexact" else start + LAST)


def compound_scan(table: Table, compound: CompoundPredicate) -> IndexScan | None:
    """Return the scan for one branch of an AND, or for all branches of an OR."""
    scans = [scan_of(table, each) for each in compound.children]
    if compound.connector == "AND":
        return next((scan for scan in scans if scan is not None), None)
    if any(scan is None for scan in scans):
        return None
    return IndexScan([query for scan in scans if scan for query in scan.queries])


def index_queries(predicate: Predicate, name: str) -> list[IndexQuery] | None:
    """Return the queries of the index `name` for a predicate, None if it has none."""
    index = index_name(name, predicate.db_type)
    first, last = everything(predicate.db_type)
    lookup_type, value = predicate.lookup_type, predicate.value
    if lookup_type == "isnull":
        if value:
            return [IndexQuery(NULLS, escaped(name), escaped(name))]
        return [IndexQuery(index, first, last)]
    values = points(predicate)
    if values is not None:
        if len(values) > MOST_POINTS:
            return None
        terms = dict.fromkeys(term(predicate.db_type, each) for each in values)
        return [IndexQuery(index, each, each) for each in terms]
    if predicate.negated:
        lookup_type = NEGATIONS.get(lookup_type, "")
    if lookup_type == "startswith" and value:
        start = escaped(value)
        return [IndexQuery(index, start, start + LAST)]
    if lookup_type == "range":
        low, high = (term(predicate.db_type, each) for each in value)
        is_empty = order_key(predicate.db_type)(low) > order_key(predicate.db_type)(
            high
        )
        return [] if is_empty else [IndexQuery(index, low, high)]
    # A range includes both ends: the predicate itself excludes one of gt and lt.
    if lookup_type in ("gt", "gte"):
        return [IndexQuery(index, term(predicate.db_type, value), last)]
    if lookup_type in ("lt", "lte"):
        return [IndexQuery(index, first, term(predicate.db_type, value))]
    return None


def order_key(db_type: str) -> Callable[[bytes], Any]:
    """Return the function by which the terms of an index are ordered."""
    return int if db_type in INTEGERS else bytes


def merge_ranges(table: Table, scans: list[IndexScan]) -> list[IndexScan]:
    """Return the scans, with one range for those that are ranges of the same index.

    All predicates must be true, so the ranges are intersected.
    """
    found: dict[Any, IndexScan] = {}
    for number, scan in enumerate(scans):
        is_range = scan.column and scan.queries[0].index != NULLS
        name = scan.column if is_range else number
        if name in found:
            scan = intersect(table.columns[scan.column], found[name], scan)
        found[name] = scan
    return list(found.values())


def intersect(db_type: str, one: IndexScan, other: IndexScan) -> IndexScan:
    """Return the intersection of two ranges of one index."""
    if not (one.queries and other.queries):
        return IndexScan([], one.column)
    (first,), (second,) = one.queries, other.queries
    key = order_key(db_type)
    low = max(first.low, second.low, key=key)
    high = min(first.high, second.high, key=key)
    if key(low) > key(high):
        return IndexScan([], one.column)
    return IndexScan([IndexQuery(first.index, low, high)], one.column)


def whole_index(table: Table, column: str) -> IndexScan | None:
    """Return the scan of all rows in the order of a column, NULL first.

    Return None if the column has no index, or one without order.
    """
    db_type = table.columns.get(column, "")
    if column not in table.searched or db_type not in SORTED:
        return None
    queries = [IndexQuery(index_name(column, db_type), *everything(db_type))]
    if all(column != key for key, _ in table.key):
        name = escaped(column)
        queries.insert(0, IndexQuery(NULLS, name, name))
    return IndexScan(queries, column)


def descending_scan(table: Table, scan: IndexScan) -> IndexScan | None:
    """Return the scan in descending order, None if there is no descending index."""
    if scan.known is not None:
        return replace(scan, known=scan.known[::-1], descending=True)
    name, db_type = scan.column, table.columns.get(scan.column, "")
    if (name, DESCENDING) not in table.searched_transformed:
        return None
    index = index_of(name, DESCENDING)
    queries = [
        query
        if query.index == NULLS
        else IndexQuery(
            index, descending(db_type, query.high), descending(db_type, query.low)
        )
        for query in reversed(scan.queries)
    ]
    return IndexScan(queries, name, descending=True)
