"""Django's WHERE tree, translated to conditions on columns."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.exceptions import EmptyResultSet, FullResultSet, ValidationError
from django.db.models import fields, lookups
from django.db.models.expressions import Col, ColPairs, Value
from django.db.models.fields import json as json_fields
from django.db.models.fields import tuple_lookups
from django.db.models.functions import datetime as functions
from django.db.models.sql.query import Query
from django.db.models.sql.where import AND, OR, XOR, NothingNode, WhereNode
from django.utils import timezone

from ..conditions import (
    FALSE,
    TRUE,
    Column,
    Condition,
    Leaf,
    Node,
    combine,
    conjunction,
    disjunction,
)
from ..values.columns import collated, of_one_kind, stored_field
from ..values.saving import of_filter
from ..values.storing import INT64
from ..values.wrappers import Json
from .exists import exists_in, uncorrelated
from .expressions import expression_text
from .lookup_tables import (
    DATE_RANGES,
    PART_EXTRACTS,
    PLAIN_LOOKUPS,
    TEXT_FIELDS,
    TEXT_LOOKUPS,
    YEAR_LOOKUPS,
)
from .refusal import Refused

# XOR as AND and OR: the tree doubles with each condition.
MAX_XOR = 4


class OtherTable(Refused):
    """A part of the tree is on columns of another table than the translator's."""


class Translator:
    """Translates lookups on columns of one alias of a query.

    `subquery_values(query)` returns the values of an uncorrelated IN (subquery). It is
    None where subqueries are not to be translated.
    """

    def __init__(
        self,
        store: Any,
        alias: str,
        subquery_values: Callable[..., Any] | None = None,
        is_outer: bool = False,
    ):
        self.store = store
        self.alias = alias
        self.subquery_values = subquery_values
        # Whether the alias is of an outer join: any column may be NULL.
        self.is_outer = is_outer

    def condition(self, node: Any, negated: bool = False) -> Condition:
        """Return the condition for a tree or lookup; raise Refused if there is none."""
        if isinstance(node, WhereNode):
            negated = negated != node.negated
            return TREES[node.connector](self, node.children, negated)
        if isinstance(node, NothingNode):
            return TRUE if negated else FALSE
        if isinstance(node, Col):
            if not isinstance(node.output_field, fields.BooleanField):
                raise Refused(f"{expression_text(node)} is no condition")
            return Leaf(self.column(node), "exact", True, negated)
        if not isinstance(node, lookups.Lookup):
            raise Refused(f"{expression_text(node)} is no lookup on a column")
        if hasattr(node, "as_condition"):  # of documents
            condition: Condition = node.as_condition(self, negated)
            return condition
        found = exists_in(node)
        if found is not None:
            query, is_true = found
            return self.exists(query, negated == is_true)
        return self.lookup(node, negated)

    def exists(self, query: Query, negated: bool) -> Condition:
        """Return the condition for EXISTS: a column is among a subquery's values."""
        outer, inner = uncorrelated(self.store, query)
        column = self.column(outer)
        if self.subquery_values is None:
            raise Refused("EXISTS is not asked of the store here")
        values = self.subquery_values(inner, of_exists=True)
        if values is None:
            raise Refused(
                "the subquery of EXISTS is correlated by more than one column"
            )
        if values.planned is None:
            raise Refused("nothing can match in the subquery of EXISTS")
        found = Leaf(column, "in", values, negated)
        if negated and (outer.target.null or self.is_outer):
            return disjunction(found, Leaf(column, "isnull", True))
        return found

    def untrue(self, condition: Condition) -> Condition:
        """Return a condition that is true where this one is false or NULL."""
        return untrue(condition)

    def lookup(self, lookup: Any, negated: bool) -> Condition:
        """Return the condition for a lookup on a column."""
        if getattr(lookup, "bilateral_transforms", None):
            raise Refused(f"{expression_text(lookup)} transforms both sides")
        kind = type(lookup)
        if kind in YEAR_LOOKUPS:
            return self.year(lookup, negated)
        if isinstance(lookup.lhs, (ColPairs, tuple_lookups.Tuple)):
            return self.tuple_lookup(lookup, negated)
        lookup_type = PLAIN_LOOKUPS.get(kind)
        if lookup_type is None:
            raise Refused(f"the lookup {expression_text(lookup)} has SQL of its own")
        if isinstance(lookup.lhs, functions.TruncDate):
            return self.date(lookup, lookup_type, negated)
        if type(lookup.lhs) in PART_EXTRACTS:
            return self.part(lookup, lookup_type, negated)
        column = self.column(lookup.lhs)
        if isinstance(lookup, lookups.IntegerFieldOverflow):
            self.check_range(lookup)
        value = self.value(lookup, lookup_type, column)
        if value is FALSE:
            return TRUE if negated else FALSE
        if value is None and not column.db_type == "json":
            # Comparing with NULL is never true, nor is its negation.
            if isinstance(lookup.rhs, Value):
                return FALSE
        return Leaf(column, lookup_type, value, negated)

    def check_range(self, lookup: Any) -> None:
        """Raise EmptyResultSet or FullResultSet for a number no column can hold."""
        if not isinstance(lookup.rhs, int):
            return
        low, high = self.store.ops.integer_field_range(
            lookup.lhs.output_field.get_internal_type()
        )
        if low is not None and lookup.rhs < low:
            raise lookup.underflow_exception
        if high is not None and lookup.rhs > high:
            raise lookup.overflow_exception

    def column(self, expression: Any) -> Column:
        """Return the column, or the path in it, that an expression names."""
        if hasattr(expression, "as_column"):  # a path in a document
            found: Column | None = expression.as_column(self)
            if found is None:
                raise Refused(f"{expression_text(expression)} is no path to one type")
            return found
        path: list[Any] = []
        while type(expression) is json_fields.KeyTransform:
            path.insert(0, expression.key_name)
            expression = expression.lhs
        if type(expression) is not Col:
            raise Refused(f"{expression_text(expression)} is computed, not a column")
        if expression.alias != self.alias:
            raise OtherTable(f"{expression_text(expression)} is of another table")
        field = expression.target
        if expression.output_field is not field and not (
            expression.output_field.is_relation or field.is_relation
        ):
            raise Refused(f"{field.name!r} is compared as another type")
        if path and field.encoder:
            raise Refused(f"the JSON of {field.name!r} has an encoder of its own")
        db_type = self.store.type_of(field)
        if db_type is None:
            raise Refused(f"{field.name!r} has no column")
        if db_type == "json" and not isinstance(field, fields.json.JSONField):
            raise Refused(f"{field.name!r} is JSON that its field compares as text")
        if collated(field):
            raise Refused(f"{field.name!r} has a collation, which SQLite applies")
        return Column(field.column, db_type, tuple(path))

    def value(self, lookup: Any, lookup_type: str, column: Column) -> Any:
        """Return the value that a lookup compares with, as a Leaf has it."""
        rhs = lookup.rhs
        if lookup_type == "isnull":
            if not isinstance(rhs, bool):
                raise Refused("isnull is asked for with an expression")
            return rhs
        if isinstance(rhs, Query):
            return self.values_of(lookup, lookup_type)
        if type(rhs) is Value and rhs.value is not None:
            rhs = self.constant(lookup, rhs)
        if hasattr(rhs, "as_sql") or hasattr(rhs, "resolve_expression"):
            other = self.column(rhs)
            if other.path or column.path:
                raise Refused(f"{column} and {other} are not both plain columns")
            return other
        if lookup_type in TEXT_LOOKUPS:
            if not isinstance(rhs, str):
                raise Refused(f"{lookup_type} is asked for with {rhs!r}, not with text")
            in_json = column.path and column.db_type == "json"
            if not in_json and self.is_not_text(lookup):
                raise Refused(f"{column} is no text, which {lookup_type} compares")
            return rhs
        if lookup_type == "in":
            return self.items(lookup, rhs)
        if lookup_type == "range":
            if any(hasattr(item, "as_sql") for item in rhs):
                raise Refused(f"the range of {column} has bounds that are computed")
            return self.prepared(lookup, list(rhs))
        if column.db_type == "json":
            return rhs
        return self.prepared(lookup, [rhs])[0]

    def constant(self, lookup: Any, given: Value) -> Any:
        """Return the value of a constant, as the lookup's own values are.

        Raise Refused for one that SQL compares in another form.
        """
        value, own = given.value, vars(given).get("output_field")
        json_field = fields.json.JSONField
        if isinstance(lookup.lhs.output_field, json_field) and not isinstance(
            own, json_field
        ):
            raise Refused(f"SQL compares the constant {value!r} as JSON text")
        try:
            if own is not None:
                value = own.get_prep_value(value)
            prepared = lookup.lhs.output_field.get_prep_value(value)
        except (TypeError, ValueError, ArithmeticError, ValidationError) as error:
            raise Refused(f"SQL compares the constant {value!r}") from error
        if type(prepared) is not type(value) or prepared != value:
            raise Refused(f"SQL compares the constant {value!r} in its own form")
        return prepared

    def is_not_text(self, lookup: Any) -> bool:
        """Return whether a lookup's column holds anything but text."""
        field = stored_field(lookup.lhs.output_field)
        return field.get_internal_type() not in TEXT_FIELDS

    def items(self, lookup: Any, rhs: Any) -> Any:
        """Return the items of an IN without NULLs; FALSE if none is left."""
        items = [item for item in rhs if item is not None]
        if not items:
            return FALSE
        if any(hasattr(item, "as_sql") for item in items):
            raise Refused(f"{expression_text(lookup)} has items that are computed")
        if isinstance(lookup, json_fields.KeyTransformIn):
            return items
        return self.prepared(lookup, items)

    def prepared(self, lookup: Any, values: list[Any]) -> list[Any]:
        """Return the values as the field hands them to the store."""
        field = lookup.lhs.output_field
        if isinstance(lookup.lhs, Col) and field.is_relation:
            field = lookup.lhs.target
        field = getattr(field, "target_field", None) or field
        try:
            found = [of_filter(field, value, self.store) for value in values]
        except TypeError as error:  # of a constant without a type, as Value("text")
            text = expression_text(lookup)
            raise Refused(f"SQL compares the constant in {text} as it is") from error
        found = [item.value if isinstance(item, Json) else item for item in found]
        for item in found:
            if type(item) is int and item not in INT64:
                text = expression_text(lookup)
                raise Refused(f"{text} has numbers of more than 64 bits")
            if type(item) is float and item != item:
                raise Refused(f"{expression_text(lookup)} has NaN, which is NULL")
        return found

    def values_of(self, lookup: Any, lookup_type: str) -> Any:
        """Return the values of an uncorrelated IN (subquery)."""
        query = lookup.rhs
        if self.subquery_values is None or lookup_type != "in":
            raise Refused(f"{expression_text(lookup)} compares with a subquery")
        selected = query.output_field
        if selected is None or not of_one_kind(
            self.store, lookup.lhs.output_field, selected
        ):
            raise Refused(
                f"the subquery of {expression_text(lookup)} is of another type"
            )
        if getattr(query, "_db", None) not in (None, self.store.alias):
            # Django refuses it when it writes the SQL.
            raise Refused(f"the subquery of {expression_text(lookup)} is elsewhere")
        values = self.subquery_values(query)
        if values is None:
            raise Refused(f"the subquery of {expression_text(lookup)} is correlated")
        # One in which nothing can match is not asked for.
        return FALSE if values.planned is None else values

    def year(self, lookup: Any, negated: bool) -> Condition:
        extract = lookup.lhs
        if type(extract) is not functions.ExtractYear or not isinstance(
            lookup.rhs, int
        ):
            raise Refused(f"{expression_text(lookup)} is no lookup of one year")
        column = self.column(extract.lhs)
        if not 1 <= lookup.rhs <= 9998:
            raise Refused(f"the year {lookup.rhs} has no bounds that Python can hold")
        zone = extract.get_tzname() if extract.tzinfo else None
        if isinstance(extract.lhs.output_field, fields.DateTimeField):
            if zone is not None:
                raise Refused(f"the year of {column} is asked for in another time zone")
            bounds = self.store.ops.year_lookup_bounds_for_datetime_field(lookup.rhs)
        else:
            bounds = self.store.ops.year_lookup_bounds_for_date_field(lookup.rhs)
        return Leaf(column, *YEAR_LOOKUPS[type(lookup)](*bounds), negated)

    def date(self, lookup: Any, lookup_type: str, negated: bool) -> Condition:
        """Return a lookup on the date of a datetime as a range of the datetime."""
        day, column = lookup.rhs, self.column(lookup.lhs.lhs)
        if lookup_type == "isnull":
            return Leaf(column, "isnull", day, negated)
        if type(day) is not date or lookup_type not in DATE_RANGES:
            raise Refused(f"{expression_text(lookup)} compares no date")
        if not isinstance(lookup.lhs.lhs.output_field, fields.DateTimeField):
            raise Refused(f"{column} is no datetime")
        zone = lookup.lhs.tzinfo or timezone.get_current_timezone()

        def midnight(day: date) -> Any:
            start = datetime(day.year, day.month, day.day)
            if settings.USE_TZ:
                start = start.replace(tzinfo=zone)
            return self.store.ops.adapt_datetimefield_value(start)

        if day.year >= 9999:
            raise Refused(f"{day} has no next day that Python can hold")
        ranges = DATE_RANGES[lookup_type](
            midnight(day), midnight(day + timedelta(days=1))
        )
        leaves = tuple(Leaf(column, *part, negated) for part in ranges)
        return leaves[0] if len(leaves) == 1 else Node(OR if negated else AND, leaves)

    def part(self, lookup: Any, lookup_type: str, negated: bool) -> Condition:
        """Return the condition on a part of a date or time, such as its month."""
        if lookup_type != "exact" or type(lookup.rhs) is not int:
            raise Refused(f"{expression_text(lookup)} is no equality with a number")
        extract = lookup.lhs
        column = self.column(extract.lhs)
        is_datetime = isinstance(extract.lhs.output_field, fields.DateTimeField)
        if is_datetime and settings.USE_TZ and extract.get_tzname() != "UTC":
            raise Refused(f"a part of {column} is asked for in a time zone not UTC")
        return Leaf(column, PART_EXTRACTS[type(extract)], lookup.rhs, negated)

    def tuple_lookup(self, lookup: Any, negated: bool) -> Condition:
        """Return the condition on a composite key as one on its columns."""
        columns = [self.column(part) for part in lookup.lhs]
        parts = list(lookup.lhs)
        if isinstance(lookup, tuple_lookups.TupleExact):
            rows = [lookup.rhs]
        elif isinstance(lookup, tuple_lookups.TupleIn):
            rows = lookup.rhs
        else:
            raise Refused(f"{type(lookup).__name__} compares several columns at once")
        if isinstance(rows, Query) or hasattr(rows, "as_sql"):
            raise Refused("a composite key is compared with a subquery")
        outer, inner = (AND, OR) if negated else (OR, AND)
        found = []
        for row in rows:
            if hasattr(row, "as_sql") or any(
                value is None or hasattr(value, "as_sql") for value in row
            ):
                raise Refused("a part of a composite key is NULL or computed")
            leaves = tuple(
                Leaf(
                    column,
                    "exact",
                    of_filter(part.output_field, value, self.store, prepared=False),
                    negated,
                )
                for column, part, value in zip(columns, parts, row, strict=True)
            )
            found.append(Node(inner, leaves))
        return found[0] if len(found) == 1 else Node(outer, tuple(found))

    def all_of(self, children: list[Any], negated: bool) -> Condition:
        return self.joined(OR if negated else AND, children, negated)

    def any_of(self, children: list[Any], negated: bool) -> Condition:
        return self.joined(AND if negated else OR, children, negated)

    def odd_of(self, children: list[Any], negated: bool) -> Condition:
        """Return XOR as Django writes it: true if an odd number of the children is.

        NULL counts as not true.
        """
        if len(children) > MAX_XOR:
            raise Refused(f"XOR of more than {MAX_XOR} conditions is too long")
        true: Condition = FALSE
        false: Condition = TRUE
        for child in children:
            yes = self.condition(child)
            no = untrue(yes)
            true, false = (
                disjunction(conjunction(true, no), conjunction(false, yes)),
                disjunction(conjunction(true, yes), conjunction(false, no)),
            )
        return false if negated else true

    def joined(self, connector: str, children: list[Any], negated: bool) -> Condition:
        found = []
        for child in children:
            try:
                found.append(self.condition(child, negated))
            except EmptyResultSet:
                found.append(TRUE if negated else FALSE)
            except FullResultSet:
                found.append(FALSE if negated else TRUE)
        return combine(connector, found)


def untrue(condition: Condition) -> Condition:
    """Return a condition that is true where this one is false or NULL."""
    if isinstance(condition, Node):
        connector = OR if condition.connector == AND else AND
        return combine(connector, map(untrue, condition.children))
    opposite = Leaf(
        condition.column, condition.lookup_type, condition.value, not condition.negated
    )
    if condition.lookup_type == "isnull":
        return opposite
    if condition.column.db_type == "json":
        raise Refused(f"the negation of a lookup in the JSON of {condition.column}")
    if condition.column.is_many:
        return opposite
    nulls = [Leaf(condition.column, "isnull", True)]
    if isinstance(condition.value, Column):
        nulls.append(Leaf(condition.value, "isnull", True))
    elif (
        condition.lookup_type == "in"
        and not isinstance(condition.value, list)
        and not condition.value.without_null
    ):
        raise Refused(f"the subquery on {condition.column} is negated")
    return disjunction(opposite, *nulls)


def top_level(where: WhereNode) -> list[Any]:
    """Return the parts of a WHERE tree that must all hold."""
    if where.negated or (where.connector != AND and len(where.children) > 1):
        return [where]
    return list(where.children)


TREES = {AND: Translator.all_of, OR: Translator.any_of, XOR: Translator.odd_of}
