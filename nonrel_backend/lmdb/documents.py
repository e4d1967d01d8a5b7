"""Tests of what paths lead to in documents, and their entries in indexes."""

from collections.abc import Callable
from typing import Any

from django.db import NotSupportedError

from ..documents.functions import at_path
from ..documents.matching import raw_matches
from ..planner.conditions import Column, Leaf
from .predicates import (
    COMPARABLE,
    EQUAL,
    LEAVES,
    NANS,
    Matches,
    Test,
    in_list,
    never,
    same,
    three_valued,
)


def prepare_path(leaf: Leaf) -> Test:
    """The test of what a path leads to in a document."""
    column = leaf.column
    if isinstance(leaf.value, Column) or column.db_type == "json":
        raise NotSupportedError("LMDB leaves this to the planner.")
    build = BUILDERS.get(leaf.lookup_type, lookup)
    value, matches = build(leaf)
    return Test(
        leaf,
        column.name,
        column.db_type,
        leaf.lookup_type,
        value,
        leaf.negated,
        matches,
        path=column.path,
    )


def is_null(leaf: Leaf) -> tuple[Any, Matches]:
    path, empty = leaf.column.path, leaf.value != leaf.negated
    nan = NANS.get(leaf.column.db_type, never)
    return leaf.value, lambda document: all(map(nan, at_path(document, path))) == empty


def contained_by(leaf: Leaf) -> tuple[Any, Matches]:
    """Whether all items of a list at the path are among these."""
    path, negated = leaf.column.path[:-1], leaf.negated
    convert = COMPARABLE.get(leaf.column.db_type, same)
    wanted = set(map(convert, in_list(plain(leaf))[0]))

    def matches(document):
        return negated != any(
            all(each is not None and convert(each) in wanted for each in items)
            for items in at_path(document, path)
        )

    return leaf.value, matches


def lookup(leaf: Leaf) -> tuple[Any, Matches]:
    path, negated = leaf.column.path, leaf.negated
    value, test = item_test(leaf)
    if leaf.column.is_many:
        return (
            value,
            lambda document: negated != any(map(test, at_path(document, path))),
        )
    return value, lambda document: any(map(test, at_path(document, path)))


def item_test(leaf: Leaf) -> tuple[Any, Matches]:
    """The value as it is stored, and the test of one value, never None."""
    db_type, lookup_type = leaf.column.db_type, leaf.lookup_type
    negated = leaf.negated and not leaf.column.is_many
    if db_type == "raw":
        wanted = leaf.value
        return wanted, lambda v: raw_matches(lookup_type, v, wanted) != negated
    build = LEAVES.get(lookup_type)
    if build is None or db_type not in EQUAL:
        raise NotSupportedError(f"LMDB has no {lookup_type!r} on {db_type}.")
    value, matches = build(plain(leaf))
    return value, three_valued(matches, db_type, negated)


def plain(leaf: Leaf) -> Leaf:
    """The same lookup on a column."""
    column = Column(leaf.column.name, leaf.column.db_type)
    return Leaf(column, leaf.lookup_type, leaf.value)


BUILDERS: dict[str, Callable[[Leaf], tuple[Any, Matches]]] = {
    "isnull": is_null,
    "contained_by": contained_by,
}


# --- in indexes ---


def path_encoder(path: tuple, encode: Callable[[Any], bytes]):
    """The function of a document that encodes what a path leads to."""
    return lambda document: encode(next(at_path(document, path), None))


def items_encoder(path: tuple, encode: Callable[[Any], bytes]):
    """The function of a document that encodes all that a path leads to, or NULL."""

    def encoded(document: Any) -> list[bytes]:
        found = {encode(value) for value in at_path(document, path)}
        return list(found) or [encode(None)]

    return encoded
