"""SQL and commands for the query log and explain()."""

from collections.abc import Iterable
from typing import Any


def shown(sql: str, params: Iterable[Any]) -> str:
    """Return SQL with its parameters in place; for people to read, not to run."""
    return sql % tuple(
        f"'{value}'" if isinstance(value, str) else repr(value) for value in params
    )


# How many values of a list of a command are shown.
FEW = 20


def brief(command: Any) -> str:
    """Return repr(), with long lists cut: of keys, one may have a hundred thousand."""
    if isinstance(command, dict):
        items = [f"{key!r}: {brief(value)}" for key, value in command.items()]
        return "{" + ", ".join(items) + "}"
    if isinstance(command, list):
        items = list(map(brief, command[:FEW]))
        if len(command) > FEW:
            items.append(f"... {len(command)} values")
        return "[" + ", ".join(items) + "]"
    return repr(command)
