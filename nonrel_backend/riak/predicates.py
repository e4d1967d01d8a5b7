"""Predicates: conditions as Python functions of stored rows.

They follow SQL's three-valued logic exactly. NaN counts as NULL, as in SQLite, which
evaluates what the store does not.
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
from ..documents.predicates import path_test
from ..values import comparisons
from ..values.comparisons import FOLDED, TEXT
from ..values.folding import fold
from .table import Row
from .terms import is_nan
from .values import FORMS

Matches = Callable[[dict[str, Any]], bool]
COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    **comparisons.COMPARISONS,
    "in": lambda value, wanted: value in wanted,
    "range": lambda value, wanted: wanted[0] <= value <= wanted[1],
}
# Types whose stored form does not compare like the value.
COMPARABLE: dict[str, Callable[[Any], Any]] = {
    "decimal": Decimal,
    "double": float,
    "binary": base64.b64decode,
}
# Types whose values are compared and sorted.
COMPARED = {
    *("int", "long", "double", "decimal", "string", "date", "datetime", "time"),
    *("duration", "bool", "uuid", "binary"),
}


@dataclass(frozen=True, slots=True, eq=False)
class Predicate:
    """A leaf of a condition, with its value or list of values in stored form."""

    column: str
    db_type: str
    lookup_type: str
    value: Any
    negated: bool
    matches: Matches
    # The document path of the value, if it is inside a document.
    path: tuple = ()


@dataclass(frozen=True, slots=True, eq=False)
class CompoundPredicate:
    """Predicates joined by AND or OR."""

    connector: str
    children: "list[Predicate | CompoundPredicate]"
    matches: Matches


def prepare(condition: Condition) -> Predicate | CompoundPredicate:
    """Return the predicate of a condition.

    Raise NotSupportedError, with the reason, if Riak's scans do not evaluate it.
    """
    if isinstance(condition, Node):
        children = [prepare(each) for each in condition.children]
        parts = [each.matches for each in children]
        every = all if condition.connector == "AND" else any

        def matches(row: Row) -> bool:
            return every(part(row) for part in parts)

        return CompoundPredicate(condition.connector, children, matches)
    if condition.column.path:
        return document_predicate(condition)
    return prepare_leaf(condition)


def prepare_leaf(leaf: Leaf) -> Predicate:
    if isinstance(leaf.value, Column):
        raise NotSupportedError(
            f"Riak does not compare {leaf.column} with {leaf.value}, another column"
        )
    if leaf.lookup_type == "isnull":
        return null_predicate(leaf)
    if leaf.column.db_type not in COMPARED:
        raise unsupported_lookup(leaf)
    return value_predicate(leaf)


def unsupported_lookup(leaf: Leaf) -> NotSupportedError:
    return NotSupportedError(
        f"Riak does not evaluate {leaf.lookup_type!r} on {leaf.column} "
        f"({leaf.column.db_type})"
    )


def null_predicate(leaf: Leaf) -> Predicate:
    column, db_type = leaf.column.name, leaf.column.db_type
    wanted = leaf.value != leaf.negated

    def matches(row: Row) -> bool:
        value = row.get(column)
        if db_type == "json":
            return (column not in row) == wanted
        return (value is None or is_nan(db_type, value)) == wanted

    return Predicate(column, db_type, "isnull", wanted, False, matches)


def value_predicate(leaf: Leaf) -> Predicate:
    column, db_type = leaf.column.name, leaf.column.db_type
    negated = leaf.negated
    convert = COMPARABLE.get(db_type)
    try:
        stored, compare, wanted = comparison(leaf)
    except (TypeError, ValueError, ArithmeticError, DataError) as error:
        raise NotSupportedError(
            f"Riak does not compare {leaf.column} ({db_type}) with {leaf.value!r}"
        ) from error

    def matches(row: Row) -> bool:
        value = row.get(column)
        if value is None or is_nan(db_type, value):
            return False
        if convert is not None:
            value = convert(value)
        return compare(value, wanted) != negated

    return Predicate(column, db_type, leaf.lookup_type, stored, negated, matches)


def document_predicate(leaf: Leaf) -> Predicate:
    """Return the predicate of a condition on a value inside a document."""
    column = leaf.column
    name, db_type = column.name, column.db_type

    def of_column(leaf: Leaf) -> tuple[Any, Callable[[Any], bool]]:
        predicate = prepare_leaf(leaf)
        return predicate.value, lambda value: predicate.matches({name: value})

    value, matches = path_test(leaf, of_column, partial(is_nan, db_type))
    negated = leaf.negated
    if leaf.lookup_type == "isnull":
        value, negated = value != negated, False
    return Predicate(
        name,
        db_type,
        leaf.lookup_type,
        value,
        negated,
        lambda row: matches(row.get(name)),
        column.path,
    )


def comparison(leaf: Leaf) -> tuple[Any, Callable[[Any, Any], bool], Any]:
    """Return (stored value, function that compares, value to compare with)."""
    db_type, lookup_type, value = leaf.column.db_type, leaf.lookup_type, leaf.value
    if lookup_type in TEXT or lookup_type in FOLDED:
        if db_type != "string":
            raise NotSupportedError(
                f"Riak evaluates {lookup_type!r} on text only, not on {leaf.column} "
                f"({db_type})"
            )
        if value is None:
            raise compared_with(leaf, "NULL")
        if lookup_type in TEXT:
            return str(value), TEXT[lookup_type], str(value)
        compare, wanted = FOLDED[lookup_type], fold(str(value))
        return wanted, lambda found, text: compare(fold(found), text), wanted
    if lookup_type not in COMPARISONS:
        raise unsupported_lookup(leaf)
    convert = COMPARABLE.get(db_type, same)
    compare = COMPARISONS[lookup_type]
    if lookup_type == "in":
        stored = [FORMS.to_stored(db_type, each) for each in value if each is not None]
        stored = [each for each in stored if not is_nan(db_type, each)]
        return stored, compare, set(map(convert, stored))
    values = value if lookup_type == "range" else [value]
    if None in values:
        raise compared_with(leaf, "NULL")
    stored = [FORMS.to_stored(db_type, each) for each in values]
    if any(is_nan(db_type, each) for each in stored):
        raise compared_with(leaf, "NaN")
    if lookup_type == "range":
        return stored, compare, list(map(convert, stored))
    return stored[0], compare, convert(stored[0])


def compared_with(leaf: Leaf, what: str) -> NotSupportedError:
    return NotSupportedError(
        f"Riak does not evaluate {leaf.lookup_type!r} of {leaf.column} with {what}"
    )


def same(value: Any) -> Any:
    return value


def sort_key(column: Column) -> Callable[[dict[str, Any]], Any]:
    """Return the sort key of a row for one column: NULL sorts before every value."""
    name, db_type, path = column.name, column.db_type, column.path
    convert = COMPARABLE.get(db_type, same)

    def key(row: Row) -> Any:
        value = row.get(name)
        if path:
            value = next(at_path(value, path), None)
        if value is None or is_nan(db_type, value):
            return (False, 0)
        return (True, convert(value))

    return key
