"""The first documents by an expression, whose value is computed nearly as SQLite does.

SQLite computes decimals as doubles, or as integers where they are whole, and so do
these pipelines. What comes close to each other is compared again by who asks.
"""

import math
from collections.abc import Callable
from typing import Any

from django.db import NotSupportedError, models
from django.db.models.expressions import Col, CombinedExpression, ExpressionWrapper

from ..planner.expressions import expression_text
from ..values.columns import stored_field
from ..values.local import EXACT_DIGITS
from .aggregation import ORDERED
from .expressions import Expression, Expressions, conversion_refused, refused

ZERO = {"$literal": 0}


class Ranking:
    """The order of documents by an expression.

    Raise NotSupportedError if MongoDB does not compute it.
    """

    def __init__(self, expression: Any, ascending: bool, query: Any) -> None:
        if len(query.meta.pk_fields) > 1 or query.connection.is_foreign(query.table):
            raise NotSupportedError(
                f"MongoDB orders {query.table} by no {expression_text(expression)}"
            )
        self.value = value_of(Expressions(query), expression)
        self.way = 1 if ascending else -1

    def stages(self, filter_: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the pipeline's stages over the documents that a filter finds."""
        return [
            *([{"$match": filter_}] if filter_ else []),
            {"$project": {"value": self.value}},
            {"$sort": {"value": self.way}},
        ]


def value_of(translate: Expressions, expression: Any) -> Any:
    """Return the MongoDB expression of values that are ordered as SQLite's."""
    while type(expression) is ExpressionWrapper and is_number(expression):
        expression = expression.expression
    if type(expression) is CombinedExpression and expression.connector in OPERATORS:
        left, right = translate(expression.lhs), translate(expression.rhs)
        if "decimal" in (left.db_type, right.db_type) or expression.connector == "/":
            found = OPERATORS[expression.connector](expression, left, right)
            return without_nan(found)
    translated = translate(expression)
    if translated.db_type not in ORDERED | {"bool"}:
        raise refused(expression)
    if translated.db_type == "decimal":
        return {"$toDouble": translated.value}
    is_double = translated.db_type == "double"
    return without_nan(translated.value) if is_double else translated.value


def without_nan(value: Any) -> Any:
    """Return NULL for what is no number: infinity times zero, say."""
    is_nan = {"$eq": ["$$value", math.nan]}
    found = {"$cond": [is_nan, None, "$$value"]}
    return {"$let": {"vars": {"value": value}, "in": found}}


def is_number(expression: Any) -> bool:
    """Return whether SQLite would convert an expression's values to nothing else."""
    kinds = (models.IntegerField, models.FloatField, models.DecimalField)
    return isinstance(expression.output_field, kinds)


def product(expression: Any, left: Expression, right: Expression) -> Any:
    return {"$multiply": [double(expression, left), double(expression, right)]}


def quotient(expression: Any, left: Expression, right: Expression) -> Any:
    """Return a quotient, which is whole where both of its operands are."""
    for each, operand in ((left, expression.lhs), (right, expression.rhs)):
        if each.db_type == "long" or digits(operand) > EXACT_DIGITS:
            raise refused(expression)
        # Whether SQLite takes a whole constant for an integer depends on its SQL.
        if each.db_type == "decimal" and type(operand) is not Col:
            raise refused(expression)
    divided: Any = {"$divide": ["$$left", "$$right"]}
    if "double" not in (left.db_type, right.db_type):
        whole = [
            {"$eq": [name, {"$trunc": name}]}
            for name, each in (("$$left", left), ("$$right", right))
            if each.db_type != "int"
        ]
        divided = {"$cond": [{"$and": whole}, {"$trunc": divided}, divided]}
    return {
        "$let": {
            "vars": {
                "left": double(expression, left),
                "right": double(expression, right),
            },
            "in": {"$cond": [{"$eq": ["$$right", ZERO]}, None, divided]},
        }
    }


def double(expression: Any, operand: Expression) -> Any:
    """Return an operand as a double."""
    if operand.db_type not in ("int", "long", "double", "decimal"):
        raise conversion_refused(expression)
    return {"$toDouble": operand.value}


def digits(operand: Any) -> int:
    """Return how many digits the values of an operand have at most, if it is known."""
    field = stored_field(operand.output_field)
    return getattr(field, "max_digits", None) or 0


# The products and quotients, which are as exact as the numbers in them.
OPERATORS: dict[str, Callable[[Any, Expression, Expression], Any]] = {
    "*": product,
    "/": quotient,
}
