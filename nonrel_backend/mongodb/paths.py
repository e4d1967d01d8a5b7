"""Paths into documents as MongoDB's, where they mean the same: filters, expressions.

MongoDB's dotted paths look into every item of the arrays on their way. Here a path
does so only where it says so, and `$elemMatch` does it then.
"""

from collections.abc import Callable
from typing import Any

from django.db import NotSupportedError

from ..conditions import Column, Leaf, Step
from .values import json_value, to_bson

INVERSE = {"$eq": "$ne", "$gt": "$lte", "$gte": "$lt", "$lt": "$gte", "$lte": "$gt"}
COMPARISONS = {
    "exact": "$eq",
    "gt": "$gt",
    "gte": "$gte",
    "lt": "$lt",
    "lte": "$lte",
}
# A filter for one leaf on one key, as filters.py has them.
Translate = Callable[[Leaf, str], dict[str, Any]]
# What is not NULL in a column of documents. A list of nulls is not NULL.
HELD: dict[str, Any] = {"$type": ["array", "object"]}


def dotted(key: str, path: tuple) -> str:
    """The path as MongoDB writes it; NotSupportedError where it would read it
    otherwise.
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
            raise NotSupportedError("MongoDB's paths cannot hold this.")
    parts = [str(part) for part in path]
    return ".".join([key, *parts] if key else parts)


def path_filter(leaf: Leaf, key: str, translate: Translate) -> dict[str, Any]:
    """The filter for a lookup on a path."""
    column = leaf.column
    if isinstance(leaf.value, Column):
        raise NotSupportedError("MongoDB leaves this comparison to the planner.")
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
    if leaf.lookup_type in UNINDEXED_PARTS and isinstance(column.path[-1], int):
        raise NotSupportedError("MongoDB's expressions have no positions in paths.")
    if isinstance(column.path[-1], int):
        return position_filter(leaf, dotted(key, column.path), translate)
    return translate(leaf, dotted(key, column.path))


def document_filter(leaf: Leaf, key: str) -> dict[str, Any]:
    """Whether there is a document: all else is left to the planner."""
    if leaf.lookup_type != "isnull":
        raise NotSupportedError("MongoDB leaves whole documents to the planner.")
    return {key: {"$not": HELD} if leaf.value != leaf.negated else HELD}


def position_filter(leaf: Leaf, key: str, translate: Translate) -> dict[str, Any]:
    """An item by its position: a list too short is neither null there nor not."""
    present = {key: {"$exists": True, "$not": {"$type": "null"}}}
    if leaf.lookup_type == "isnull":
        return {"$nor": [present]} if leaf.value != leaf.negated else present
    found = translate(Leaf(leaf.column, leaf.lookup_type, leaf.value), key)
    return {"$and": [present, {"$nor": [found]}]} if leaf.negated else found


# Lookups that are written with $expr.
UNINDEXED_PARTS = {
    "month",
    "day",
    "week_day",
    "iso_week_day",
    "hour",
    "minute",
    "second",
    "quarter",
    "week",
}


def any_filter(leaf: Leaf, key: str, path: tuple, translate) -> dict[str, Any]:
    """Whether any value at the path satisfies the lookup, not negated."""
    if leaf.column.db_type == "raw":
        raise NotSupportedError("MongoDB leaves raw values in lists to the planner.")
    if Step.EACH not in path:
        return one_filter(leaf, dotted(key, path), translate)
    number = path.index(Step.EACH)
    outer, inner = dotted(key, path[:number]), path[number + 1 :]
    if any(isinstance(step, int) for step in path[:number]):
        raise NotSupportedError("MongoDB leaves positions of lists to the planner.")
    if not inner:
        if leaf.lookup_type == "contained_by":
            db_type = leaf.column.db_type
            values = [to_bson(db_type, value) for value in leaf.value]
            return {outer: {"$type": "array", "$not": {"$elemMatch": {"$nin": values}}}}
        found = one_filter(leaf, "", translate)
        if set(found) != {""}:
            raise NotSupportedError("MongoDB leaves this lookup to the planner.")
        return {outer: {"$elemMatch": found[""]}}
    if inner[0] is Step.EACH or isinstance(inner[0], int):
        raise NotSupportedError("MongoDB leaves lists of lists to the planner.")
    return {outer: {"$elemMatch": any_filter(leaf, "", inner, translate)}}


def one_filter(leaf: Leaf, key: str, translate: Translate) -> dict[str, Any]:
    if leaf.lookup_type == "isnull":
        if leaf.column.db_type == "document":
            return {key: HELD}
        return {key: {"$exists": True, "$ne": None}} if key else {"": {"$ne": None}}
    if leaf.lookup_type in UNINDEXED_PARTS:
        raise NotSupportedError("MongoDB has no $expr inside of $elemMatch.")
    if leaf.lookup_type == "contained_by" or leaf.column.db_type == "document":
        raise NotSupportedError("MongoDB leaves this lookup to the planner.")
    column = Column(leaf.column.name, leaf.column.db_type)
    return translate(Leaf(column, leaf.lookup_type, leaf.value), key)


def length_filter(leaf: Leaf, key: str) -> dict[str, Any]:
    path = dotted(key, leaf.column.path[:-1])
    if leaf.lookup_type == "isnull":
        return {path: {"$not": HELD} if leaf.value != leaf.negated else HELD}
    operator = COMPARISONS.get(leaf.lookup_type)
    if operator is None or path[-1].isdigit():
        raise NotSupportedError("MongoDB leaves this lookup to the planner.")
    operator = INVERSE[operator] if leaf.negated else operator
    return {
        path: HELD,
        "$expr": {operator: [length_of(f"${path}"), {"$literal": leaf.value}]},
    }


def length_of(value: str) -> dict[str, Any]:
    """How many items an array or a document has; 0 for what is NULL, of which the
    server may ask before it looks at the rest of the filter.
    """
    pairs = {"$objectToArray": {"$ifNull": [value, {}]}}
    return {"$size": {"$cond": [{"$isArray": value}, value, pairs]}}


def raw_filter(leaf: Leaf, key: str) -> dict[str, Any]:
    """Lookups on values of any type: arrays on the way or at the end are left out,
    since MongoDB would look into each of their items.
    """
    path = leaf.column.path
    if any(not isinstance(step, str) or step.isdigit() for step in path):
        raise NotSupportedError("MongoDB leaves positions of lists to the planner.")
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
    if operator is None or not simple or value != value:
        raise NotSupportedError("MongoDB leaves this lookup to the planner.")
    matched = {name: {operator: json_value(value), "$not": {"$type": "array"}}}
    if leaf.negated:
        return {"$and": [present, {"$nor": [matched]}]}
    return {"$and": [matched, *plain]}


def path_expression(column: Column, key: str) -> tuple[Any, str]:
    """The value at a path in MongoDB's expressions, and its db_type."""
    path = column.path
    if column.is_many or column.db_type == "raw":
        raise NotSupportedError("MongoDB leaves the values of this to the planner.")
    last = path[-1]
    if last is Step.LENGTH:
        value = "$" + dotted(key, path[:-1])
        if len(path) > 1 and isinstance(path[-2], int):
            raise NotSupportedError("MongoDB leaves positions to the planner.")
        present = {"$gt": [value, None]}
        return {"$cond": [present, length_of(value), None]}, "int"
    if isinstance(last, int):
        value = "$" + dotted(key, path[:-1])
        return {"$arrayElemAt": [value, last]}, column.db_type
    return "$" + dotted(key, path), column.db_type


# --- changes ---


def change_of(key: str, steps: list[tuple[str, tuple, Any]]) -> dict[str, dict]:
    """The operators of a Change; NotSupportedError where there are none."""
    from ..documents.changing import REMOVED

    update: dict[str, dict[str, Any]] = {}
    names: list[str] = []
    for operation, path, value in steps:
        if any(isinstance(step, int) for step in path):
            raise NotSupportedError("MongoDB makes no lists for a position to be in.")
        name = dotted(key, path)
        if any(overlaps(name, other) for other in names):
            raise NotSupportedError("MongoDB changes a path once in a command.")
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
                raise NotSupportedError("MongoDB compares documents by their order.")
            if operation == "pull":
                update.setdefault("$pull", {})[name] = {"$in": value}
            else:
                update.setdefault("$addToSet", {})[name] = {"$each": value}
    return update


def adding(update: dict[str, dict], added: dict[str, Any]) -> Any:
    """An update document with additions at paths: a pipeline, or beside changes of
    lists $inc, which refuses a null.
    """
    if update.keys() - {"$set", "$unset"}:
        return {**update, "$inc": added}
    values = {key: {"$literal": each} for key, each in update.get("$set", {}).items()}
    values |= {name: total("$" + name, by) for name, by in added.items()}
    removed = list(update.get("$unset", ()))
    return [{"$set": values}, *([{"$unset": removed}] if removed else [])]


def total(old: str, by: int | float) -> dict[str, Any]:
    """`old` and `by`, where $inc would refuse a null; an error (ConversionFailure)
    where `old` is no number, or past 64 bits.
    """
    found = {"$add": [{"$ifNull": [old, 0]}, by]}
    past = {"$toLong": {"$multiply": [found, 2]}}
    wider = {"$and": [{"$in": [{"$type": old}, ["int", "long"]]}, isinstance(by, int)]}
    checked = {
        "$cond": [{"$and": [wider, {"$eq": [{"$type": found}, "double"]}]}, past, found]
    }
    is_number = {"$or": [{"$isNumber": old}, {"$lte": [old, None]}]}
    refused = {"$toLong": {"$concat": ["no number, but ", {"$type": old}]}}
    return {"$cond": [is_number, checked, refused]}


def overlaps(name: str, other: str) -> bool:
    return f"{name}.".startswith(f"{other}.") or f"{other}.".startswith(f"{name}.")
