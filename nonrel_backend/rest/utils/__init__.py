"""What resources often import: moments, formats of dates, the slash of URLs."""

from typing import Any

from .formatting import format_date, format_datetime, format_time, mk_datetime
from .timezone import aware_date, aware_datetime, make_aware, make_naive, now
from .urls import trailing_slash

__all__ = [
    "aware_date",
    "aware_datetime",
    "format_date",
    "format_datetime",
    "format_time",
    "make_aware",
    "make_naive",
    "mk_datetime",
    "now",
    "string_to_python",
    "trailing_slash",
]

WORDS = {
    "true": True, "True": True, "false": False, "False": False,
    "nil": None, "none": None, "None": None,
}  # fmt: skip


def string_to_python(value: Any) -> Any:
    """Return the boolean or None that a text stands for; any other value unchanged."""
    return WORDS.get(value, value) if isinstance(value, str) else value
