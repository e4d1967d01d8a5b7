"""The WHERE tree as AND and OR over lookups on columns, in negation normal form."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeAlias


class Step(Enum):
    """What a path may hold besides keys and positions."""

    # Every item of a list: a lookup asks whether any of them satisfies it.
    EACH = "each"
    # At the end: how many items there are.
    LENGTH = "length"


@dataclass(frozen=True)
class Column:
    """A column, or with `path` what is found inside a column of documents.

    `db_type` is what the path leads to; "json" is a key inside a JSON column and "raw"
    any JSON value inside another document. A string in a path is a key, a number a
    position.
    """

    name: str
    db_type: str
    path: tuple[str | int | Step, ...] = ()

    @property
    def is_many(self) -> bool:
        """Whether the path leads to any number of values."""
        return Step.EACH in self.path

    def __str__(self) -> str:
        steps = [f"[{s.value}]" if isinstance(s, Step) else str(s) for s in self.path]
        return ".".join([self.name, *steps])


@dataclass(frozen=True)
class Leaf:
    """One lookup. Negated, it is true where the value is not NULL and it is false.

    On a path to many values it is true where any of them satisfies the lookup, and
    negated where none does, which is where there are none, too.

    `value` is a Python value, a list (in, range), a bool (isnull) or a Column.
    """

    column: Column
    lookup_type: str
    value: Any
    negated: bool = False

    def __str__(self) -> str:
        value = self.value
        shown = f"{len(value)} values" if isinstance(value, list) else repr(value)
        text = f"{self.column} {self.lookup_type} {shown}"
        return f"not {text}" if self.negated else text


@dataclass(frozen=True)
class Node:
    """`connector` is AND or OR; an empty AND is true, an empty OR false."""

    connector: str
    children: tuple["Condition", ...]

    def __str__(self) -> str:
        if not self.children:
            return "everything" if self.connector == "AND" else "nothing"
        return f"({f' {self.connector} '.join(map(str, self.children))})"


Condition: TypeAlias = Leaf | Node
TRUE = Node("AND", ())
FALSE = Node("OR", ())


def combine(connector: str, children: Iterable[Condition]) -> Condition:
    """Return the AND or OR of conditions, flattened, with constants folded in."""
    neutral, absorbing = (TRUE, FALSE) if connector == "AND" else (FALSE, TRUE)
    found: list[Condition] = []
    for child in children:
        if child == absorbing:
            return absorbing
        if child == neutral:
            continue
        if isinstance(child, Node) and child.connector == connector:
            found.extend(child.children)
        else:
            found.append(child)
    if len(found) == 1:
        return found[0]
    return Node(connector, tuple(found)) if found else neutral


def conjunction(*children: Condition) -> Condition:
    return combine("AND", children)


def disjunction(*children: Condition) -> Condition:
    return combine("OR", children)


def conjuncts(condition: Condition) -> tuple[Condition, ...]:
    """Return the conditions that must all hold."""
    if isinstance(condition, Node) and condition.connector == "AND":
        return condition.children
    return (condition,)


def leaves(condition: Condition) -> Iterator[Leaf]:
    """Yield the leaves of a condition."""
    if isinstance(condition, Node):
        for child in condition.children:
            yield from leaves(child)
    else:
        yield condition


def is_path_key(key: str) -> bool:
    """Return whether a path can lead to a key of a document."""
    return bool(key) and "." not in key and not key.startswith("$")
