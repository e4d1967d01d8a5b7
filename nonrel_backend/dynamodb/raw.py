"""Rows that DynamoDB's own operations return, as instances of models."""

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Any

from django.db import NotSupportedError, connections

from ..cursor import Statement, result_of
from ..planner.scans import new_query
from ..query import translated_errors
from .expressions import row_stored
from .filters import INTENT, VERSION
from .values import Attribute, write_document

TAGS = {"S", "N", "B", "BOOL", "NULL", "L", "M", "SS", "NS", "BS"}


def attribute(value: Any) -> Attribute:
    """Return a Python value as DynamoDB's; one that is in that form stays as it is."""
    if isinstance(value, dict) and len(value) == 1 and TAGS.issuperset(value):
        return value
    if isinstance(value, float | Decimal):
        return {"N": str(value)}
    return write_document(value)


class RawRows:
    """The rows of a model that operations on its table return.

    They are as committed: what an open transaction has written is not among them.
    """

    def __init__(self, queryset: Any) -> None:
        self.queryset, self.model = queryset, queryset.model
        self.store: Any = connections[queryset.db]
        if self.store.vendor != "dynamodb":
            raise NotSupportedError(
                f"It is for DynamoDB, and {queryset.db!r} is another database."
            )
        if self.model._meta.concrete_model._meta.parents:
            raise NotSupportedError(
                f"{self.model._meta.label} has its fields in several tables."
            )
        self.table: Any = self.store.catalog.table(self.model._meta.db_table)
        self.is_consistent = not self.store.is_eventual(queryset.query)

    def call(self, operation: str, parameters: dict[str, Any]) -> Any:
        """Return the reply to an operation, which is logged as a statement."""

        def work() -> Any:
            with translated_errors(self.store):
                return self.store.connection.call(operation, **parameters)

        with self.store.cursor() as cursor:
            cursor.execute(Statement(work, lambda: f"{operation} {parameters}"))
            return result_of(cursor)

    def query(self, parameters: dict[str, Any]) -> Iterator[Any]:
        """Yield the instances that a Query finds, or a Scan without a key condition.

        With "Limit" it is one page, which reads so many items at most.
        """
        is_query = {"KeyConditionExpression", "KeyConditions"} & parameters.keys()
        values = parameters.get("ExpressionAttributeValues")
        parameters = {
            "ConsistentRead": self.is_consistent and not self.is_global(parameters),
            **parameters,
            "TableName": self.table.physical,
        }
        if values:
            values = {name: attribute(value) for name, value in values.items()}
            parameters["ExpressionAttributeValues"] = values
        is_partial = "ProjectionExpression" in parameters or not self.is_whole(
            parameters.get("IndexName")
        )
        while True:
            reply = self.call("query" if is_query else "scan", parameters)
            yield from self.instances(reply["Items"], is_partial)
            start = reply.get("LastEvaluatedKey")
            if not start or "Limit" in parameters:
                return
            parameters["ExclusiveStartKey"] = start

    def statement(self, text: str, values: Sequence[Any]) -> Iterator[Any]:
        """Yield the instances that a SELECT of PartiQL finds."""
        if text.split(None, 1)[0].upper() != "SELECT":
            raise NotSupportedError(
                "partiql() runs SELECT statements: others would not keep the entries "
                "of indexes and the versions of rows. Write by the ORM."
            )
        text = text.replace("{table}", f'"{self.table.physical}"')
        parameters: dict[str, Any] = {
            "Statement": text,
            "ConsistentRead": self.is_consistent,
        }
        if values:
            parameters["Parameters"] = list(map(attribute, values))
        is_partial = text.split(None, 2)[1] != "*"
        while True:
            reply = self.call("execute_statement", parameters)
            yield from self.instances(reply["Items"], is_partial)
            if not reply.get("NextToken"):
                return
            parameters["NextToken"] = reply["NextToken"]

    def index(self, name: str | None) -> Any:
        found = (each for each in self.table.secondary if each.native == name)
        return next(found, None)

    def is_global(self, parameters: dict[str, Any]) -> bool:
        index = self.index(parameters.get("IndexName"))
        return index is not None and index.entry["kind"] == "global"

    def is_whole(self, name: str | None) -> bool:
        """Return whether an index is known to have whole items."""
        index = self.index(name)
        return name is None or (index is not None and index.holds_rows)

    def instances(
        self, items: Iterable[dict[str, Any]], is_partial: bool
    ) -> Iterator[Any]:
        """Yield the instances of items; fields are deferred that partial ones lack."""
        table, key = self.table, {*self.table.attributes}
        items = [item for item in items if item.keys() >= key]
        if not is_partial:
            found = [row_stored(table, item) for item in items]
            access = self.store.access()
            rows = [each.value for each in access.resolved(table, table.primary, found)]
            yield from self.of_rows(rows, set(table.columns))
            return
        for item in items:
            row = table.row_of(item)
            item.pop(VERSION, None), item.pop(INTENT, None)
            yield from self.of_rows([row], {*row, *table.key})

    def of_rows(self, rows: list[dict[str, Any]], names: set[str]) -> Iterator[Any]:
        fields = [
            each
            for each in self.model._meta.concrete_fields
            if each.column and each.column in names
        ]
        converters = new_query(self.store, self.model, fields).converters(fields)
        lists = [
            [
                value if convert is None or value is None else convert(value)
                for value, convert in zip(
                    (row.get(field.column) for field in fields), converters, strict=True
                )
            ]
            for row in rows
            if self.table.holds(row)
        ]
        query = self.queryset.query
        compiler = query.get_compiler(self.queryset.db)
        alias = query.get_initial_alias()
        own = compiler.python_converters([each.get_col(alias) for each in fields])
        attnames = [each.attname for each in fields]
        for values in compiler.apply_converters(lists, own):
            yield self.model.from_db(self.queryset.db, attnames, values)
