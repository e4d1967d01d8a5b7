"""Indexes on Lower(), Upper() and Reverse() of a text column, and descending indexes.

The first two hold the text with its case folded, and serve iexact and istartswith. The
third holds the text backwards, and serves endswith. A descending index serves ordering.
"""

import re
from collections.abc import Callable
from typing import Any

from ..values.folding import fold
from .terms import SORTED, descending, escaped, term

# The SQL of such an expression in the catalog.
SQL = re.compile(r'\(?(?P<function>LOWER|UPPER|REVERSE)\("(?P<column>[^"]+)"\)\)?')
KINDS = {"LOWER": "folded", "UPPER": "folded", "REVERSE": "reversed"}
TRANSFORMS: dict[str, Callable[[Any], Any]] = {
    "folded": fold,
    "reversed": lambda text: text[::-1],
}
# The kind of a descending index, on a column of any type in SORTED.
DESCENDING = "descending"
# (column, kind)
Transform = tuple[str, str]


def transform_of(part: Any) -> Transform | None:
    """Return (column, kind) of a part of an index, None for any other part."""
    found = (
        SQL.fullmatch(part["sql"]) if isinstance(part, dict) and "sql" in part else None
    )
    return (found["column"], KINDS[found["function"]]) if found else None


def transforms_in(index: dict[str, Any]) -> set[Transform]:
    """Return the transforms of an index of the catalog."""
    found = {transform_of(part) for part in index["parts"]}
    for part, is_descending in zip(index["parts"], index["descending"], strict=True):
        if is_descending and isinstance(part, str):
            found.add((part, DESCENDING))
    return {each for each in found if each is not None}


def is_possible(kind: str, db_type: str | None) -> bool:
    """Return whether a column of this type can have such an index."""
    return db_type in SORTED if kind == DESCENDING else db_type == "string"


def index_of(column: str, kind: str) -> bytes:
    return escaped(f"{column.lower()}.{kind}_bin")


def term_of(kind: str, db_type: str, value: Any) -> bytes:
    if kind == DESCENDING:
        return descending(db_type, term(db_type, value))
    return escaped(TRANSFORMS[kind](value))
