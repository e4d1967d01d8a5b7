"""The conditions of partial indexes, as plain lists for the catalog."""

from django.db import NotSupportedError

from ..conditions import Column, Condition, Leaf, Node


def dumped(condition: Condition) -> list:
    """Return a condition as a list of plain values.

    Raise NotSupportedError for a condition on a value inside a document: the catalog
    holds it as an SQL expression.
    """
    if isinstance(condition, Node):
        return [condition.connector, list(map(dumped, condition.children))]
    column, value = condition.column, condition.value
    if column.path:
        raise NotSupportedError(f"the condition is on {column}, inside a document")
    if isinstance(value, Column):
        value = {"column": [value.name, value.db_type]}
    return [
        "LEAF",
        [column.name, column.db_type],
        condition.lookup_type,
        value,
        condition.negated,
    ]


def loaded(entry: list) -> Condition:
    """Return the condition of a list that dumped() made."""
    kind, *rest = entry
    if kind != "LEAF":
        return Node(kind, tuple(map(loaded, rest[0])))
    (name, db_type), lookup_type, value, negated = rest
    if isinstance(value, dict):
        value = Column(*value["column"])
    return Leaf(Column(name, db_type), lookup_type, value, negated)


def renamed(entry: list, old: str, new: str) -> list:
    """Return a dumped condition with a column renamed."""
    kind, *rest = entry
    if kind != "LEAF":
        return [kind, [renamed(each, old, new) for each in rest[0]]]
    (name, db_type), lookup_type, value, negated = rest
    if isinstance(value, dict):
        other, other_type = value["column"]
        value = {"column": [new if other == old else other, other_type]}
    return [kind, [new if name == old else name, db_type], lookup_type, value, negated]
