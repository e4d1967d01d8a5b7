"""Indexes on Lower(), Upper() and Reverse() of a column of text, and descending ones.

The first two hold the text with its case folded and serve iexact and istartswith; the
third holds it backwards and serves endswith. A descending one serves the order.
"""

import re
from collections.abc import Callable
from typing import Any

from ..values.folding import fold
from .terms import SORTED, descending, escaped, term

# The catalog's text of such an expression.
SQL = re.compile(r'\(?(?P<function>LOWER|UPPER|REVERSE)\("(?P<column>[^"]+)"\)\)?')
KINDS = {"LOWER": "folded", "UPPER": "folded", "REVERSE": "reversed"}
TRANSFORMS: dict[str, Callable[[Any], Any]] = {
    "folded": fold,
    "reversed": lambda text: text[::-1],
}
# Of a column of any type that sorts.
DESCENDING = "descending"
# (column, kind)
Transform = tuple[str, str]


def transform_of(part: Any) -> Transform | None:
    """The column and the kind of a part of an index, None for any other part."""
    found = (
        SQL.fullmatch(part["sql"]) if isinstance(part, dict) and "sql" in part else None
    )
    return (found["column"], KINDS[found["function"]]) if found else None


def transforms_in(index: dict[str, Any]) -> set[Transform]:
    """Those of an index of the catalog's."""
    found = {transform_of(part) for part in index["parts"]}
    for part, is_descending in zip(index["parts"], index["descending"], strict=True):
        if is_descending and isinstance(part, str):
            found.add((part, DESCENDING))
    return {each for each in found if each is not None}


def is_possible(kind: str, db_type: str | None) -> bool:
    """Whether there is such an index of a column of this type."""
    return db_type in SORTED if kind == DESCENDING else db_type == "string"


def index_of(column: str, kind: str) -> bytes:
    return escaped(f"{column.lower()}.{kind}_bin")


def term_of(kind: str, db_type: str, value: Any) -> bytes:
    if kind == DESCENDING:
        return descending(db_type, term(db_type, value))
    return escaped(TRANSFORMS[kind](value))
