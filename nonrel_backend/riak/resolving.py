"""Resolvers: functions that choose or merge the row of several siblings.

    OPTIONS = {"resolvers": {"shop_basket": "shop.baskets.merge"}}

A resolver gets [(row, seconds since 1970)], the oldest first, and returns the row.
"""

from collections.abc import Callable
from typing import Any

from django.utils.module_loading import import_string

Row = dict[str, Any]
Resolver = Callable[[list[tuple[Row, float]]], Row]


def last_write_wins(versions: list[tuple[Row, float]]) -> Row:
    return versions[-1][0]


def union(versions: list[tuple[Row, float]]) -> Row:
    """Return the last row, with its lists extended by the members of all versions."""
    row = dict(last_write_wins(versions))
    for column, value in row.items():
        if isinstance(value, list):
            members = list(value)
            for other, _ in versions:
                found = other.get(column)
                if isinstance(found, list):
                    members += [each for each in found if each not in members]
            row[column] = members
    return row


def resolver(resolvers: dict[str, Any], table: str) -> Resolver:
    """Return the resolver of a table; the default is last_write_wins."""
    found = resolvers.get(table, last_write_wins)
    return import_string(found) if isinstance(found, str) else found


def time_of(content: Any) -> float:
    """Return when Riak stored a content, in seconds since 1970."""
    return content.last_mod + content.last_mod_usecs / 1_000_000
