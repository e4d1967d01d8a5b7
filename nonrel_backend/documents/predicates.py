"""Conditions on document paths as predicates, for stores that filter rows in Python."""

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


def path_test(
    leaf: Leaf, column_test: Callable[[Leaf], Prepared], is_nan: Predicate
) -> Prepared:
    """Return the predicate of a column's documents, or NULL, for a condition on a path.

    `column_test` returns the predicate of values that are not NULL for a condition on a
    column. `is_nan` tells the values that SQL takes for NULL. Raise NotSupportedError
    for conditions that the planner has to evaluate.
    """
    column, path = leaf.column, leaf.column.path
    if isinstance(leaf.value, Column) or column.db_type == "json":
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


def raw_test(leaf: Leaf) -> Predicate:
    """Return the predicate of values without a declared type."""
    lookup_type, wanted = leaf.lookup_type, leaf.value
    return lambda value: raw_matches(lookup_type, value, wanted)
