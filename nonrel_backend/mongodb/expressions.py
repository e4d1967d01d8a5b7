"""Django's expressions as MongoDB's, with the same values as SQLite's.

What MongoDB would compute otherwise raises NotSupportedError, whose text says why.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from bson import Decimal128
from django.conf import settings
from django.core.exceptions import (
    EmptyResultSet,
    FieldError,
    FullResultSet,
    ValidationError,
)
from django.db import DataError, NotSupportedError
from django.db.models import functions
from django.db.models.expressions import (
    Case,
    Col,
    CombinedExpression,
    ExpressionWrapper,
    Value,
)

from ..conditions import Column, Condition, Leaf, Node
from ..microseconds import from_microseconds
from ..planner.expressions import expression_text
from ..planner.lookup_tables import PART_EXTRACTS
from ..planner.refusal import Refused
from ..planner.translate import Translator
from ..values.columns import collated
from ..values.saving import UNFIT, named, of_column, to_save
from .filters import DATE_PARTS
from .naming import lookup_name
from .paths import COMPARISONS, moment_key, path_expression
from .precision import date_of, microseconds_at
from .values import to_bson

# The db_type of a constant NULL, which fits any other.
NULL = "null"
NUMBERS = {"int", "long", "double"}
ARITHMETIC = {"+": "$add", "-": "$subtract", "*": "$multiply"}
TRUNCATIONS = (
    functions.Trunc,
    functions.TruncYear,
    functions.TruncQuarter,
    functions.TruncMonth,
    functions.TruncWeek,
    functions.TruncDay,
    functions.TruncHour,
    functions.TruncMinute,
    functions.TruncSecond,
)
UNITS = {"year", "quarter", "month", "week", "day", "hour", "minute", "second"}


@dataclass(frozen=True)
class Expression:
    """A MongoDB expression, and the db_type of its values that are not null."""

    value: Any
    db_type: str
    # Whether it is never NULL.
    always: bool = False
    # Of a datetime, whose value is microseconds since 1970: the BSON date, if there is
    # an expression for it.
    date: Any = None

    @property
    def present(self) -> Any:
        """The condition that the value is not NULL."""
        return {"$gt": [self.value, None]}


class Expressions:
    """Translates expressions over the columns of one table.

    Calling it with a Django expression returns the Expression, or raises
    NotSupportedError.
    """

    def __init__(self, query: Any) -> None:
        self.store = query.connection
        self.query = query

    def key(self, column: str) -> str:
        """Return the key under which documents hold a column."""
        key: str = self.query.key(column)
        return key

    def __call__(self, expression: Any) -> Expression:
        if hasattr(expression, "as_column"):
            return self.path(expression)
        translate = TRANSLATIONS.get(type(expression))
        if translate is None:
            raise refused(expression)
        return translate(self, expression)

    def db_type(self, expression: Any) -> str:
        try:
            return expression.output_field.db_type(self.store) or ""
        except FieldError as error:
            raise NotSupportedError(
                f"MongoDB needs the type of {expression_text(expression)}, which is "
                "not known"
            ) from error

    def column(self, expression: Col) -> Expression:
        field = expression.target
        db_type = field.db_type(self.store)
        if collated(field) or db_type is None:
            raise NotSupportedError(
                f"MongoDB does not know the collation of {field.name}"
            )
        key = self.key(field.column)
        if db_type == "datetime":
            return self.moment_at(field.column, not field.null)
        self.require_nothing_hidden(field, field.column)
        return Expression(read_as(db_type, f"${key}"), db_type, not field.null)

    def moment_at(self, column: str, always: bool = False) -> Expression:
        """Translate a column of datetimes."""
        key = self.key(column)
        value = microseconds_at(key, column in self.query.precision.moments)
        return Expression(value, "datetime", always, f"${key}")

    @property
    def moment_type(self) -> str:
        """The db_type of microseconds as the table's datetimes are compared with."""
        keeps = self.store.keeps_microseconds(self.query.table)
        return "moment" if keeps else "cut moment"

    def stored(self, db_type: str, value: Any) -> Any:
        """Return a constant of an expression as BSON."""
        return to_bson(self.moment_type if db_type == "datetime" else db_type, value)

    def path(self, expression: Any) -> Expression:
        """Translate a path into a column of documents."""
        alias = next((part.alias for part in columns_of(expression)), "")
        try:
            column = Translator(self.store, alias).column(expression)
        except Refused as error:
            raise NotSupportedError(error.reason) from error
        key = self.key(column.name)
        if column.db_type == "datetime":
            path = moment_key(column, key)
            value = microseconds_at(path, column.name in self.query.precision.columns)
            return Expression(value, "datetime", date=f"${path}")
        if column.db_type == "document":
            self.require_nothing_hidden(expression.leaf, column.name)
        return Expression(*path_expression(column, key))

    def require_nothing_hidden(self, field: Any, column: str) -> None:
        """Raise NotSupportedError for a document or list of datetimes."""
        precision = self.query.precision
        if column in precision.documents and precision.inside.holds(field):
            raise NotSupportedError(
                f"MongoDB holds the microseconds of datetimes in {column} beside them"
            )

    def constant(self, expression: Value) -> Expression:
        if expression.value is None:
            return Expression(None, NULL)
        db_type = self.db_type(expression)
        if db_type == "document":
            raise NotSupportedError(
                "MongoDB compares a constant document by the order of its keys"
            )
        field = expression.output_field
        try:
            if expression.for_save:
                value = to_save(field, expression.value, self.store)
            else:
                value = field.get_db_prep_value(expression.value, self.store)
        except ValidationError as error:
            raise DataError(error.messages[0]) from error
        if value is None:  # of NaN
            return Expression(None, NULL)
        try:
            stored = self.stored(db_type, of_column(db_type, value))
        except (DataError, *UNFIT) as error:
            raise named(field, error) from error
        return Expression({"$literal": stored}, db_type, True)

    def wrapped(self, expression: ExpressionWrapper) -> Expression:
        found = self(expression.expression)
        if found.db_type != self.db_type(expression):
            raise conversion_refused(expression)
        return found

    def arithmetic(self, expression: CombinedExpression) -> Expression:
        left, right = self(expression.lhs), self(expression.rhs)
        operator = ARITHMETIC.get(expression.connector)
        if operator is None or not {left.db_type, right.db_type} <= NUMBERS:
            raise refused(expression)
        return Expression(
            {operator: [left.value, right.value]},
            self.db_type(expression),
            left.always and right.always,
        )

    def coalesce(self, expression: functions.Coalesce) -> Expression:
        parts = [self(each) for each in expression.get_source_expressions()]
        if len({part.db_type for part in parts} - {NULL}) > 1:
            raise conversion_refused(expression)
        # See case().
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
            raise conversion_refused(expression)
        if not results:
            return default
        # MongoDB 6.0 groups by no $switch or $ifNull that names a field twice.
        values: list = []
        for part in [*results, default]:
            again = isinstance(part.value, str) and part.value in values
            values.append({"$ifNull": [part.value, None]} if again else part.value)
        *found, otherwise = values
        branches = [
            {"case": self.condition(when.condition), "then": value}
            for when, value in zip(expression.cases, found, strict=True)
        ]
        return Expression(
            {"$switch": {"branches": branches, "default": otherwise}},
            db_type,
            all(part.always for part in [*results, default]),
        )

    def date_part(self, expression: Any) -> Expression:
        of = self.moment(expression)
        part = PART_EXTRACTS.get(type(expression), "year")
        if part == "quarter":
            value: Any = {"$toInt": {"$ceil": {"$divide": [{"$month": of.date}, 3]}}}
        else:
            value = {DATE_PARTS.get(part, "$year"): of.date}
        return Expression(value, "int", of.always)

    def truncation(self, expression: Any) -> Expression:
        of = self.moment(expression)
        if of.db_type != self.db_type(expression):
            raise conversion_refused(expression)
        unit = expression.kind
        if unit not in UNITS:
            raise refused(expression)
        options = {"startOfWeek": "monday"} if unit == "week" else {}
        date = {"$dateTrunc": {"date": of.date, "unit": unit, **options}}
        value: Any = date
        if of.db_type == "datetime":
            value = {"$multiply": [{"$toLong": date}, 1000]}
        return Expression(value, of.db_type, of.always, date)

    def moment(self, expression: Any) -> Expression:
        """Translate the date or datetime in UTC that an expression takes a part of.

        It has its BSON date.
        """
        of = self(expression.lhs)
        if of.db_type not in ("date", "datetime"):
            raise refused(expression)
        zoned = of.db_type == "datetime" and settings.USE_TZ
        if zoned and expression.get_tzname() != "UTC":
            raise NotSupportedError(
                f"MongoDB is not asked for {expression_text(expression)} in the time "
                f"zone {expression.get_tzname()}, whose rules it may know otherwise"
            )
        if of.date is not None:
            return of
        date = date_of(of.value) if of.db_type == "datetime" else of.value
        return replace(of, date=date)

    # --- conditions ---

    def condition(self, where: Any) -> Any:
        """Return the expression that is true for the rows for which `where` is."""
        alias = next((part.alias for part in columns_of(where)), "")
        try:
            found = Translator(self.store, alias).condition(where)
        except EmptyResultSet:
            return False
        except FullResultSet:
            return True
        except Refused as error:
            raise NotSupportedError(error.reason) from error
        return self.truth(found)

    def truth(self, condition: Condition) -> Any:
        """Return the expression that is true where a condition on columns is."""
        if isinstance(condition, Node):
            operator = "$and" if condition.connector == "AND" else "$or"
            return {operator: [self.truth(each) for each in condition.children]}
        column, value = condition.column, condition.value
        test = TESTS.get(condition.lookup_type)
        if (
            column.db_type == "json"
            or column.path
            or isinstance(value, Column)
            or value is None
            or (test is None and condition.lookup_type != "isnull")
        ):
            raise NotSupportedError(
                f"MongoDB's expressions have no {lookup_name(condition)} as SQLite's do"
            )
        path = read_as(column.db_type, f"${self.key(column.name)}")
        if column.db_type == "datetime":
            path = self.moment_at(column.name).value
            condition = replace(
                condition, column=replace(column, db_type=self.moment_type)
            )
        present = {"$gt": [path, None]}
        if test is None:
            return present if value == condition.negated else {"$lte": [path, None]}
        found = test(path, condition)
        if condition.lookup_type in ABOVE_NULL and not condition.negated:
            return found
        # The test of few rows comes first: the other is of those alone.
        return {"$and": [{"$not": [found]} if condition.negated else found, present]}


def read_as(db_type: str, path: str) -> Any:
    """Return the expression for a column: numbers among booleans are read as those."""
    if db_type != "bool":
        return path
    return {"$cond": [{"$isNumber": path}, {"$toBool": path}, path]}


def result_converter(compiler: Any, db_type: str) -> Callable[[Any], Any] | None:
    """Return the function from an expression's values to Python values, or None."""
    convert: Callable[[Any], Any] | None = compiler.from_db_converter(db_type)
    if db_type != "datetime":
        return convert

    def read(value: Any) -> Any:
        if isinstance(value, int):
            value = from_microseconds(value)
        return value if convert is None else convert(value)

    return read


def refused(expression: Any) -> NotSupportedError:
    return NotSupportedError(
        f"MongoDB does not compute {expression_text(expression)} as SQLite does"
    )


def conversion_refused(expression: Any) -> NotSupportedError:
    return NotSupportedError(
        f"MongoDB does not convert the types in {expression_text(expression)} as "
        "SQLite does"
    )


def compared(path: Any, leaf: Leaf) -> Any:
    stored = to_bson(leaf.column.db_type, leaf.value)
    return {COMPARISONS[leaf.lookup_type]: [path, {"$literal": stored}]}


def among(path: Any, leaf: Leaf) -> Any:
    stored = [to_bson(leaf.column.db_type, each) for each in leaf.value]
    return {"$in": [path, {"$literal": stored}]}


def between(path: Any, leaf: Leaf) -> Any:
    low, high = ({"$literal": to_bson(leaf.column.db_type, e)} for e in leaf.value)
    return {"$and": [{"$gte": [path, low]}, {"$lte": [path, high]}]}


def columns_of(node: Any) -> Iterator[Col]:
    """Yield the columns that a WHERE tree or an expression names."""
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


# Lookups that no null satisfies: it comes before all other values.
ABOVE_NULL = {"exact", "gt", "gte", "range"}
# Lookups, but for `isnull`, as expressions of a column's path and the leaf.
TESTS: dict[str, Callable[[Any, Leaf], Any]] = {
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
