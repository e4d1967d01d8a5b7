"""What rules and stores ask of Django's expressions."""

from collections.abc import Iterator
from typing import Any

from django.db.models.expressions import Col, CombinedExpression, Func, Ref, Value


def columns_in(expression: Any) -> Iterator[Col]:
    """Yield the columns that an expression names."""
    if type(expression) is Col:
        yield expression
        return
    for each in expression.get_source_expressions():
        if each is not None:
            yield from columns_in(each)


def flat(expressions: list[Any]) -> list[Any]:
    """Return the expressions, with the members of composite keys in their place."""
    found: list[Any] = []
    for expression in expressions:
        if type(expression).__name__ == "ColPairs":
            found += expression.get_source_expressions()
        else:
            found.append(expression)
    return found


def source(expression: Any) -> Any:
    """Return what a reference to a selected expression stands for."""
    while isinstance(expression, Ref):
        expression = expression.source
    return expression


def expression_text(expression: Any) -> str:
    """Return an expression in short, for a reason: Upper('title'), 'pages' + 1."""
    if isinstance(expression, Col):
        return repr(expression.target.name)
    if isinstance(expression, Value):
        return repr(expression.value)
    if isinstance(expression, Ref):
        return repr(expression.refs)
    if isinstance(expression, CombinedExpression):
        left, right = expression_text(expression.lhs), expression_text(expression.rhs)
        return f"{left} {expression.connector} {right}"
    if isinstance(expression, Func):
        parts = expression.get_source_expressions()
        texts = [expression_text(part) for part in parts if part is not None]
        return f"{type(expression).__name__}({', '.join(texts)})"
    if hasattr(expression, "lookup_name") and hasattr(expression, "lhs"):
        return f"{expression_text(expression.lhs)} {expression.lookup_name}"
    return type(expression).__name__
