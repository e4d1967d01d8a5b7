"""Conditions as MongoDB filters: exact under SQL's three-valued logic, or refused."""

import re
from collections.abc import Callable
from typing import Any

from bson import ObjectId
from django.db import NotSupportedError

from ..conditions import Column, Condition, Leaf, Node
from .paths import document_filter, path_filter
from .values import to_bson

KeyOf = Callable[[Column], str]

OPERATORS_MAP: dict[str, str] = {
    "exact": "$eq",
    "gt": "$gt",
    "gte": "$gte",
    "lt": "$lt",
    "lte": "$lte",
    "in": "$in",
}
NEGATION_MAP: dict[str, str] = {"exact": "$ne", "in": "$nin"}
# Comparing NaN or arrays is the only way in which NOT (a < b) is not a >= b.
INVERSES = {"gt": "$lte", "gte": "$lt", "lt": "$gte", "lte": "$gt"}
PATTERNS: dict[str, Callable[[str], str]] = {
    "iexact": lambda text: rf"\A{text}\z",
    "contains": lambda text: text,
    "icontains": lambda text: text,
    "startswith": lambda text: f"^{text}",
    "istartswith": lambda text: f"^{text}",
    "endswith": lambda text: rf"{text}\z",
    "iendswith": lambda text: rf"{text}\z",
}
CASELESS = {"iexact", "icontains", "istartswith", "iendswith", "iregex"}
# Characters whose case folds differently in Python and in the server's PCRE.
ODD_CASE = re.compile(
    "[^\x00-\x7f\u00c0-\u00d6\u00d8-\u00de\u00e0-\u00f6\u00f8-\u00fe"
    "\u0391-\u03a1\u03a3-\u03a9\u03b1-\u03c1\u03c3-\u03c9\u0410-\u044f"
    "\u4e00-\u9fff\u3040-\u30ff]"
)
SAFE_REGEX = re.compile(
    r"(?:[\w\s<>@#%&=!:;,'\"~/`-]|\\[.^$*+?()\[\]{}|\\/-]|[.^$*+?|]"
    r"|\((?:\?:)?|\)|\[\^?[\w\s.,:;@#%&=+*!-]+\]|\{\d+(?:,\d*)?\})*",
    re.ASCII,
)
DATE_PARTS: dict[str, str] = {
    "month": "$month",
    "day": "$dayOfMonth",
    "week_day": "$dayOfWeek",
    "iso_week_day": "$isoDayOfWeek",
    "hour": "$hour",
    "minute": "$minute",
    "second": "$second",
    "week": "$isoWeek",
}
COMPARISONS: dict[str, str] = {
    "exact": "$eq",
    "gt": "$gt",
    "gte": "$gte",
    "lt": "$lt",
    "lte": "$lte",
}
INVERSE_COMPARISONS = {
    "exact": "$ne",
    "gt": "$lte",
    "gte": "$lt",
    "lt": "$gte",
    "lte": "$gt",
}

# Keys that can be no operator stand without $eq: the server has a short way for these.
PLAIN_KEYS = (int, str, ObjectId)


def to_filter(condition: Condition, key_of: KeyOf) -> dict[str, Any]:
    """The filter document for a condition; NotSupportedError where none is exact."""
    if isinstance(condition, Node):
        parts = [to_filter(child, key_of) for child in condition.children]
        if not parts:
            return {} if condition.connector == "AND" else {"$nor": [{}]}
        return {"$and": parts} if condition.connector == "AND" else any_of(parts)
    if condition.column.db_type == "json":
        return json_filter(condition, key_of)
    if condition.column.path:
        column = Column(condition.column.name, condition.column.db_type)
        return path_filter(condition, key_of(column), leaf_filter)
    if isinstance(condition.value, Column):
        if condition.value.path:
            raise NotSupportedError("MongoDB leaves this comparison to the planner.")
        return compare_columns(condition, key_of)
    return leaf_filter(condition, key_of(condition.column))


def leaf_filter(condition: Leaf, key: str) -> dict[str, Any]:
    if condition.column.db_type == "document":
        return document_filter(condition, key)
    translate = LEAVES.get(condition.lookup_type)
    if translate is None:
        raise NotSupportedError(f"MongoDB has no lookup {condition.lookup_type!r}.")
    return translate(condition, key)


def any_of(parts: list[dict[str, Any]]) -> dict[str, Any]:
    """$or, each part once: a server that has SERVER-84013 answers repeated ones with
    the index bounds of another column.
    """
    distinct = list({repr(part): part for part in parts}.values())
    return {"$or": distinct} if len(distinct) > 1 else distinct[0]


def compare(leaf: Leaf, key: str) -> dict[str, Any]:
    db_type = leaf.column.db_type
    if leaf.value is None:
        return {"$nor": [{}]}  # comparing with NULL is never true
    if leaf.lookup_type == "in":
        value: Any = [to_bson(db_type, each) for each in leaf.value if each is not None]
        if value and not leaf.negated and all(each == value[0] for each in value):
            return {key: {"$eq": value[0]}}  # as any_of() would have it written
    else:
        if leaf.lookup_type != "exact":
            check_ordered(leaf.column)
        value = to_bson(db_type, leaf.value)
        if key == "_id" and leaf.lookup_type == "exact" and not leaf.negated:
            if type(value) in PLAIN_KEYS:
                return {key: value}
    if not leaf.negated:
        return {key: {OPERATORS_MAP[leaf.lookup_type]: value}}
    operator = NEGATION_MAP.get(leaf.lookup_type)
    if operator == "$ne":
        return {key: {"$nin": [value, None]}}
    if operator == "$nin":
        return {key: {"$nin": [*value, None]}}
    if db_type in ("double", "decimal"):
        return {key: {"$not": {OPERATORS_MAP[leaf.lookup_type]: value}, "$ne": None}}
    return {key: {INVERSES[leaf.lookup_type]: value}}


def check_ordered(column: Column) -> None:
    if column.db_type == "binary":
        raise NotSupportedError("MongoDB puts shorter binaries before longer ones.")


def in_range(leaf: Leaf, key: str) -> dict[str, Any]:
    check_ordered(leaf.column)
    if any(each is None for each in leaf.value):
        raise NotSupportedError("A range with NULL is left to the planner.")
    low, high = (to_bson(leaf.column.db_type, each) for each in leaf.value)
    if leaf.negated:
        return {"$or": [{key: {"$lt": low}}, {key: {"$gt": high}}]}
    return {key: {"$gte": low, "$lte": high}}


def is_null(leaf: Leaf, key: str) -> dict[str, Any]:
    return {key: {"$eq": None}} if leaf.value != leaf.negated else not_null(key)


def not_null(key: str) -> dict[str, Any]:
    return {key: {"$exists": True, "$ne": None}}


def pattern(leaf: Leaf, key: str) -> dict[str, Any]:
    if leaf.column.db_type != "string":
        raise NotSupportedError("MongoDB matches patterns on text only.")
    if leaf.value is None:
        return {"$nor": [{}]}
    text = to_bson("string", leaf.value)
    if "\0" in text:
        raise NotSupportedError("MongoDB's patterns cannot hold a NUL.")
    if leaf.lookup_type in CASELESS and ODD_CASE.search(text):
        raise NotSupportedError("MongoDB folds the case of these letters its own way.")
    if leaf.lookup_type in ("regex", "iregex"):
        expression = text
        if not reads_alike(text):
            raise NotSupportedError(
                "MongoDB reads this regular expression its own way."
            )
    else:
        expression = PATTERNS[leaf.lookup_type](escape(text))
    options = "i" if leaf.lookup_type in CASELESS else ""
    if leaf.lookup_type not in ("regex", "iregex"):
        options += "s"
    matched: dict[str, Any] = {"$regex": expression, "$options": options}
    if leaf.negated:
        return {key: {"$not": matched, "$ne": None, "$exists": True}}
    if leaf.lookup_type == "startswith" and text:
        return prefix(key, text)
    return {key: matched}


def reads_alike(expression: str) -> bool:
    """Whether a regular expression is Python's too, and means the same there."""
    try:
        re.compile(expression)
    except re.error:
        return False
    return SAFE_REGEX.fullmatch(expression) is not None


def prefix(key: str, text: str) -> dict[str, Any]:
    """Texts with this prefix, as a range: the index needs no key beyond it."""
    last = ord(text[-1])
    following = 0xE000 if last == 0xD7FF else last + 1
    if following > 0x10FFFF:
        return {key: {"$gte": text, "$regex": f"^{escape(text)}", "$options": "s"}}
    return {key: {"$gte": text, "$lt": text[:-1] + chr(following)}}


def escape(text: str) -> str:
    return re.sub(r"([.^$*+?()\[\]{}|\\/#-])", r"\\\1", text)


def date_part(leaf: Leaf, key: str) -> dict[str, Any]:
    if leaf.column.db_type not in ("date", "datetime"):
        raise NotSupportedError("MongoDB takes parts of dates only.")
    if leaf.lookup_type == "quarter":
        part: Any = {"$ceil": {"$divide": [{"$month": f"${key}"}, 3]}}
    else:
        part = {DATE_PARTS[leaf.lookup_type]: f"${key}"}
    operator = "$ne" if leaf.negated else "$eq"
    return {
        key: {"$ne": None},
        "$expr": {operator: [part, {"$literal": leaf.value}]},
    }


def compare_columns(leaf: Leaf, key_of: KeyOf) -> dict[str, Any]:
    left, right = key_of(leaf.column), key_of(leaf.value)
    table = INVERSE_COMPARISONS if leaf.negated else COMPARISONS
    operator = table.get(leaf.lookup_type)
    if operator is None or not comparable(leaf.column, leaf.value):
        raise NotSupportedError("MongoDB cannot compare these columns.")
    if leaf.lookup_type != "exact":
        check_ordered(leaf.column)
    return {
        "$and": [
            {left: {"$ne": None}},
            {right: {"$ne": None}},
            {"$expr": {operator: [f"${left}", f"${right}"]}},
        ]
    }


NUMBERS = {"int", "long", "double", "decimal"}


def comparable(left: Column, right: Column) -> bool:
    if left.db_type == "json" or right.db_type == "json":
        return False
    return left.db_type == right.db_type or {left.db_type, right.db_type} <= NUMBERS


def json_filter(leaf: Leaf, key_of: KeyOf) -> dict[str, Any]:
    """JSON columns: NULL checks, and keys found through plain paths of objects."""
    if isinstance(leaf.value, Column):
        raise NotSupportedError("MongoDB leaves JSON comparisons to the planner.")
    column = Column(leaf.column.name, leaf.column.db_type)
    key = key_of(column)
    if not leaf.column.path:
        if leaf.lookup_type == "isnull":
            return {key: {"$exists": leaf.value == leaf.negated}}
        raise NotSupportedError("MongoDB leaves whole JSON values to the planner.")
    path = json_path(key, leaf.column.path)
    # No array on the way: MongoDB would look into each of its items.
    plain = no_arrays(key, leaf.column.path)
    value = leaf.value
    if leaf.lookup_type == "isnull" and leaf.value == leaf.negated:
        return {"$and": [*plain, {path: {"$exists": True}}]}
    if leaf.negated or leaf.lookup_type != "exact" or not simple_json(value):
        raise NotSupportedError("MongoDB leaves this JSON lookup to the planner.")
    return {"$and": [{path: {"$eq": value, "$not": {"$type": "array"}}}, *plain]}


def simple_json(value: Any) -> bool:
    return type(value) in (str, int, float) and value == value


def json_path(key: str, path: tuple) -> str:
    for part in path:
        if (
            not isinstance(part, str)
            or not part
            or "." in part
            or part.startswith("$")
            or "\0" in part
            or part.lstrip("-").isdigit()
        ):
            raise NotSupportedError("MongoDB's paths cannot hold this key.")
    return ".".join((key, *path))


def no_arrays(key: str, path: tuple) -> list[dict[str, Any]]:
    parents = [".".join((key, *path[:depth])) for depth in range(len(path))]
    return [{parent: {"$not": {"$type": "array"}}} for parent in parents]


LEAVES: dict[str, Callable[[Leaf, str], dict[str, Any]]] = {
    **dict.fromkeys(OPERATORS_MAP, compare),
    **dict.fromkeys(PATTERNS, pattern),
    "regex": pattern,
    "iregex": pattern,
    "range": in_range,
    "isnull": is_null,
    **dict.fromkeys([*DATE_PARTS, "quarter"], date_part),
}
