"""GROUP BY over one collection as one `$group` pipeline."""

from collections.abc import Callable, Iterator
from typing import Any

from bson import Decimal128
from django.db import NotSupportedError
from django.db.models import aggregates
from django.db.models.expressions import Col, OrderBy, Ref, Star, Value

from ..query import Grouping

NUMBERS = {"int", "long", "double", "decimal"}
ORDERED = NUMBERS | {"string", "date", "datetime", "time", "duration"}


def present(path: str) -> dict[str, Any]:
    """1 where the column is not NULL, else 0."""
    return {"$cond": [{"$gt": [path, None]}, 1, 0]}


class Pipeline:
    """Translates a Grouping; NotSupportedError where MongoDB would answer otherwise."""

    def __init__(self, grouping: Grouping, query):
        self.grouping = grouping
        self.query = query
        self.keys: dict[str, Any] = {}
        self.accumulators: dict[str, Any] = {}
        self.finals: dict[str, Any] = {}
        self.converters: dict[str, Callable | None] = {}
        if grouping.having is not None:
            raise NotSupportedError("MongoDB leaves HAVING to the planner.")
        for expression in grouping.group_by or ():
            self.key(expression)
        self.output = [self.item(expression) for expression in grouping.select]
        self.sort = self.sorting()

    def column(self, expression) -> tuple[str, str]:
        """(document path, db_type) of a plain column."""
        if type(expression) is not Col:
            raise NotSupportedError("MongoDB groups plain columns only.")
        db_type = expression.target.db_type(self.query.connection)
        if getattr(expression.target, "db_collation", None):
            raise NotSupportedError("MongoDB does not know this collation.")
        return "$" + self.query.key(expression.target.column), db_type

    def key(self, expression) -> str:
        path, db_type = self.column(expression)
        if db_type not in ORDERED | {"bool", "uuid"}:
            raise NotSupportedError(f"MongoDB groups no {db_type}.")
        for name, known in self.keys.items():
            if known == {"$ifNull": [path, None]}:
                return name
        name = f"k{len(self.keys)}"
        self.keys[name] = {"$ifNull": [path, None]}
        self.converters[name] = self.query.compiler.from_db_converter(db_type)
        return name

    def item(self, expression) -> Any:
        """Where a selected expression is found in a group's document."""
        while isinstance(expression, Ref):
            expression = expression.source
        if type(expression) is Value:
            return expression
        if type(expression) is Col:
            return self.key(expression)
        return self.aggregate(expression)

    def aggregate(self, expression) -> str:
        translate = AGGREGATES.get(type(expression))
        if (
            translate is None
            or expression.filter is not None
            or expression.distinct
            or getattr(expression, "order_by", None)
        ):
            raise NotSupportedError("MongoDB leaves this aggregate to the planner.")
        (argument,) = expression.get_source_expressions()[:1]
        name = f"a{len(self.accumulators)}"
        translate(self, name, argument)
        return name

    def sorting(self) -> dict[str, int]:
        sort: dict[str, int] = {}
        for ordering in self.grouping.ordering:
            if (
                type(ordering) is not OrderBy
                or ordering.nulls_first
                or ordering.nulls_last
            ):
                raise NotSupportedError("MongoDB sorts NULLs first.")
            item = self.item(ordering.expression)
            if isinstance(item, str):
                path = self.key_path(item) if item in self.keys else item
                sort.setdefault(path, -1 if ordering.descending else 1)
        return sort

    def stages(self, match: dict[str, Any]) -> list[dict[str, Any]]:
        grouping = self.grouping
        stages: list[dict[str, Any]] = [{"$match": match}] if match else []
        stages.append({"$group": {"_id": self.group_id, **self.accumulators}})
        if self.finals:
            stages.append({"$set": self.finals})
        if self.sort:
            stages.append({"$sort": self.sort})
        if grouping.low_mark:
            stages.append({"$skip": grouping.low_mark})
        if grouping.high_mark is not None:
            stages.append({"$limit": grouping.high_mark - grouping.low_mark})
        return stages

    @property
    def group_id(self) -> Any:
        """One key stands for itself: a missing field and null are one group then."""
        if len(self.keys) == 1:
            ((path, _),) = [key["$ifNull"] for key in self.keys.values()]
            return path
        return self.keys or None

    def key_path(self, name: str) -> str:
        return "_id" if len(self.keys) == 1 else f"_id.{name}"

    def row(self, document: dict[str, Any]) -> list:
        keys = document["_id"] or {}
        if len(self.keys) == 1:
            keys = dict.fromkeys(self.keys, document["_id"])
        row = []
        for item in self.output:
            if not isinstance(item, str):
                row.append(item.value)
                continue
            value = keys.get(item) if item in self.keys else document.get(item)
            convert = self.converters.get(item)
            if value is not None and convert is not None:
                value = convert(value)
            row.append(value)
        return row

    def rows(self, documents: Iterator[dict[str, Any]]) -> Iterator[list]:
        empty = self.grouping.group_by is None
        for document in documents:
            empty = False
            yield self.row(document)
        if empty:  # one row for no rows at all, as SQL has it
            yield self.row({"_id": {}, **dict.fromkeys(self.counts, 0)})

    @property
    def counts(self) -> list[str]:
        return [name for name in self.accumulators if name not in self.converters]


def count(pipeline: Pipeline, name: str, argument) -> None:
    if type(argument) is Star:
        pipeline.accumulators[name] = {"$sum": 1}
    else:
        path, _ = pipeline.column(argument)
        always = not argument.target.null
        pipeline.accumulators[name] = {"$sum": 1 if always else present(path)}


def total(pipeline: Pipeline, name: str, argument) -> None:
    path = numeric(pipeline, argument, NUMBERS)
    pipeline.accumulators[name] = {"$sum": path}
    pipeline.accumulators[f"{name}_n"] = {"$sum": present(path)}
    pipeline.finals[name] = {"$cond": [f"${name}_n", f"${name}", None]}
    pipeline.converters[name] = plain_number


def average(pipeline: Pipeline, name: str, argument) -> None:
    pipeline.accumulators[name] = {"$avg": numeric(pipeline, argument, NUMBERS)}
    pipeline.converters[name] = plain_number


def extreme(operator: str) -> Callable[[Pipeline, str, Any], None]:
    def translate(pipeline: Pipeline, name: str, argument) -> None:
        path = numeric(pipeline, argument, ORDERED)
        _, db_type = pipeline.column(argument)
        convert = pipeline.query.compiler.from_db_converter(db_type)
        pipeline.accumulators[name] = {operator: path}
        pipeline.converters[name] = convert or plain_number

    return translate


def numeric(pipeline: Pipeline, argument, types: set[str]) -> str:
    path, db_type = pipeline.column(argument)
    if db_type not in types:
        raise NotSupportedError(f"MongoDB leaves aggregates of {db_type} alone.")
    return path


def plain_number(value: Any) -> Any:
    return value.to_decimal() if isinstance(value, Decimal128) else value


AGGREGATES: dict[type, Callable[[Pipeline, str, Any], None]] = {
    aggregates.Count: count,
    aggregates.Sum: total,
    aggregates.Avg: average,
    aggregates.Min: extreme("$min"),
    aggregates.Max: extreme("$max"),
}
