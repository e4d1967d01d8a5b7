"""Indexes on Lower(), Upper() and Reverse() of a column of text.

The first two hold the text with its case folded and serve iexact and istartswith; the
third holds it backwards and serves endswith.
"""

import re
from collections.abc import Callable
from typing import Any

from ..planner.local import fold
from .terms import escaped

# The catalog's text of such an expression.
SQL = re.compile(r'\(?(?P<function>LOWER|UPPER|REVERSE)\("(?P<column>[^"]+)"\)\)?')
KINDS = {"LOWER": "folded", "UPPER": "folded", "REVERSE": "reversed"}
TRANSFORMS: dict[str, Callable[[Any], Any]] = {
    "folded": fold,
    "reversed": lambda text: text[::-1],
}
# (column, kind)
Transform = tuple[str, str]


def transform_of(part: Any) -> Transform | None:
    """The column and the kind of a part of an index, None for any other part."""
    found = SQL.fullmatch(part["sql"]) if isinstance(part, dict) else None
    return (found["column"], KINDS[found["function"]]) if found else None


def index_of(column: str, kind: str) -> bytes:
    return escaped(f"{column.lower()}.{kind}_bin")


def term_of(kind: str, value: str) -> bytes:
    return escaped(TRANSFORMS[kind](value))
