"""Conditions on document paths as predicates, for stores that filter rows in Python."""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from django.db import NotSupportedError

from ..conditions import Column, Leaf
from .functions import at_path
from .matching import raw_matches

Predicate = Callable[[Any], bool]
# A condition's value as it is stored, and the predicate of what the condition is on.
Prepared = tuple[Any, Predicate]

# Keys and texts that SQLite reads in a JSON path, and in JSON, just as they are.
PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z_0-9]*")
PLAIN_TEXT = re.compile(
    r"(?!(?:true|false|null)\Z|[\[{])[\1-\ud7ff\ue000-\uffff]*", re.DOTALL
)
# Larger whole numbers are not told apart as floating point numbers.
LARGEST_EXACT = 1 << 53


def path_test(
    leaf: Leaf, column_test: Callable[[Leaf], Prepared], is_nan: Predicate
) -> Prepared:
    """Return the predicate of a column's documents, or NULL, for a condition on a path.

    `column_test` returns the predicate of values that are not NULL for a condition on a
    column. `is_nan` tells the values that SQL takes for NULL. Raise NotSupportedError
    for conditions that the planner has to evaluate.
    """
    column, path = leaf.column, leaf.column.path
    if column.db_type == "json":
        return json_test(leaf)
    if isinstance(leaf.value, Column):
        raise NotSupportedError(f"There is no predicate for {leaf.column}.")
    plain = replace(leaf, column=Column(column.name, column.db_type), negated=False)
    negated = leaf.negated
    if leaf.lookup_type == "isnull":
        empty = leaf.value != negated
        return (
            leaf.value,
            lambda document: all(map(is_nan, at_path(document, path))) == empty,
        )
    if leaf.lookup_type == "contained_by":
        _, is_wanted = column_test(replace(plain, lookup_type="in"))
        return (
            leaf.value,
            lambda document: (
                negated
                != any(
                    all(each is not None and is_wanted(each) for each in items)
                    for items in at_path(document, path[:-1])
                )
            ),
        )
    if column.db_type == "raw":
        value, test = leaf.value, raw_test(plain)
    else:
        value, test = column_test(plain)
    if column.is_many or not negated:
        return (
            value,
            lambda document: negated != any(map(test, at_path(document, path))),
        )
    return value, lambda document: any(
        not is_nan(each) and not test(each) for each in at_path(document, path)
    )


def json_test(leaf: Leaf) -> Prepared:
    """Return the predicate for a key of a JSONField that equals a number or a text.

    Raise NotSupportedError for what SQLite compares in a form of its own: true, false,
    null, lists and objects are their JSON text there.
    """
    wanted, path = leaf.value, leaf.column.path
    kinds: tuple[type, ...] = ()
    if type(wanted) is int and abs(wanted) <= LARGEST_EXACT:
        kinds = (int, float)
    elif type(wanted) is str and PLAIN_TEXT.fullmatch(wanted):
        kinds = (str,)
    if (
        not kinds
        or leaf.lookup_type != "exact"
        or leaf.negated
        or not all(type(key) is str and PLAIN_KEY.fullmatch(key) for key in path)
    ):
        raise NotSupportedError(f"There is no predicate for {leaf.column}.")

    def matches(value: Any) -> bool:
        for key in path:
            if type(value) is not dict:
                return False
            value = value.get(key)
        return value == wanted and type(value) in kinds

    return wanted, matches


def raw_test(leaf: Leaf) -> Predicate:
    """Return the predicate of values without a declared type."""
    lookup_type, wanted = leaf.lookup_type, leaf.value
    return lambda value: raw_matches(lookup_type, value, wanted)
