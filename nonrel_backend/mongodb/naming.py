"""How the reasons of refusals call columns, lookups and expressions."""

from typing import Any

from django.db.models.expressions import Col, Ref, Star, Value

from ..conditions import Column, Leaf, Step


def column_name(column: Column) -> str:
    """Return a column or path as a user writes it: `address__city`."""
    steps = [
        step.value if isinstance(step, Step) else str(step) for step in column.path
    ]
    return "__".join([column.name, *steps])


def lookup_name(leaf: Leaf) -> str:
    """Return a lookup as a user writes it: `address__city__contains`."""
    return f"{column_name(leaf.column)}__{leaf.lookup_type}"


def expression_name(expression: Any) -> str:
    """Return a Django expression as a user writes it: `Upper('title')`."""
    while isinstance(expression, Ref):
        expression = expression.source
    if isinstance(expression, Col):
        return repr(expression.target.name)
    if isinstance(expression, Star):
        return "'*'"
    if isinstance(expression, Value):
        return f"Value({expression.value!r})"
    sources: list = getattr(expression, "get_source_expressions", list)()
    names = [expression_name(each) for each in sources if each is not None]
    connector = getattr(expression, "connector", None)
    if connector:  # of arithmetic, or of conditions
        return f" {connector} ".join(names)
    return f"{type(expression).__name__}({', '.join(names)})"
