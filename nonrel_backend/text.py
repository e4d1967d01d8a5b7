"""SQL for the query log."""

from collections.abc import Iterable
from typing import Any


def shown(sql: str, params: Iterable[Any]) -> str:
    """Return SQL with its parameters in place; for people to read, not to run."""
    return sql % tuple(
        f"'{value}'" if isinstance(value, str) else repr(value) for value in params
    )
