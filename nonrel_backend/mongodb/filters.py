"""Conditions as MongoDB filters, exact under SQL's three-valued logic.

What MongoDB would answer otherwise raises NotSupportedError, whose text says why.
"""

import re
import sys
from collections.abc import Callable
from typing import Any

from bson import ObjectId
from django.db import NotSupportedError

from ..conditions import Column, Condition, Leaf, Node
from ..values.patterns import cost, literal_prefix
from .keeping import other_json
from .naming import column_name, lookup_name
from .paths import COMPARISONS, INVERSES, document_filter, path_filter
from .precision import microseconds_at
from .values import to_bson

KeyOf = Callable[[Column], str]

OPERATORS_MAP: dict[str, str] = {**COMPARISONS, "in": "$in"}
NAN = float("nan")
# A filter that no document satisfies.
NOTHING: dict[str, Any] = {"$nor": [{}]}
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
# Characters other than these may fold their case differently in Python and in the
# server's PCRE: ASCII, Latin-1, Greek and Cyrillic letters with one lower case, and
# scripts without case.
ODD_CASE = re.compile(
    "[^\x00-\x7f\u00c0-\u00d6\u00d8-\u00de\u00e0-\u00f6\u00f8-\u00fe"
    "\u0391-\u03a1\u03a3-\u03a9\u03b1-\u03c1\u03c3-\u03c9\u0410-\u044f"
    "\u4e00-\u9fff\u3040-\u30ff]"
)
# Regular expressions that mean the same in Python and in PCRE. Of groups with a "?",
# only "(?:" is among them: PCRE refuses some, as "(?a)".
SAFE_REGEX = re.compile(
    r"(?:[\w\s<>@#%&=!:;,'\"~/`-]|\\[.^$*+?()\[\]{}|\\/-]|[.^$*+?|]"
    r"|\((?:\?:)?(?!\?)|\)|\[\^?[\w\s.,:;@#%&=+*!-]+\]|\{\d+(?:,\d*)?\})*",
    re.ASCII,
)
# Fewer steps than any server gives a search up after: some do after 4,000 nested ones.
MOST_STEPS = 1_000
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
# Types of keys that no server reads as an operator. They need no $eq, and the server
# has a fast path for {"_id": key}.
PLAIN_KEYS = (int, str, ObjectId)


def to_filter(condition: Condition, key_of: KeyOf) -> dict[str, Any]:
    """Return the filter document for a condition.

    `key_of(column)` is the key under which documents hold a column. Raise
    NotSupportedError if no filter is exact.
    """
    if isinstance(condition, Node):
        parts = [to_filter(child, key_of) for child in condition.children]
        if not parts:
            return {} if condition.connector == "AND" else NOTHING
        return {"$and": parts} if condition.connector == "AND" else any_of(parts)
    if condition.column.db_type == "json":
        return json_filter(condition, key_of)
    if condition.column.path:
        column = Column(condition.column.name, condition.column.db_type)
        return path_filter(condition, key_of(column), leaf_filter)
    if isinstance(condition.value, Column):
        if condition.value.path:
            raise NotSupportedError(
                f"MongoDB does not compare {column_name(condition.column)} with "
                f"{column_name(condition.value)}, which lies inside a document"
            )
        return compare_columns(condition, key_of)
    key = key_of(condition.column)
    found = leaf_filter(condition, key)
    if isinstance(key, MemberKey) and condition.lookup_type != "isnull":
        # The backend's own documents hold the column beside the `_id` as well, where
        # an index can serve.
        name = key.removeprefix("_id.")
        beside = leaf_filter(condition, name)
        return {"$or": [beside, {"$and": [{name: None}, found]}]}
    return found


class MemberKey(str):
    """The path of a column of a composite key, which is in the `_id`."""

    __slots__ = ()


class MomentKey(str):
    """The key of a column of datetimes that has a hidden one."""

    __slots__ = ()


class NumberedKey(str):
    """The key of a column of booleans that may have numbers among them."""

    __slots__ = ()


class FloatKey(str):
    """The key of a column of floats that may have NaN among them, which is NULL."""

    __slots__ = ()


def nulls(key: str) -> list[Any]:
    """Return the values that SQL takes for NULL."""
    return [None, NAN] if isinstance(key, FloatKey) else [None]


def leaf_filter(condition: Leaf, key: str) -> dict[str, Any]:
    """Return the filter document for one lookup on one key."""
    if condition.column.db_type == "document":
        return document_filter(condition, key)
    translate = LEAVES.get(condition.lookup_type)
    if translate is None:
        raise NotSupportedError(f"MongoDB has no operator for {lookup_name(condition)}")
    return translate(condition, key)


def any_of(parts: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the OR of filters, each of them once.

    Servers with the bug SERVER-84013 answer repeated parts of an $or with the index
    bounds of another column.
    """
    distinct = list({repr(part): part for part in parts}.values())
    return {"$or": distinct} if len(distinct) > 1 else distinct[0]


def compare(leaf: Leaf, key: str) -> dict[str, Any]:
    db_type = leaf.column.db_type
    if isinstance(key, NumberedKey) and leaf.lookup_type in ("exact", "in"):
        return truth(leaf, key)
    if leaf.value is None:
        return NOTHING  # comparing with NULL is never true
    if leaf.lookup_type == "in":
        value: Any = [to_bson(db_type, each) for each in leaf.value if each is not None]
        if value and not leaf.negated and all(each == value[0] for each in value):
            return {key: {"$eq": value[0]}}  # SERVER-84013: see any_of()
    else:
        if leaf.lookup_type != "exact":
            require_ordered(leaf.column)
        value = to_bson(db_type, leaf.value)
        if key == "_id" and leaf.lookup_type == "exact" and not leaf.negated:
            if type(value) in PLAIN_KEYS:
                return {key: value}
    if not leaf.negated:
        return {key: {OPERATORS_MAP[leaf.lookup_type]: value}}
    if leaf.lookup_type == "exact":
        return {key: {"$nin": [value, *nulls(key)]}}
    if leaf.lookup_type == "in":
        return {key: {"$nin": [*value, *nulls(key)]}}
    return {key: {INVERSES[OPERATORS_MAP[leaf.lookup_type]]: value}}


def truth(leaf: Leaf, key: str) -> dict[str, Any]:
    """Return the filter for booleans, as which 1 and 0 are read too."""
    values = [leaf.value] if leaf.lookup_type == "exact" else leaf.value
    wanted = {bool(value) for value in values if value is not None}
    found = [form for value in sorted(wanted) for form in (value, int(value))]
    if leaf.negated:
        return {key: {"$nin": [*found, None]}} if leaf.value is not None else NOTHING
    return {key: {"$in": found}}


def require_ordered(column: Column) -> None:
    """Raise NotSupportedError if MongoDB orders the column otherwise than SQLite."""
    if column.db_type == "binary":
        raise NotSupportedError(
            f"MongoDB orders binary values, as in {column_name(column)}, by their "
            "length first"
        )


def in_range(leaf: Leaf, key: str) -> dict[str, Any]:
    require_ordered(leaf.column)
    if any(each is None for each in leaf.value):
        raise NotSupportedError(
            f"MongoDB is not asked for the range of {lookup_name(leaf)}, of which an "
            "end is NULL"
        )
    low, high = (to_bson(leaf.column.db_type, each) for each in leaf.value)
    if leaf.negated:
        return {"$or": [{key: {"$lt": low}}, {key: {"$gt": high}}]}
    return {key: {"$gte": low, "$lte": high}}


def is_null(leaf: Leaf, key: str) -> dict[str, Any]:
    if isinstance(key, FloatKey):
        operator = "$in" if leaf.value != leaf.negated else "$nin"
        return {key: {operator: nulls(key)}}
    return {key: {"$eq": None}} if leaf.value != leaf.negated else not_null(key)


def not_null(key: str) -> dict[str, Any]:
    return {key: {"$exists": True, "$ne": None}}


def pattern(leaf: Leaf, key: str) -> dict[str, Any]:
    if leaf.column.db_type != "string":
        raise NotSupportedError(
            f"MongoDB matches patterns on text only, not in {lookup_name(leaf)}"
        )
    if leaf.value is None:
        return NOTHING
    text = to_bson("string", leaf.value)
    if "\0" in text:
        raise NotSupportedError(
            f"MongoDB's patterns cannot hold the NUL in {lookup_name(leaf)}"
        )
    if leaf.lookup_type in CASELESS and ODD_CASE.search(text):
        raise NotSupportedError(
            f"MongoDB folds the case of {text!r} in {lookup_name(leaf)} otherwise "
            "than Python"
        )
    if leaf.lookup_type in ("regex", "iregex"):
        return regular_expression(leaf, key, text)
    expression = PATTERNS[leaf.lookup_type](escape(text))
    options = "is" if leaf.lookup_type in CASELESS else "s"
    if leaf.lookup_type == "startswith" and text and not leaf.negated:
        return prefix(key, text)
    return matched(leaf, key, expression, options)


def matched(leaf: Leaf, key: str, expression: str, options: str) -> dict[str, Any]:
    found: dict[str, Any] = {"$regex": expression, "$options": options}
    if leaf.negated:
        return {key: {"$not": found, "$ne": None, "$exists": True}}
    return {key: found}


def regular_expression(leaf: Leaf, key: str, text: str) -> dict[str, Any]:
    """Return the filter of a regular expression.

    The server gives a search up after so many steps, and `$regex` takes that for no
    match. `$regexMatch` raises an error, but reads each text at twice the cost: it is
    for patterns with a repetition, whose steps grow with the text.
    """
    if not reads_alike(text):
        raise NotSupportedError(
            f"MongoDB may read the regular expression {text!r} of {lookup_name(leaf)} "
            "otherwise than Python"
        )
    factor, degree = cost(text)
    if factor > MOST_STEPS or degree > 1:
        raise NotSupportedError(
            f"MongoDB may give up the search for the regular expression {text!r} of "
            f"{lookup_name(leaf)}, which may take many steps"
        )
    options = "i" if leaf.lookup_type == "iregex" else ""
    if degree == 0:
        return matched(leaf, key, text, options)
    # A text column of another program may hold anything: it is looked at only if text.
    is_text = {"$eq": [{"$type": f"${key}"}, "string"]}
    search = {"input": f"${key}", "regex": text, "options": options}
    found: dict[str, Any] = {"$regexMatch": search}
    if leaf.negated:
        found = {"$not": [found]}
    first = literal_prefix(text) if not leaf.negated and not options else ""
    indexed = prefix(key, first) if first else {}
    return {**indexed, "$expr": {"$cond": [is_text, found, False]}}


def reads_alike(expression: str) -> bool:
    """Return whether a regular expression is valid in Python, with the same meaning."""
    try:
        re.compile(expression)
    except re.error:
        return False
    return SAFE_REGEX.fullmatch(expression) is not None


def prefix(key: str, text: str) -> dict[str, Any]:
    """Return the filter for texts with a prefix, as a range.

    An index scan of a range reads no key beyond it; one for a pattern reads one more.
    """
    following = after_prefix(text)
    if following is None:
        return {key: {"$gte": text, "$regex": f"^{escape(text)}", "$options": "s"}}
    return {key: {"$gte": text, "$lt": following}}


def after_prefix(text: str) -> str | None:
    """Return the first text after those with a prefix, None if none is so simple."""
    last = ord(text[-1])
    # The code points between these two are surrogates, which UTF-8 cannot hold.
    following = 0xE000 if last == 0xD7FF else last + 1
    return None if following > sys.maxunicode else text[:-1] + chr(following)


def escape(text: str) -> str:
    """Return the text as a regular expression that matches just this text."""
    return re.sub(r"([.^$*+?()\[\]{}|\\/#-])", r"\\\1", text)


def date_part(leaf: Leaf, key: str) -> dict[str, Any]:
    if leaf.column.db_type not in ("date", "datetime"):
        raise NotSupportedError(
            f"MongoDB takes parts of dates only, not in {lookup_name(leaf)}"
        )
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
    operator = COMPARISONS.get(leaf.lookup_type)
    if operator is None or not comparable(leaf.column, leaf.value):
        raise NotSupportedError(
            f"MongoDB does not compare {lookup_name(leaf)} with "
            f"{column_name(leaf.value)} as SQLite does"
        )
    if leaf.negated:
        operator = INVERSES[operator]
    if leaf.lookup_type != "exact":
        require_ordered(leaf.column)
    sides = [value_at(leaf.column, left), value_at(leaf.value, right)]
    return {
        "$and": [
            {left: {"$ne": None}},
            {right: {"$ne": None}},
            {"$expr": {operator: sides}},
        ]
    }


def value_at(column: Column, key: str) -> Any:
    """Return the expression for a column that is compared with another."""
    if column.db_type == "datetime":
        return microseconds_at(key, isinstance(key, MomentKey))
    return f"${key}"


NUMBERS = {"int", "long", "double", "decimal"}


def comparable(left: Column, right: Column) -> bool:
    """Return whether MongoDB compares values of the two columns as SQL does."""
    if left.db_type == "json" or right.db_type == "json":
        return False
    return left.db_type == right.db_type or {left.db_type, right.db_type} <= NUMBERS


def json_filter(leaf: Leaf, key_of: KeyOf) -> dict[str, Any]:
    """Return the filter for a lookup on a JSON column.

    Only `isnull`, and `exact` on a path through plain keys of objects, are exact.
    """
    if isinstance(leaf.value, Column):
        raise NotSupportedError(
            f"MongoDB does not compare the JSON of {column_name(leaf.column)} with "
            f"{column_name(leaf.value)} as SQLite does"
        )
    column = Column(leaf.column.name, leaf.column.db_type)
    key = key_of(column)
    if not leaf.column.path:
        if leaf.lookup_type == "isnull":
            return {key: {"$exists": leaf.value == leaf.negated}}
        raise NotSupportedError(
            f"MongoDB does not compare whole JSON values, as in {lookup_name(leaf)}, "
            "as SQLite does"
        )
    path = json_path(key, leaf.column.path)
    # MongoDB would look into each item of an array on the path.
    plain = no_arrays(key, leaf.column.path)
    value = leaf.value
    if leaf.lookup_type == "isnull" and leaf.value == leaf.negated:
        return {"$and": [*plain, {path: {"$exists": True}}]}
    if leaf.negated or leaf.lookup_type != "exact" or not simple_json(value):
        negation = "NOT " if leaf.negated else ""
        raise NotSupportedError(
            f"MongoDB does not answer {negation}{lookup_name(leaf)} on JSON as SQLite "
            "does"
        )
    other = other_json(value)
    # An ObjectId or a date is read as its text.
    equal = {"$eq": value} if other is value else {"$in": [value, other]}
    return {"$and": [{path: {**equal, "$not": {"$type": "array"}}}, *plain]}


def simple_json(value: Any) -> bool:
    """Return whether MongoDB compares a JSON value as SQLite does; NaN is none."""
    return type(value) in (str, int, float) and value == value


def json_path(key: str, path: tuple) -> str:
    """Return a path in a JSON column in MongoDB's dotted notation.

    Raise NotSupportedError for a part that MongoDB would read otherwise.
    """
    for part in path:
        if (
            not isinstance(part, str)
            or not part
            or "." in part
            or part.startswith("$")
            or "\0" in part
            or part.lstrip("-").isdigit()
        ):
            raise NotSupportedError(
                f"MongoDB's paths cannot hold the key {part!r} of {key}"
            )
    return ".".join((key, *path))


def no_arrays(key: str, path: tuple) -> list[dict[str, Any]]:
    """Return filters which say that no value on the way of a path is an array."""
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
