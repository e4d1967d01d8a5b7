"""Conditions of partial indexes as MongoDB's partialFilterExpressions."""

from collections.abc import Callable
from datetime import datetime
from math import inf
from typing import Any

from bson import ObjectId
from django.db import NotSupportedError

from ..conditions import Column, Condition, Leaf
from .filters import after_prefix
from .paths import COMPARISONS, INVERSES
from .rewriting import GROUPS, Document
from .uniques import in_order
from .values import to_bson

# The first server whose partial indexes have $or and $in.
ALTERNATIVES = (6, 0)
# How deep groups of conditions may be nested in partial indexes.
MOST_DEPTH = 3
# JSON's null is a value, SQL's NULL is a missing key.
EXISTS = {"$exists": True}
NULL = {"$eq": None}
# What a column that is not NULL holds, by db_type. Other programs store nulls, which
# are NULL too. A comparison has its value's BSON type, and the server takes an index
# with this condition for equality, which it does not with one of `$type`.
FROM_FIRST: dict[str, Any] = {
    **dict.fromkeys(["int", "long", "duration", "double", "decimal"], -inf),
    **dict.fromkeys(["string", "time"], ""),
    **dict.fromkeys(["date", "datetime"], datetime.min),
    **dict.fromkeys(["binary", "uuid"], b""),
    "bool": False,
    "objectId": ObjectId(bytes(12)),
}
PRESENT = {db_type: {"$gte": first} for db_type, first in FROM_FIRST.items()}


class Inexpressible(NotSupportedError):
    """No partial index of the server's has this condition."""


def present(db_type: str | None) -> Document:
    """Return the condition of a partial index that a column is not NULL."""
    return PRESENT.get(db_type or "", EXISTS)


def is_presence(condition: Any) -> bool:
    """Return whether a partial index's condition leaves out NULLs, and no more."""
    return condition == EXISTS or condition in PRESENT.values()


def partial_filter(
    condition: Condition, key_of: Callable[[str], str], version: tuple[int, ...]
) -> Document:
    """Return the filter that a partial index has for a condition.

    `key_of(column)` is the key under which documents hold a column, `version` the
    server's. Raise Inexpressible if there is no exact one.
    """
    found = translated(condition, key_of)
    if depth(found) > MOST_DEPTH or version < ALTERNATIVES and has_alternatives(found):
        raise Inexpressible(f"no partial index holds {condition}")
    return found


def translated(condition: Condition, key_of: Callable[[str], str]) -> Document:
    if isinstance(condition, Leaf):
        key = key_of(condition.column.name)
        found = [{key: part} for part in parts_of(condition)]
    else:
        found = [translated(each, key_of) for each in condition.children]
        if condition.connector == "AND":
            return both(*found)
    if not found:
        raise Inexpressible("it is never true")
    return either(found)


def has_alternatives(filter_: Document) -> bool:
    return "$or" in filter_ or any(
        any(map(has_alternatives, part)) if key == "$and" else "$in" in part
        for key, part in filter_.items()
    )


def depth(part: Any) -> int:
    """Return how deep the server finds the groups of a filter nested."""
    if isinstance(part, list):
        return 1 + max(map(depth, part))
    parts = [*part.items()]
    deepest = max(
        (depth(each) if key in GROUPS else int(len(each) > 1) for key, each in parts),
        default=0,
    )
    return deepest + (len(parts) > 1)


def either(filters: list[Document]) -> Document:
    """Return the filter for what satisfies any of the filters."""
    found: list[Document] = []
    for filter_ in filters:
        found += filter_["$or"] if [*filter_] == ["$or"] else [filter_]
    return {"$or": found} if len(found) > 1 else found[0]


def both(*filters: Document) -> Document:
    """Return the filter for what satisfies all filters, as flat as can be."""
    found: Document = {}
    others: list[Document] = []
    for filter_ in filters:
        for key, part in filter_.items():
            known = found.get(key)
            if key == "$and":
                others += part
            elif known is None:
                found[key] = part
            elif key != "$or" and is_presence(part):
                found[key] = part | known
            elif key != "$or" and (
                is_presence(known) or not known.keys() & part.keys()
            ):
                found[key] = known | part
            else:
                others.append({key: part})
    return found | {"$and": others} if others else found


def parts_of(leaf: Leaf) -> list[Document]:
    """Return conditions on a key, of which any has to hold, for a lookup.

    Raise Inexpressible if there are none that are exact.
    """
    column, value = leaf.column, leaf.value
    db_type = column.db_type
    if leaf.lookup_type == "isnull" and not column.path:
        if value == leaf.negated:
            return [present(db_type)]
        if db_type in FROM_FIRST:
            return [NULL]
    translate = LOOKUPS.get(leaf.lookup_type)
    if (
        translate is None
        or column.path
        or isinstance(value, Column)
        or value is None
        or db_type not in FROM_FIRST
        # Binary values are ordered by their length first.
        or (db_type == "binary" and leaf.lookup_type not in ("exact", "in"))
    ):
        raise Inexpressible(f"there is no {leaf}")
    return translate(leaf)


def compared(leaf: Leaf) -> list[Document]:
    value = to_bson(leaf.column.db_type, leaf.value)
    operator = COMPARISONS[leaf.lookup_type]
    if not leaf.negated:
        return [{operator: value}]
    if leaf.lookup_type != "exact":
        return [{INVERSES[operator]: value}]
    return without(leaf.column.db_type, [value])


def among(leaf: Leaf) -> list[Document]:
    db_type = leaf.column.db_type
    values = [to_bson(db_type, each) for each in leaf.value if each is not None]
    if leaf.negated:
        return without(db_type, values)
    return [{"$in": values}] if len(values) > 1 else [{"$eq": each} for each in values]


def without(db_type: str, values: list[Any]) -> list[Document]:
    """Return the ranges between values, and before and after them all.

    Comparisons find values of their own type alone: no NULLs.
    """
    if db_type == "bool":
        return [{"$eq": each} for each in (False, True) if each not in values]
    ordered = sorted(values, key=in_order)
    bounds = zip(ordered, ordered[1:], strict=False)
    between = [{"$gt": low, "$lt": high} for low, high in bounds if low != high]
    before = [] if ordered[0] == "" else [{"$lt": ordered[0]}]
    return [*before, *between, {"$gt": ordered[-1]}]


def between(leaf: Leaf) -> list[Document]:
    if None in leaf.value:
        raise Inexpressible(f"{leaf} has NULL as an end")
    low, high = (to_bson(leaf.column.db_type, each) for each in leaf.value)
    if leaf.negated:
        return [{"$lt": low}, {"$gt": high}]
    return [{"$gte": low, "$lte": high}]


def prefixed(leaf: Leaf) -> list[Document]:
    db_type, text = leaf.column.db_type, to_bson("string", leaf.value)
    if db_type != "string":
        raise Inexpressible(f"{leaf} is not of text")
    if not text:
        return [] if leaf.negated else [present(db_type)]
    following = after_prefix(text)
    if following is None:
        raise Inexpressible(f"no text follows those of {leaf}")
    if leaf.negated:
        return [{"$lt": text}, {"$gte": following}]
    return [{"$gte": text, "$lt": following}]


LOOKUPS: dict[str, Callable[[Leaf], list[Document]]] = {
    **dict.fromkeys(COMPARISONS, compared),
    "in": among,
    "range": between,
    "startswith": prefixed,
}
