"""Columns whose names MongoDB reads as paths or operators: `a.b` and `$x`."""

from typing import Any

from ..conditions import is_path_key
from ..query import MISSING


def is_odd(column: str | None) -> bool:
    """Return whether MongoDB would not read a column's name as that of one key.

    A composite key has no name.
    """
    return column is not None and not is_path_key(column)


def set_field(column: str, value: Any) -> dict[str, Any]:
    """Return the stage that sets a column of an odd name, or leaves an equal value."""
    stored = {"$getField": {"$literal": column}}
    wanted = None if value is MISSING else value
    new = "$$REMOVE" if value is MISSING else {"$literal": value}
    same = {"$eq": [stored, {"$literal": wanted}]}
    change = {
        "field": {"$literal": column},
        "input": "$$ROOT",
        "value": {"$cond": [same, stored, new]},
    }
    return {"$replaceWith": {"$setField": change}}
