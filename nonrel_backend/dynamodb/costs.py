"""Costs of queries: estimates for explain(), and warnings of scans of whole tables."""

import logging
from math import ceil
from typing import Any

from ..kv.access_paths import Choice, IndexScan, IndexUnion, Ordering
from ..kv.predicates import CompoundPredicate, Predicate
from .tables import DynamoTable, NativeIndex

logger = logging.getLogger("nonrel_backend.dynamodb")
# Bytes that one unit reads, and of a page (Amazon's documentation).
UNIT, PAGE = 4096, 1 << 20
# Bytes of an entry of an index, about.
ENTRY = 100
KEYS_OF_REQUEST = 100
# Lookups that an index can serve.
INDEXED = {"exact", "in", "gt", "gte", "lt", "lte", "range", "startswith"}
MOST_SHAPES = 10_000
# The shapes of queries of which was warned.
warned: set[Any] = set()


def is_whole_table(table: DynamoTable, choice: Choice) -> bool:
    path = choice.access_path
    scans = path.scans if isinstance(path, IndexUnion) else [path]
    return any(
        isinstance(each, IndexScan) and each.index is table.primary and not each.unique
        for each in scans
    )


def warn_of_scan(
    table: DynamoTable, query: Any, ordering: Ordering, limit: int | None
) -> None:
    """Warn of a scan of a whole table, once for each shape of queries.

    One that wants all rows is none to warn of, nor one by so many keys that all cost
    less.
    """
    leaves = list(leaves_of(query.predicates))
    if any(is_long(table, each) for each in leaves):
        return
    filters = tuple(sorted({f"{each.column}__{each.lookup_type}" for each in leaves}))
    order = tuple(f"{'' if up else '-'}{column}" for column, up in ordering)
    shape = (query.connection.alias, table.name, filters, order)
    is_all = not filters and limit is None
    if is_all or shape in warned or len(warned) >= MOST_SHAPES:
        return
    warned.add(shape)
    columns = {
        each.column: None
        for each in leaves
        if each.lookup_type in INDEXED and not (each.negated or each.other)
    } or {column.name: None for column, _ in ordering if not filters}
    advice = "No index can serve these lookups: filter by something else, too."
    if columns and table.has_versions:
        advice = f"Add db_index=True or a models.Index on {', '.join(columns)}."
    elif columns:
        advice = (
            f"Let the table have a global index on {', '.join(columns)}, and query "
            "eventually_consistent()."
        )
    logger.warning(
        "A query of %s%s%s reads the whole table. %s",
        table.name,
        f" by {', '.join(filters)}" if filters else "",
        f" in the order of {', '.join(order)}" if order else "",
        advice,
    )


def is_long(table: DynamoTable, leaf: Predicate) -> bool:
    """Return whether an index is not read for a lookup, as that has too many values."""
    if leaf.lookup_type != "in" or len(leaf.value) <= table.most_ranges:
        return False
    indexes = [table.primary, *table.indexes]
    return leaf.column in {each.parts[0].plain for each in indexes}


def leaves_of(predicates: Any) -> Any:
    for each in predicates:
        if isinstance(each, CompoundPredicate):
            yield from leaves_of(each.children)
        else:
            assert isinstance(each, Predicate)
            yield each


def estimated(
    table: DynamoTable, description: dict[str, Any], query: Any, choice: Choice
) -> str:
    """Return about what a scan reads, by the statistics that DynamoDB keeps.

    They are some hours old.
    """
    half = 2 if query.is_eventual else 1
    rows, size = description["ItemCount"], description["TableSizeBytes"]
    each = max(ceil(size / max(rows, 1) / UNIT), 1) / half
    if is_whole_table(table, choice):
        units = max(ceil(size / UNIT), 1) / half
        pages = max(ceil(size / PAGE), 1)
        return f"about {units:g} units in {pages} requests for {rows} rows"
    path, (_, limit) = choice.access_path, query.limits
    if isinstance(path, IndexScan) and path.unique:
        number = len(path.ranges)
        entries = number / half if path.index is not table.primary else 0
        requests = ceil(number / KEYS_OF_REQUEST) * (2 if entries else 1)
        return f"about {number * each + entries:g} units in {requests} requests"
    known = limit is not None and choice.exact and choice.ordered
    number = limit if known else 1
    assert number is not None
    if isinstance(path, IndexScan) and isinstance(path.index, NativeIndex):
        row = size / max(rows, 1)
        units = max(ceil(number * row / UNIT), 1) / half
        if not path.index.holds_rows:
            units += number * each
        return f"about {units:g} units for {amount(known, number, row)}"
    units = ceil(number * ENTRY / UNIT) / half + number * each
    return f"about {units:g} units for {amount(known, number)}"


def amount(known: bool, number: int, size: float = 0) -> str:
    if known:
        return f"{number} rows"
    return f"each {max(int(UNIT // max(size, 1)), 1)} rows" if size else "each row"
