"""Patterns without case, matched by SQLite itself where a text is ASCII."""

from typing import Any

from django.db import models
from django.db.models import lookups
from django.db.models.expressions import Col

from ..values.columns import stored_field

# What GLOB has before and after the text of a lookup.
WILDCARDS = {
    lookups.IContains: ("*", "*"),
    lookups.IStartsWith: ("", "*"),
    lookups.IEndsWith: ("*", ""),
}
TEXT = (models.CharField, models.TextField)
# SQLite refuses patterns of more than 50,000 bytes.
LONGEST = 1_000


def glob_of(node: Any) -> str | None:
    """Return the pattern for GLOB of one of these lookups, None if it has none."""
    if type(node.lhs) is not Col or node.bilateral_transforms:
        return None
    text = node.rhs
    if type(text) is not str or not isinstance(stored_field(node.lhs.target), TEXT):
        return None
    # Other letters than ASCII's may be lower or upper case of its.
    if len(text) > LONGEST or "\0" in text or not text.isascii():
        return None
    before, after = WILDCARDS[type(node)]
    return before + "".join(map(either_case, text)) + after


def either_case(character: str) -> str:
    """Return what GLOB matches a character by, in either case."""
    if character.isalpha():
        return f"[{character.lower()}{character.upper()}]"
    return f"[{character}]" if character in "*?[" else character


def with_glob(compiler: Any, node: Any, sql: str, params: Any) -> tuple[str, Any]:
    """Return the SQL of a lookup, with GLOB where the column's text is ASCII.

    GLOB takes a third of the time of a function in Python.
    """
    glob = glob_of(node)
    if glob is None:
        return sql, params
    column, _ = compiler.compile(node.lhs)
    is_ascii = f"length({column}) = length(CAST({column} AS BLOB))"
    case = f"CASE WHEN {is_ascii} THEN {column} GLOB %s ELSE {sql} END"
    return case, [glob, *params]
