"""Lookups as Python functions of a stored value and the one that is asked for."""

import operator
from collections.abc import Callable
from typing import Any

COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "exact": operator.eq,
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
}
# What a comparison is under NOT.
INVERSES = {"gt": "lte", "gte": "lt", "lt": "gte", "lte": "gt"}
# What it is with its sides exchanged.
MIRRORED = {"gt": "lt", "gte": "lte", "lt": "gt", "lte": "gte"}
TEXT: dict[str, Callable[[str, str], bool]] = {
    "contains": operator.contains,
    "startswith": str.startswith,
    "endswith": str.endswith,
}
# Of both in one case.
FOLDED: dict[str, Callable[[Any, Any], bool]] = {
    "iexact": operator.eq,
    "icontains": operator.contains,
    "istartswith": str.startswith,
    "iendswith": str.endswith,
}
