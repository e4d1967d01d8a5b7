"""The WHERE tree as AND and OR over lookups on columns, in negation normal form."""

from dataclasses import dataclass
from typing import Any, TypeAlias


@dataclass(frozen=True)
class Column:
    """A column, or with `path` a key inside a JSON column."""

    name: str
    db_type: str
    path: tuple[str | int, ...] = ()


@dataclass(frozen=True)
class Leaf:
    """One lookup. Negated, it is true where the value is not NULL and it is false.

    `value` is a Python value, a list (in, range), a bool (isnull) or a Column.
    """

    column: Column
    lookup_type: str
    value: Any
    negated: bool = False


@dataclass(frozen=True)
class Node:
    """`connector` is AND or OR; an empty AND is true, an empty OR false."""

    connector: str
    children: tuple["Condition", ...]


Condition: TypeAlias = Leaf | Node
TRUE = Node("AND", ())
FALSE = Node("OR", ())
