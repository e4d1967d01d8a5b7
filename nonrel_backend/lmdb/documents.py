"""Tests of what paths lead to in documents, and their entries in indexes."""

from collections.abc import Callable
from typing import Any

from django.db import NotSupportedError

from ..conditions import Leaf
from ..documents.functions import at_path
from ..documents.testing import path_test
from .predicates import EQUAL, LEAVES, NANS, Matches, Test, never, three_valued


def prepare_path(leaf: Leaf) -> Test:
    """The test of what a path leads to in a document."""
    column = leaf.column
    value, matches = path_test(leaf, value_test, NANS.get(column.db_type, never))
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


def value_test(leaf: Leaf) -> tuple[Any, Matches]:
    db_type = leaf.column.db_type
    build = LEAVES.get(leaf.lookup_type)
    if build is None or db_type not in EQUAL:
        raise NotSupportedError(f"LMDB has no {leaf.lookup_type!r} on {db_type}.")
    value, matches = build(leaf)
    return value, three_valued(matches, db_type, False)


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
