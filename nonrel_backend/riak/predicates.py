"""Conditions as Python functions of stored rows, exact under three-valued logic.

NaN is as NULL here, as it is in SQLite, by which all else is finished.
"""

import base64
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Any

from django.db import DataError, NotSupportedError

from ..conditions import Column, Condition, Leaf, Node
from ..documents.functions import at_path
from ..documents.testing import path_test
from ..values import comparisons
from ..values.comparisons import FOLDED, TEXT
from ..values.folding import fold
from .terms import is_nan
from .values import to_stored

Matches = Callable[[dict[str, Any]], bool]
COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    **comparisons.COMPARISONS,
    "in": lambda value, wanted: value in wanted,
    "range": lambda value, wanted: wanted[0] <= value <= wanted[1],
}
# Types whose stored form does not compare as the value does.
COMPARABLE: dict[str, Callable[[Any], Any]] = {
    "decimal": Decimal,
    "double": float,
    "binary": base64.b64decode,
}
COMPARED = {
    *("int", "long", "double", "decimal", "string", "date", "datetime", "time"),
    *("duration", "bool", "uuid", "binary"),
}


@dataclass(frozen=True, slots=True)
class Test:
    """A leaf with its value, or its list of values, as it is stored."""

    column: str
    db_type: str
    lookup_type: str
    value: Any
    negated: bool
    matches: Matches
    # What of the column is tested.
    path: tuple = ()


@dataclass(frozen=True, slots=True)
class Tests:
    """AND or OR of tests."""

    connector: str
    children: list
    matches: Matches


def prepare(condition: Condition) -> Test | Tests:
    """The condition's tests; NotSupportedError where it is left to the planner."""
    if isinstance(condition, Node):
        children = [prepare(each) for each in condition.children]
        parts = [each.matches for each in children]
        every = all if condition.connector == "AND" else any

        def matches(row):
            return every(part(row) for part in parts)

        return Tests(condition.connector, children, matches)
    return (
        document_test(condition) if condition.column.path else prepare_leaf(condition)
    )


def prepare_leaf(leaf: Leaf) -> Test:
    if isinstance(leaf.value, Column):
        raise NotSupportedError("Riak has no filter between columns.")
    if leaf.lookup_type == "isnull":
        return null_test(leaf)
    if leaf.column.db_type not in COMPARED:
        raise NotSupportedError(f"Riak has no filter on {leaf.column.db_type}.")
    return value_test(leaf)


def null_test(leaf: Leaf) -> Test:
    column, db_type = leaf.column.name, leaf.column.db_type
    wanted = leaf.value != leaf.negated

    def matches(row):
        value = row.get(column)
        if db_type == "json":
            return (column not in row) == wanted
        return (value is None or is_nan(db_type, value)) == wanted

    return Test(column, db_type, "isnull", wanted, False, matches)


def value_test(leaf: Leaf) -> Test:
    column, db_type = leaf.column.name, leaf.column.db_type
    negated = leaf.negated
    convert = COMPARABLE.get(db_type)
    try:
        stored, compare, wanted = comparison(leaf)
    except (TypeError, ValueError, ArithmeticError, DataError) as error:
        raise NotSupportedError("The local engine compares values of all kinds.") from (
            error
        )

    def matches(row):
        value = row.get(column)
        if value is None or is_nan(db_type, value):
            return False
        if convert is not None:
            value = convert(value)
        return compare(value, wanted) != negated

    return Test(column, db_type, leaf.lookup_type, stored, negated, matches)


def document_test(leaf: Leaf) -> Test:
    """The test of what a path leads to in a document."""
    column = leaf.column
    name, db_type = column.name, column.db_type

    def column_test(leaf: Leaf):
        test = prepare_leaf(leaf)
        return test.value, lambda value: test.matches({name: value})

    value, matches = path_test(leaf, column_test, partial(is_nan, db_type))
    negated = leaf.negated
    if leaf.lookup_type == "isnull":
        value, negated = value != negated, False
    return Test(
        name,
        db_type,
        leaf.lookup_type,
        value,
        negated,
        lambda row: matches(row.get(name)),
        column.path,
    )


def comparison(leaf: Leaf) -> tuple[Any, Callable[[Any, Any], bool], Any]:
    """(stored value, how to compare, with what)."""
    db_type, lookup_type, value = leaf.column.db_type, leaf.lookup_type, leaf.value
    if lookup_type in TEXT or lookup_type in FOLDED:
        if db_type != "string" or value is None:
            raise NotSupportedError("Riak matches patterns on text only.")
        if lookup_type in TEXT:
            return str(value), TEXT[lookup_type], str(value)
        compare, wanted = FOLDED[lookup_type], fold(str(value))
        return wanted, lambda found, text: compare(fold(found), text), wanted
    if lookup_type not in COMPARISONS:
        raise NotSupportedError(f"Riak has no lookup {lookup_type!r}.")
    convert = COMPARABLE.get(db_type, same)
    compare = COMPARISONS[lookup_type]
    if lookup_type == "in":
        stored = [to_stored(db_type, each) for each in value if each is not None]
        stored = [each for each in stored if not is_nan(db_type, each)]
        return stored, compare, set(map(convert, stored))
    values = value if lookup_type == "range" else [value]
    if None in values:
        raise NotSupportedError("What is compared with NULL is left to the planner.")
    stored = [to_stored(db_type, each) for each in values]
    if any(is_nan(db_type, each) for each in stored):
        raise NotSupportedError("What is compared with NaN is left to the planner.")
    if lookup_type == "range":
        return stored, compare, list(map(convert, stored))
    return stored[0], compare, convert(stored[0])


def same(value: Any) -> Any:
    return value


def sort_key(column: Column) -> Callable[[dict[str, Any]], Any]:
    """What rows are sorted by: NULL comes before every value."""
    name, db_type, path = column.name, column.db_type, column.path
    convert = COMPARABLE.get(db_type, same)

    def key(row):
        value = row.get(name)
        if path:
            value = next(at_path(value, path), None)
        if value is None or is_nan(db_type, value):
            return (False, 0)
        return (True, convert(value))

    return key
