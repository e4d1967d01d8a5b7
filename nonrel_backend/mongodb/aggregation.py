"""GROUP BY over one collection as one aggregation pipeline."""

import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import EmptyResultSet, FullResultSet
from django.db import NotSupportedError, OperationalError
from django.db.models import aggregates
from django.db.models.expressions import OrderBy, Ref, Star, Value
from django.db.models.functions import Coalesce

from ..conditions import Column
from ..planner.expressions import expression_text
from ..planner.refusal import Refused
from ..planner.translate import Translator
from ..query import Grouping
from .date_groups import by_index, days_first
from .expressions import (
    NUMBERS,
    Expression,
    Expressions,
    plain_number,
    result_converter,
)
from .filters import to_filter
from .values import to_bson

SUMMED = NUMBERS | {"decimal"}
ORDERED = SUMMED | {"string", "date", "datetime", "time", "duration", "objectId"}


@dataclass(frozen=True)
class Item:
    """A value of each group: its path in the group's document, and its type there."""

    path: str
    db_type: str
    # From stored to Python values, None if they are the same.
    convert: Callable[[Any], Any] | None
    # SQL's answer if there are no rows to group.
    empty: Any = None


class Having(Translator):
    """Translates conditions on the items of a group."""

    def __init__(self, pipeline: "Pipeline") -> None:
        super().__init__(pipeline.query.connection, "")
        self.pipeline = pipeline

    def column(self, expression: Any) -> Column:
        item = self.pipeline.item(expression)
        if not isinstance(item, Item):
            raise NotSupportedError(
                f"MongoDB does not compare the constant {expression_text(expression)} "
                "in HAVING"
            )
        return Column(item.path, item.db_type)


class Pipeline:
    """A Grouping as the stages of an aggregation.

    Raise NotSupportedError if MongoDB would answer otherwise than SQLite.
    """

    def __init__(self, grouping: Grouping, query: Any) -> None:
        self.grouping = grouping
        # The query has the pipeline: a strong reference would be a cycle.
        self.query = query = weakref.proxy(query)
        self.expressions = Expressions(query)
        self.keys: list[Any] = []
        self.accumulators: dict[str, Any] = {}
        self.finals: dict[str, Any] = {}
        self.items: list[tuple[Any, Item]] = []
        for expression in grouping.group_by or ():
            self.key(expression)
        self.single = len(self.keys) == 1
        self.output = [self.item(expression) for expression in grouping.select]
        self.having = self.filter()
        self.sort = self.sorting()

    def key(self, expression: Any) -> None:
        """Add a key of the groups."""
        found = self.expressions(expression)
        if found.db_type not in ORDERED | {"bool", "uuid"}:
            raise NotSupportedError(
                f"MongoDB does not group by {expression_text(expression)}, of type "
                f"{found.db_type}, as SQLite does"
            )
        item = Item(
            f"_id.k{len(self.keys)}",
            self.stored_type(found),
            result_converter(self.query.compiler, found.db_type),
        )
        self.items.append((expression, item))
        self.keys.append(found.value)

    def stored_type(self, found: Expression) -> str:
        """Return the db_type of an expression's values in the documents of groups."""
        is_moment = found.db_type == "datetime"
        return self.expressions.moment_type if is_moment else found.db_type

    def item(self, expression: Any) -> Item | Value:
        """Return where a group's document has a selected expression, or a constant.

        An aggregate that is new becomes an accumulator.
        """
        while isinstance(expression, Ref):
            expression = expression.source
        if type(expression) is Value:
            return expression
        for known, item in self.items:
            if known == expression:
                return self.placed(item)
        if type(expression) is Coalesce:
            item = self.defaulted(expression)
        else:
            item = self.aggregate(expression)
        self.items.append((expression, item))
        return item

    def placed(self, item: Item) -> Item:
        """Return the item of a key where `group_id` puts it.

        A single key is the `_id` itself: a missing field and null are one group then.
        """
        if self.single and item.path.startswith("_id"):
            return Item("_id", item.db_type, item.convert)
        return item

    def defaulted(self, expression: Coalesce) -> Item:
        """Add an aggregate with a default for NULL."""
        aggregate, *rest = expression.get_source_expressions()
        item = self.item(aggregate)
        if not isinstance(item, Item) or len(rest) != 1 or type(rest[0]) is not Value:
            raise NotSupportedError(
                f"MongoDB computes no {expression_text(expression)} but of an "
                "aggregate and a constant"
            )
        name = f"a{len(self.accumulators)}d{len(self.finals)}"
        (default,) = rest
        stored = to_bson(item.db_type, default.value)
        self.finals[name] = {"$ifNull": [f"${item.path}", {"$literal": stored}]}
        return Item(name, item.db_type, item.convert, stored)

    def aggregate(self, expression: Any) -> Item:
        """Add an aggregate."""
        translate = AGGREGATES.get(type(expression))
        if translate is None or getattr(expression, "order_by", None):
            raise NotSupportedError(
                f"MongoDB does not aggregate {expression_text(expression)} as SQLite "
                "does"
            )
        if expression.distinct and translate is not count:
            raise NotSupportedError(
                f"MongoDB does not compute {expression_text(expression)} of distinct "
                "values as SQLite does"
            )
        argument: Any = expression.get_source_expressions()[0]
        found = None if type(argument) is Star else self.expressions(argument)
        if expression.filter is not None:
            # Django 6.0 keeps the condition inside an expression of its own.
            where = getattr(expression.filter, "condition", expression.filter)
            condition = self.expressions.condition(where)
            if condition in (False, {"$or": []}):
                raise NotSupportedError(
                    f"{expression_text(expression)} is of no row, which Django itself "
                    "knows"
                )
            name = f"a{len(self.accumulators)}"
            if translate is count and not expression.distinct:
                if found is not None and not found.always:
                    condition = {"$and": [condition, found.present]}
                self.accumulators[name] = {"$sum": {"$cond": [condition, 1, 0]}}
                return Item(name, "long", None, 0)
            value = {"$literal": 1} if found is None else found.value
            db_type = "int" if found is None else found.db_type
            found = Expression({"$cond": [condition, value, None]}, db_type)
        return translate(self, f"a{len(self.accumulators)}", found, expression)

    def filter(self) -> dict[str, Any]:
        """Return the filter of the groups that HAVING is."""
        if self.grouping.having is None:
            return {}
        try:
            condition = Having(self).condition(self.grouping.having)
        except (Refused, EmptyResultSet, FullResultSet) as error:
            reason = str(error) or "MongoDB does not filter groups by this HAVING"
            raise NotSupportedError(reason) from error
        return to_filter(condition, lambda column: column.name)

    def sorting(self) -> dict[str, int]:
        """Return the $sort of the groups."""
        sort: dict[str, int] = {}
        for ordering in self.grouping.ordering:
            if (
                type(ordering) is not OrderBy
                or ordering.nulls_first
                or ordering.nulls_last
            ):
                raise NotSupportedError(
                    "MongoDB sorts NULLs first, and groups by expressions without "
                    "nulls_first or nulls_last only"
                )
            item = self.item(ordering.expression)
            if isinstance(item, Item):
                sort.setdefault(item.path, -1 if ordering.descending else 1)
        return sort

    def stages(self, match: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the pipeline's stages over the documents that `match` filters."""
        grouping = self.grouping
        stages = days_first(self, match) or self.grouped(match)
        if self.finals:
            # One stage for each, as a later one may read an earlier.
            stages += [{"$set": {name: final}} for name, final in self.finals.items()]
        if self.having:
            stages.append({"$match": self.having})
        if self.sort:
            stages.append({"$sort": self.sort})
        if grouping.low_mark:
            stages.append({"$skip": grouping.low_mark})
        if grouping.high_mark is not None:
            stages.append({"$limit": grouping.high_mark - grouping.low_mark})
        return stages

    def grouped(self, match: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the stages that group the documents."""
        if self.single and not self.accumulators and type(self.keys[0]) is str:
            match = by_index(match, self.keys[0][1:])
        stages: list[dict[str, Any]] = [{"$match": match}] if match else []
        return [*stages, {"$group": {"_id": self.group_id, **self.accumulators}}]

    @property
    def group_id(self) -> Any:
        """The `_id` of $group: the key, a document of the keys, or None for all."""
        if self.single:
            return self.keys[0]
        keys = {f"k{n}": {"$ifNull": [key, None]} for n, key in enumerate(self.keys)}
        return keys or None

    def reader(self) -> Callable[[dict[str, Any]], list]:
        """Return the function from a group's document to the Python values selected."""
        constants = [
            each.value if isinstance(each, Value) else None for each in self.output
        ]
        found = [
            (index, item.path.partition("."), item.convert)
            for index, item in enumerate(self.output)
            if isinstance(item, Item)
        ]
        read = [
            (index, first, last, convert) for index, (first, _, last), convert in found
        ]

        def row(document: dict[str, Any]) -> list:
            values = constants.copy()
            for index, first, last, convert in read:
                value = document.get(first)
                if last:
                    value = value.get(last)  # type: ignore[union-attr]
                if value is not None:
                    values[index] = value if convert is None else convert(value)
            return values

        return row

    def rows(self, documents: Iterator[dict[str, Any]]) -> Iterator[list]:
        """Yield the rows of the groups' documents."""
        row = self.reader()
        empty = not self.keys and not self.having and not self.grouping.low_mark
        for document in documents:
            empty = False
            yield row(document)
        if empty and self.grouping.high_mark != 0:
            # Without GROUP BY, SQL makes one row of no rows.
            yield row({item.path: item.empty for _, item in self.items})


def count(
    pipeline: Pipeline, name: str, found: Expression | None, expression: Any
) -> Item:
    if found is None or (found.always and not expression.distinct):
        pipeline.accumulators[name] = {"$sum": 1}
    elif expression.distinct:
        value = {"$cond": [found.present, found.value, "$$REMOVE"]}
        pipeline.accumulators[name] = {"$addToSet": value}
        pipeline.finals[name] = {"$size": f"${name}"}
    else:
        pipeline.accumulators[name] = {"$sum": {"$cond": [found.present, 1, 0]}}
    return Item(name, "long", None, 0)


def total(pipeline: Pipeline, name: str, found: Expression, expression: Any) -> Item:
    require(found, SUMMED, expression)
    pipeline.accumulators[name] = {"$sum": found.value}
    if not found.always or not pipeline.keys:
        pipeline.accumulators[f"{name}_n"] = {"$sum": {"$cond": [found.present, 1, 0]}}
        pipeline.finals[name] = {"$cond": [f"${name}_n", f"${name}", None]}
    is_whole = found.db_type in ("int", "long")
    return Item(name, found.db_type, whole_sum if is_whole else plain_number)


def whole_sum(value: Any) -> Any:
    """Return a sum of integers; raise OperationalError if it has passed 64 bits.

    The server goes on with a double, which is not exact. SQLite raises the same.
    """
    if isinstance(value, float) and abs(value) >= 2**63:
        raise OperationalError("integer overflow")
    return plain_number(value)


def mean(operator: str, types: set[str]) -> Callable[..., Item]:
    """Return the translation of an average, a deviation or a variance."""

    def translate(
        pipeline: Pipeline, name: str, found: Expression, expression: Any
    ) -> Item:
        require(found, types, expression)
        if operator == "$avg":
            chosen = operator
        else:
            is_sample = expression.function.endswith("SAMP")
            chosen = "$stdDevSamp" if is_sample else "$stdDevPop"
        pipeline.accumulators[name] = {chosen: found.value}
        if operator == "variance":
            pipeline.finals[name] = {"$multiply": [f"${name}", f"${name}"]}
        db_type = "decimal" if found.db_type == "decimal" else "double"
        return Item(name, db_type, plain_number)

    return translate


def extreme(operator: str) -> Callable[..., Item]:
    """Return the translation of a minimum or maximum."""

    def translate(
        pipeline: Pipeline, name: str, found: Expression, expression: Any
    ) -> Item:
        require(found, ORDERED, expression)
        convert = result_converter(pipeline.query.compiler, found.db_type)
        pipeline.accumulators[name] = {operator: found.value}
        return Item(name, pipeline.stored_type(found), convert or plain_number)

    return translate


def require(found: Expression, types: set[str], expression: Any) -> None:
    """Raise NotSupportedError if the aggregated values are not of one of the types."""
    if found.db_type not in types:
        raise NotSupportedError(
            f"MongoDB does not compute {expression_text(expression)} of values of type "
            f"{found.db_type} as SQLite does"
        )


# Each adds the accumulator `name` for the values `found` of an aggregate.
AGGREGATES: dict[type, Callable[..., Item]] = {
    aggregates.Count: count,
    aggregates.Sum: total,
    aggregates.Avg: mean("$avg", SUMMED),
    aggregates.Min: extreme("$min"),
    aggregates.Max: extreme("$max"),
    aggregates.StdDev: mean("deviation", NUMBERS),
    aggregates.Variance: mean("variance", NUMBERS),
}
