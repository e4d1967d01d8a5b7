"""Samples of a table: which types the items have under which attributes."""

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any

from ..inference import Schema, Shape
from ..introspection import PartOfTable
from ..values.storing import INT64
from .filters import Expressions
from .items import Item
from .values import DIGITS, int_of

KINDS = {
    "S": "string",
    "BOOL": "bool",
    "B": "binary",
    "NULL": "null",
    "M": "object",
    "L": "array",
    "SS": "text set",
    "NS": "number set",
    "BS": "binary set",
}
SETS = {"text set", "number set", "binary set"}
CONDITIONS = {
    "exact": "{} = {}",
    "startswith": "begins_with({}, {})",
}


class Inside(Shape):
    """What values were seen inside of documents, where fractions are floats."""

    of_items = {"array", *SETS}
    fraction = "double"

    def kind_of(self, value: Any) -> str:
        ((tag, content),) = value.items()
        if tag != "N":
            return KINDS[tag]
        try:
            return "int" if int_of(content) in INT64 else self.fraction
        except ValueError:
            return self.fraction

    def parts_of(self, value: Any, kind: str) -> Iterable[Any]:
        ((tag, content),) = value.items()
        if kind in SETS:
            return [{tag[0]: each} for each in content]
        return content.items() if kind == "object" else content

    def number_of(self, value: Any, kind: str) -> Any:
        return (Decimal if kind == "decimal" else float)(value["N"])

    def is_empty(self, value: Any) -> bool:
        return not any(value.values())


class Values(Inside):
    """What values of an attribute were seen."""

    fraction = "decimal"

    def inner(self) -> Shape:
        return Inside()


class Items(Inside):
    """What items were seen."""

    def inner(self) -> Shape:
        return Values()


class DynamoSchema(Schema):
    fields = {
        "string": ("TextField", "string"),
        "bool": ("BooleanField", "bool"),
        "binary": ("BinaryField", "binary"),
    }
    of_sets = SETS
    most_digits = DIGITS


def shape_of(client: Any, name: str, size: int, part: PartOfTable | None) -> Shape:
    """Return what the first items of a table have, which come in no order."""
    shape = Items()
    for item in items(client, name, size, part):
        shape.add({"M": item})
    return shape


def items(
    client: Any, name: str, size: int, part: PartOfTable | None
) -> Iterator[Item]:
    """Yield the first items of a table, or of a part of it."""
    found, tests = Expressions(), []
    for column, lookup, value in part.conditions if part else ():
        tag = "N" if isinstance(value, int) else "S"
        value = found.value({tag: str(value)})
        tests.append(CONDITIONS[lookup].format(found.name(column), value))
    parameters = found.parameters(FilterExpression=" AND ".join(tests))
    left = size
    while True:
        reply = client.call("scan", TableName=name, Limit=size, **parameters)
        yield from reply["Items"][:left]
        left -= len(reply["Items"])
        if left <= 0 or not reply.get("LastEvaluatedKey"):
            return
        parameters["ExclusiveStartKey"] = reply["LastEvaluatedKey"]
