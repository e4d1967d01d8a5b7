"""Paths into documents as MongoDB's: in filters, expressions and updates.

MongoDB's dotted paths look into every item of the arrays on their way. A path of the
toolkit does so only at Step.EACH, which becomes an $elemMatch. What MongoDB would
answer otherwise raises NotSupportedError, whose text says why.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from django.db import NotSupportedError

from ..conditions import Column, Condition, Leaf, Node, Step, combine
from ..documents.changing import REMOVED
from ..microseconds import cut
from ..values import comparisons
from ..values.storing import moment
from .naming import column_name, lookup_name
from .values import json_value, to_bson

COMPARISONS: dict[str, str] = {
    "exact": "$eq",
    "gt": "$gt",
    "gte": "$gte",
    "lt": "$lt",
    "lte": "$lte",
}
INVERSES = {"$eq": "$ne", "$gt": "$lte", "$gte": "$lt", "$lt": "$gte", "$lte": "$gt"}
# Returns the filter for one leaf on one key: filters.leaf_filter.
Translate = Callable[[Leaf, str], dict[str, Any]]
# What is not NULL in a column of documents. A list of nulls is not NULL.
NOT_NULL_DOCUMENT: dict[str, Any] = {"$type": ["array", "object"]}


def dotted(key: str, path: tuple) -> str:
    """Return the path in MongoDB's dotted notation.

    Raise NotSupportedError for a part that MongoDB would read otherwise.
    """
    for number, part in enumerate(path):
        if isinstance(part, int) and number == len(path) - 1:
            continue
        if (
            not isinstance(part, str)
            or not part
            or "." in part
            or part.startswith("$")
            or "\0" in part
        ):
            raise NotSupportedError(
                f"MongoDB's paths cannot hold {part!r}, as a path in {key or 'a list'} "
                "does"
            )
    parts = [str(part) for part in path]
    return ".".join([key, *parts] if key else parts)


def path_filter(leaf: Leaf, key: str, translate: Translate) -> dict[str, Any]:
    """Return the filter for a lookup on a path in the column under `key`."""
    column = leaf.column
    if isinstance(leaf.value, Column):
        raise NotSupportedError(
            f"MongoDB does not compare {column_name(column)}, which lies inside a "
            f"document, with {column_name(leaf.value)}"
        )
    if column.path[-1] is Step.LENGTH:
        return length_filter(leaf, key)
    if column.is_many:
        positive = leaf.negated
        if leaf.lookup_type == "isnull":
            positive = leaf.value != leaf.negated
        found = any_filter(leaf, key, column.path, translate)
        return {"$nor": [found]} if positive else found
    if column.db_type == "raw":
        return raw_filter(leaf, key)
    if column.db_type == "document":
        return document_filter(leaf, dotted(key, column.path))
    if isinstance(column.path[-1], int):
        return position_filter(leaf, dotted(key, column.path), translate)
    return translate(leaf, dotted(key, column.path))


def document_filter(leaf: Leaf, key: str) -> dict[str, Any]:
    """Return the filter for whether there is a document: other lookups are refused."""
    if leaf.lookup_type != "isnull":
        raise NotSupportedError(
            f"MongoDB compares whole documents, as in {lookup_name(leaf)}, by the "
            "order of their keys"
        )
    return null_document(key, leaf.value != leaf.negated)


def null_document(key: str, is_null: bool) -> dict[str, Any]:
    return {key: {"$not": NOT_NULL_DOCUMENT} if is_null else NOT_NULL_DOCUMENT}


def position_filter(leaf: Leaf, key: str, translate: Translate) -> dict[str, Any]:
    """Return the filter for a lookup on an item by its position.

    A list that is too short has a NULL there.
    """
    present = {key: {"$exists": True, "$not": {"$type": "null"}}}
    if leaf.lookup_type == "isnull":
        return {"$nor": [present]} if leaf.value != leaf.negated else present
    found = translate(Leaf(leaf.column, leaf.lookup_type, leaf.value), key)
    found = without_expression(leaf, found)
    return {"$and": [present, {"$nor": [found]}]} if leaf.negated else found


def without_expression(leaf: Leaf, found: dict[str, Any]) -> dict[str, Any]:
    """Return a filter of items of a list, of which no $expr can speak."""
    if "$expr" in found:
        raise NotSupportedError(
            f"MongoDB's expressions do not look at items of lists, as "
            f"{lookup_name(leaf)} does"
        )
    return found


def any_filter(
    leaf: Leaf, key: str, path: tuple, translate: Translate
) -> dict[str, Any]:
    """Return the filter for documents in which any value at the path satisfies the
    lookup, which is taken as not negated.
    """
    if leaf.column.db_type == "raw":
        raise NotSupportedError(
            f"MongoDB compares values of mixed types in lists, as in "
            f"{lookup_name(leaf)}, otherwise than SQLite"
        )
    if Step.EACH not in path:
        return one_filter(leaf, dotted(key, path), translate)
    number = path.index(Step.EACH)
    outer, inner = dotted(key, path[:number]), path[number + 1 :]
    if any(isinstance(step, int) for step in path[:number]):
        raise NotSupportedError(
            f"MongoDB does not look into a list at a position of another, as "
            f"{lookup_name(leaf)} does"
        )
    if not inner:
        if leaf.lookup_type == "contained_by":
            db_type = leaf.column.db_type
            values = [to_bson(db_type, value) for value in leaf.value]
            return {outer: {"$type": "array", "$not": {"$elemMatch": {"$nin": values}}}}
        found = one_filter(leaf, "", translate)
        if set(found) != {""}:
            raise NotSupportedError(
                f"MongoDB's $elemMatch cannot hold the filter of {lookup_name(leaf)}"
            )
        return {outer: {"$elemMatch": found[""]}}
    if inner[0] is Step.EACH or isinstance(inner[0], int):
        raise NotSupportedError(
            f"MongoDB does not look into lists of lists, as {lookup_name(leaf)} does"
        )
    return {outer: {"$elemMatch": any_filter(leaf, "", inner, translate)}}


def one_filter(leaf: Leaf, key: str, translate: Translate) -> dict[str, Any]:
    """Return the filter for one value at a key, "" for an item of a list itself."""
    if leaf.lookup_type == "isnull":
        if leaf.column.db_type == "document":
            return {key: NOT_NULL_DOCUMENT}
        return {key: {"$exists": True, "$ne": None}} if key else {"": {"$ne": None}}
    if leaf.lookup_type == "contained_by" or leaf.column.db_type == "document":
        raise NotSupportedError(
            f"MongoDB does not answer {lookup_name(leaf)} on the items of a list"
        )
    column = Column(leaf.column.name, leaf.column.db_type)
    found = translate(Leaf(column, leaf.lookup_type, leaf.value), key)
    return without_expression(leaf, found)


# --- datetimes with hidden microseconds, in lists ---

# For a lookup, that on milliseconds which finds all that it finds.
LOOSE = {"gt": "gte", "lt": "lte"}
# Lookups on milliseconds that are exact if the value has no more than those.
EXACT_IN_MILLISECONDS = {"gte", "lt"}


def superset(condition: Condition) -> Condition:
    """Return a condition without microseconds of the items of lists of datetimes.

    It is the same object if that is exact; otherwise it finds more rows. Raise
    NotSupportedError if there is none.
    """
    if isinstance(condition, Node):
        children = [superset(each) for each in condition.children]
        pairs = zip(children, condition.children, strict=True)
        if all(new is old for new, old in pairs):
            return condition
        return combine(condition.connector, children)
    column, value = condition.column, condition.value
    loosen = LOOSENINGS.get(condition.lookup_type)
    if loosen is None or column.db_type != "datetime" or not is_item(column):
        return condition
    if value is None or isinstance(value, Column):
        return condition
    return loosen(condition)


def is_item(column: Column) -> bool:
    """Return whether a path leads to items of a list."""
    return column.is_many or (bool(column.path) and isinstance(column.path[-1], int))


def loosened_comparison(leaf: Leaf) -> Condition:
    lookup_type, value = leaf.lookup_type, moment(leaf.value)
    whole = cut(value)
    if whole == value and lookup_type in EXACT_IN_MILLISECONDS:
        return leaf
    if leaf.negated:
        lookup_type = comparisons.INVERSES.get(lookup_type, "")
    return loosened(leaf, LOOSE.get(lookup_type, lookup_type), whole)


def loosened_values(leaf: Leaf) -> Condition:
    values = [each if each is None else cut(moment(each)) for each in leaf.value]
    lookup_type = "" if leaf.negated else leaf.lookup_type
    return loosened(leaf, lookup_type, values)


def loosened(leaf: Leaf, lookup_type: str, value: Any) -> Condition:
    """Return the lookup on milliseconds; "" is one that needs more, as inequality."""
    if not leaf.negated:
        return replace(leaf, lookup_type=lookup_type, value=value)
    if leaf.column.is_many:
        raise NotSupportedError(
            f"MongoDB holds the microseconds of {column_name(leaf.column)} beside the "
            f"list, where NOT {lookup_name(leaf)} cannot look at them"
        )
    if not lookup_type:
        return Leaf(leaf.column, "isnull", False)
    return Leaf(leaf.column, lookup_type, value)


LOOSENINGS: dict[str, Callable[[Leaf], Condition]] = {
    **dict.fromkeys(("exact", "gt", "gte", "lt", "lte"), loosened_comparison),
    **dict.fromkeys(("in", "range", "contained_by"), loosened_values),
}


def length_filter(leaf: Leaf, key: str) -> dict[str, Any]:
    """Return the filter for a lookup on how many items there are at a path."""
    path = dotted(key, leaf.column.path[:-1])
    if leaf.lookup_type == "isnull":
        return null_document(path, leaf.value != leaf.negated)
    operator = COMPARISONS.get(leaf.lookup_type)
    if operator is None or path[-1].isdigit():
        raise NotSupportedError(
            f"MongoDB does not answer {lookup_name(leaf)} on the length of a list"
        )
    operator = INVERSES[operator] if leaf.negated else operator
    return {
        path: NOT_NULL_DOCUMENT,
        "$expr": {operator: [length_of(f"${path}"), {"$literal": leaf.value}]},
    }


def length_of(value: str) -> dict[str, Any]:
    """Return the expression for how many items an array or a document has.

    It is 0 for NULL: the server may compute it before it has applied the rest of the
    filter, which excludes NULL.
    """
    pairs = {"$objectToArray": {"$ifNull": [value, {}]}}
    return {"$size": {"$cond": [{"$isArray": value}, value, pairs]}}


def raw_filter(leaf: Leaf, key: str) -> dict[str, Any]:
    """Return the filter for a lookup on a value of any type.

    It excludes arrays on the way and at the end of the path: MongoDB would look into
    each of their items.
    """
    path = leaf.column.path
    if any(not isinstance(step, str) or step.isdigit() for step in path):
        raise NotSupportedError(
            f"MongoDB's paths do not tell a position from a key of digits, as in "
            f"{lookup_name(leaf)}"
        )
    name = dotted(key, path)
    parents = [dotted(key, path[:depth]) for depth in range(len(path))]
    plain = [{parent: {"$not": {"$type": "array"}}} for parent in parents]
    present = {"$and": [{name: {"$ne": None}}, *plain]}
    if leaf.lookup_type == "isnull":
        return {"$nor": [present]} if leaf.value != leaf.negated else present
    operator = COMPARISONS.get(leaf.lookup_type)
    value = leaf.value
    simple = type(value) in (str, int, float) or (
        type(value) is bool and operator == "$eq"
    )
    if operator is None or not simple or value != value:  # NaN is not itself
        raise NotSupportedError(
            f"MongoDB does not answer {lookup_name(leaf)} on values of mixed types as "
            "SQLite does"
        )
    matched = {name: {operator: json_value(value), "$not": {"$type": "array"}}}
    if leaf.negated:
        return {"$and": [present, {"$nor": [matched]}]}
    return {"$and": [matched, *plain]}


def path_expression(column: Column, key: str) -> tuple[Any, str]:
    """Return the expression for the value at a path, and its db_type."""
    path = column.path
    if column.is_many or column.db_type == "raw":
        raise NotSupportedError(
            f"MongoDB does not return the values of {column_name(column)}, which are "
            "many or of mixed types"
        )
    last = path[-1]
    if last is Step.LENGTH:
        value = "$" + dotted(key, path[:-1])
        if len(path) > 1 and isinstance(path[-2], int):
            raise NotSupportedError(
                "MongoDB's expressions take no position of a list, as "
                f"{column_name(column)} does"
            )
        present = {"$gt": [value, None]}
        return {"$cond": [present, length_of(value), None]}, "int"
    if isinstance(last, int):
        value = "$" + dotted(key, path[:-1])
        return {"$arrayElemAt": [value, last]}, column.db_type
    return "$" + dotted(key, path), column.db_type


def moment_key(column: Column, key: str) -> str:
    """Return the dotted path of a datetime, beside whose last key is the hidden one.

    Raise NotSupportedError for an item of a list.
    """
    if is_item(column):
        raise NotSupportedError(
            f"MongoDB's expressions take no datetime in a list, as "
            f"{column_name(column)} does"
        )
    return dotted(key, column.path)


# --- changes ---


def change_of(key: str, steps: list[tuple[str, tuple, Any]]) -> dict[str, dict]:
    """Return the update {operator: {path: value}} of a Change of a document.

    Raise NotSupportedError if MongoDB has none that change it as the toolkit does.
    """
    update: dict[str, dict[str, Any]] = {}
    names: list[str] = []
    for operation, path, value in steps:
        if any(isinstance(step, int) for step in path):
            raise NotSupportedError(
                f"MongoDB creates no list for a position in {key} to be in"
            )
        name = dotted(key, path)
        if any(overlaps(name, other) for other in names):
            raise NotSupportedError(
                f"MongoDB changes {name} no more than once in a command"
            )
        names.append(name)
        if operation == "set":
            if value is REMOVED:
                update.setdefault("$unset", {})[name] = ""
            else:
                update.setdefault("$set", {})[name] = value
        elif operation == "push":
            update.setdefault("$push", {})[name] = {"$each": value}
        elif operation == "increment":
            update.setdefault("$inc", {})[name] = value
        else:
            if any(isinstance(each, (dict, list)) for each in value):
                raise NotSupportedError(
                    f"MongoDB compares the documents in {name} by the order of their "
                    "keys"
                )
            if operation == "pull":
                update.setdefault("$pull", {})[name] = {"$in": value}
            else:
                update.setdefault("$addToSet", {})[name] = {"$each": value}
    return update


def with_additions(update: dict[str, dict], added: dict[str, Any]) -> Any:
    """Return the update with additions at paths, {path: number}.

    It is a pipeline, in which a null counts as 0. Changes of lists have no place in
    one; beside them, the additions are an $inc, which refuses a null.
    """
    if update.keys() - {"$set", "$unset"}:
        return {**update, "$inc": added}
    values = {key: {"$literal": each} for key, each in update.get("$set", {}).items()}
    values |= {name: total("$" + name, by) for name, by in added.items()}
    removed = list(update.get("$unset", ()))
    return [{"$set": values}, *([{"$unset": removed}] if removed else [])]


def total(old: str, by: int | float) -> dict[str, Any]:
    """Return the expression for `old` + `by`, where a null `old` counts as 0.

    The server fails (ConversionFailure) if `old` is no number or the sum of integers
    leaves 64 bits.
    """
    found = {"$add": [{"$ifNull": [old, 0]}, by]}
    # The server makes a double of a sum that is too large, and $toLong fails on twice
    # of it.
    failing = {"$toLong": {"$multiply": [found, 2]}}
    integers = {
        "$and": [{"$in": [{"$type": old}, ["int", "long"]]}, isinstance(by, int)]
    }
    too_large = {"$and": [integers, {"$eq": [{"$type": found}, "double"]}]}
    is_number = {"$or": [{"$isNumber": old}, {"$lte": [old, None]}]}
    refused = {"$toLong": {"$concat": ["no number, but ", {"$type": old}]}}
    return {"$cond": [is_number, {"$cond": [too_large, failing, found]}, refused]}


def overlaps(name: str, other: str) -> bool:
    """Return whether one of two paths leads to or through the other."""
    return f"{name}.".startswith(f"{other}.") or f"{other}.".startswith(f"{name}.")
