"""Django's expressions as MongoDB's: the same value as SQL's, or NotSupportedError."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bson import Decimal128
from django.conf import settings
from django.core.exceptions import EmptyResultSet, FieldError, FullResultSet
from django.db import NotSupportedError
from django.db.models import functions
from django.db.models.expressions import (
    Case,
    Col,
    CombinedExpression,
    ExpressionWrapper,
    Value,
)

from ..conditions import Column, Condition, Leaf, Node
from ..planner.refusal import Refused
from ..planner.translate import PART_EXTRACTS, Translator, collated
from .filters import COMPARISONS, DATE_PARTS
from .paths import path_expression
from .values import to_bson

# The db_type of a constant NULL, which goes with any.
NULL = "null"
NUMBERS = {"int", "long", "double"}
ARITHMETIC = {"+": "$add", "-": "$subtract", "*": "$multiply"}
TRUNCATIONS: dict[type, str] = {
    functions.TruncYear: "year",
    functions.TruncQuarter: "quarter",
    functions.TruncMonth: "month",
    functions.TruncWeek: "week",
    functions.TruncDay: "day",
    functions.TruncHour: "hour",
    functions.TruncMinute: "minute",
    functions.TruncSecond: "second",
}


@dataclass(frozen=True)
class Expression:
    """A MongoDB expression and the db_type of its values, which null stands beside."""

    value: Any
    db_type: str
    # A column that is never NULL.
    always: bool = False

    @property
    def present(self) -> Any:
        """The condition that it is not NULL."""
        return {"$gt": [self.value, None]}


class Expressions:
    """Translates the expressions over one table's columns."""

    def __init__(self, query):
        self.store = query.connection
        self.key = query.key

    def __call__(self, expression) -> Expression:
        if hasattr(expression, "as_column"):
            return self.path(expression)
        translate = TRANSLATIONS.get(type(expression))
        if translate is None:
            raise NotSupportedError(
                f"MongoDB leaves {type(expression).__name__} to the planner."
            )
        return translate(self, expression)

    def db_type(self, expression) -> str:
        try:
            return expression.output_field.db_type(self.store) or ""
        except FieldError as error:
            raise NotSupportedError(str(error)) from error

    def column(self, expression: Col) -> Expression:
        field = expression.target
        db_type = field.db_type(self.store)
        if collated(field) or db_type is None:
            raise NotSupportedError("MongoDB does not know this collation.")
        return Expression(f"${self.key(field.column)}", db_type, not field.null)

    def path(self, expression) -> Expression:
        """What is found inside a column of documents."""
        alias = next((part.alias for part in columns_of(expression)), "")
        try:
            column = Translator(self.store, alias).column(expression)
        except Refused:
            raise NotSupportedError("MongoDB leaves this to the planner.") from None
        return Expression(*path_expression(column, self.key(column.name)))

    def constant(self, expression: Value) -> Expression:
        if expression.value is None:
            return Expression(None, NULL)
        db_type = self.db_type(expression)
        if db_type == "document":
            raise NotSupportedError("MongoDB leaves constant documents to the planner.")
        stored = to_bson(db_type, expression.value)
        return Expression({"$literal": stored}, db_type, True)

    def wrapped(self, expression: ExpressionWrapper) -> Expression:
        found = self(expression.expression)
        if found.db_type != self.db_type(expression):
            raise NotSupportedError("MongoDB leaves a change of type to the planner.")
        return found

    def arithmetic(self, expression: CombinedExpression) -> Expression:
        left, right = self(expression.lhs), self(expression.rhs)
        operator = ARITHMETIC.get(expression.connector)
        if operator is None or not {left.db_type, right.db_type} <= NUMBERS:
            raise NotSupportedError("MongoDB leaves this arithmetic to the planner.")
        return Expression(
            {operator: [left.value, right.value]},
            self.db_type(expression),
            left.always and right.always,
        )

    def coalesce(self, expression: functions.Coalesce) -> Expression:
        parts = [self(each) for each in expression.get_source_expressions()]
        if len({part.db_type for part in parts} - {NULL}) > 1:
            raise NotSupportedError("MongoDB leaves a change of type to the planner.")
        # MongoDB 6.0 groups by no $ifNull that names a field twice.
        values: list = []
        for part in parts:
            nested = isinstance(part.value, dict) and part.value.get("$ifNull")
            values += [each for each in nested or [part.value] if each not in values]
        return Expression(
            {"$ifNull": values} if len(values) > 1 else values[0],
            self.db_type(expression),
            any(part.always for part in parts),
        )

    def case(self, expression: Case) -> Expression:
        results = [self(each.result) for each in expression.cases]
        default = self(expression.default)
        db_type = self.db_type(expression)
        if {part.db_type for part in [*results, default]} - {db_type, NULL}:
            raise NotSupportedError("MongoDB leaves a change of type to the planner.")
        if not results:
            return default
        branches = [
            {"case": self.condition(when.condition), "then": result.value}
            for when, result in zip(expression.cases, results, strict=True)
        ]
        return Expression(
            {"$switch": {"branches": branches, "default": default.value}},
            db_type,
            all(part.always for part in [*results, default]),
        )

    def date_part(self, expression) -> Expression:
        of = self.moment(expression)
        part = PART_EXTRACTS.get(type(expression), "year")
        if part == "quarter":
            value: Any = {"$toInt": {"$ceil": {"$divide": [{"$month": of.value}, 3]}}}
        else:
            value = {DATE_PARTS.get(part, "$year"): of.value}
        return Expression(value, "int", of.always)

    def truncation(self, expression) -> Expression:
        of = self.moment(expression)
        if of.db_type != self.db_type(expression):
            raise NotSupportedError("MongoDB leaves a change of type to the planner.")
        unit = TRUNCATIONS[type(expression)]
        options = {"startOfWeek": "monday"} if unit == "week" else {}
        return Expression(
            {"$dateTrunc": {"date": of.value, "unit": unit, **options}},
            of.db_type,
            of.always,
        )

    def moment(self, expression) -> Expression:
        """The date or datetime that a part is taken of, which must be kept in UTC."""
        of = self(expression.lhs)
        zoned = of.db_type == "datetime" and settings.USE_TZ
        if of.db_type not in ("date", "datetime") or (
            zoned and expression.get_tzname() != "UTC"
        ):
            raise NotSupportedError("MongoDB leaves time zones to the planner.")
        return of

    # --- conditions ---

    def condition(self, where) -> Any:
        """The expression that is true where SQL's condition is."""
        alias = next((part.alias for part in columns_of(where)), "")
        try:
            found = Translator(self.store, alias).condition(where)
        except EmptyResultSet:
            return False
        except FullResultSet:
            return True
        except Refused:
            raise NotSupportedError(
                "MongoDB leaves this condition to the planner."
            ) from None
        return self.truth(found)

    def truth(self, condition: Condition) -> Any:
        if isinstance(condition, Node):
            operator = "$and" if condition.connector == "AND" else "$or"
            return {operator: [self.truth(each) for each in condition.children]}
        column, value = condition.column, condition.value
        if (
            column.db_type == "json"
            or column.path
            or isinstance(value, Column)
            or value is None
        ):
            raise NotSupportedError("MongoDB leaves this condition to the planner.")
        path = f"${self.key(column.name)}"
        present = {"$gt": [path, None]}
        if condition.lookup_type == "isnull":
            return present if value == condition.negated else {"$lte": [path, None]}
        test = TESTS.get(condition.lookup_type)
        if test is None:
            raise NotSupportedError("MongoDB leaves this condition to the planner.")
        found = test(path, condition)
        return {"$and": [present, {"$not": [found]} if condition.negated else found]}


def compared(path: str, leaf: Leaf) -> Any:
    stored = to_bson(leaf.column.db_type, leaf.value)
    return {COMPARISONS[leaf.lookup_type]: [path, {"$literal": stored}]}


def among(path: str, leaf: Leaf) -> Any:
    stored = [to_bson(leaf.column.db_type, each) for each in leaf.value]
    return {"$in": [path, {"$literal": stored}]}


def between(path: str, leaf: Leaf) -> Any:
    low, high = ({"$literal": to_bson(leaf.column.db_type, e)} for e in leaf.value)
    return {"$and": [{"$gte": [path, low]}, {"$lte": [path, high]}]}


def columns_of(node):
    """The columns that a WHERE tree names."""
    if isinstance(node, Col):
        yield node
        return
    children = getattr(node, "children", None)
    if children is None:
        children = getattr(node, "get_source_expressions", list)()
    for child in children:
        yield from columns_of(child)


def plain_number(value: Any) -> Any:
    return value.to_decimal() if isinstance(value, Decimal128) else value


TESTS: dict[str, Callable[[str, Leaf], Any]] = {
    **dict.fromkeys(COMPARISONS, compared),
    "in": among,
    "range": between,
}
TRANSLATIONS: dict[type, Callable[[Expressions, Any], Expression]] = {
    Col: Expressions.column,
    Value: Expressions.constant,
    ExpressionWrapper: Expressions.wrapped,
    CombinedExpression: Expressions.arithmetic,
    functions.Coalesce: Expressions.coalesce,
    Case: Expressions.case,
    functions.ExtractYear: Expressions.date_part,
    **dict.fromkeys(PART_EXTRACTS, Expressions.date_part),
    **dict.fromkeys(TRUNCATIONS, Expressions.truncation),
}
