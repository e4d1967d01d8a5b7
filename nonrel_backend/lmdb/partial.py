"""The conditions of partial indexes, as the catalog keeps them."""

from django.db import NotSupportedError

from ..conditions import Column, Condition, Leaf, Node


def conjuncts(condition: Condition) -> list[Condition]:
    if isinstance(condition, Node) and condition.connector == "AND":
        return list(condition.children)
    return [condition]


def dumped(condition: Condition) -> list:
    """A condition as a plain list."""
    if isinstance(condition, Node):
        return [condition.connector, list(map(dumped, condition.children))]
    column, value = condition.column, condition.value
    if column.path:
        raise NotSupportedError("A condition on a path is kept as an expression.")
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
    kind, *rest = entry
    if kind != "LEAF":
        return Node(kind, tuple(map(loaded, rest[0])))
    (name, db_type), lookup_type, value, negated = rest
    if isinstance(value, dict):
        value = Column(*value["column"])
    return Leaf(Column(name, db_type), lookup_type, value, negated)


def renamed(entry: list, old: str, new: str) -> list:
    """A dumped condition with a column's name changed."""
    kind, *rest = entry
    if kind != "LEAF":
        return [kind, [renamed(each, old, new) for each in rest[0]]]
    (name, db_type), lookup_type, value, negated = rest
    if isinstance(value, dict):
        other, other_type = value["column"]
        value = {"column": [new if other == old else other, other_type]}
    return [kind, [new if name == old else name, db_type], lookup_type, value, negated]
