"""What a store can take of an SQL text: the conditions of a WHERE on one table."""

import re
from datetime import datetime
from typing import Any

from django.db import models

from ..conditions import Column, Condition, Leaf
from ..local.texts import unquoted
from ..values.columns import stored_field

NAME = r'"(?:[^"]|"")+"|\w+'
TEST = rf"(?:{NAME})\s*(?:[<>]=?|=)\s*%s|(?:{NAME})\s+IN\s*\(%s(?:\s*,\s*%s)*\)"
# One table and a WHERE of nothing but comparisons with parameters.
SIMPLE = re.compile(
    rf"\s*(?:SELECT\s(?:(?!\bSELECT\b).)*?\bFROM|DELETE\s+FROM|UPDATE)\s+"
    rf"(?P<table>{NAME})(?:\s+SET\s(?:(?!\bSELECT\b).)*?)?\s+WHERE\s+"
    rf"(?P<tests>(?:{TEST})(?:\s+AND\s+(?:{TEST}))*)\s*;?\s*",
    re.IGNORECASE | re.DOTALL,
)
ONE_TEST = re.compile(
    rf"(?P<column>{NAME})\s*(?P<operator>[<>]=?|=|IN\b)\s*(?P<marks>%s|\([^)]*\))",
    re.IGNORECASE,
)
LOOKUPS = {"=": "exact", "<": "lt", "<=": "lte", ">": "gt", ">=": "gte", "IN": "in"}
# Where SQL and the ORM agree on what equal and less are, without a conversion.
COMPARABLE: dict[type, tuple[type[models.Field], ...]] = {
    str: (models.CharField, models.TextField),
    int: (models.IntegerField,),
    datetime: (models.DateTimeField,),
}


def simple_where(
    store: Any, sql: str, params: Any, table: str, fields: dict[str, Any]
) -> tuple[list[Condition], bool]:
    """Return the conditions of a text's WHERE, and whether they are all of it.

    Every row of the table that the text reads or writes satisfies them. `fields` is
    {column: field}.
    """
    found = SIMPLE.fullmatch(sql)
    if not found or isinstance(params, dict) or unquoted(found["table"]) != table:
        return [], False
    tests = [
        (test, test["marks"].count("%s")) for test in ONE_TEST.finditer(found["tests"])
    ]
    values = list(params or ())
    values = values[len(values) - sum(count for _, count in tests) :]
    conditions: list[Condition] = []
    for test, count in tests:
        used, values = values[:count], values[count:]
        field = fields.get(unquoted(test["column"]))
        condition = field and leaf(store, field, test["operator"].upper(), used)
        if condition:
            conditions.append(condition)
    return conditions, len(conditions) == len(tests)


def leaf(store: Any, field: Any, operator: str, values: list[Any]) -> Condition | None:
    """Return one comparison; None where SQL and the ORM may differ."""
    known = stored_field(field)
    if getattr(known, "db_collation", None) or not all(
        isinstance(known, COMPARABLE.get(type(value), ())) for value in values
    ):
        return None
    if isinstance(known, models.DateTimeField):
        values = list(map(store.ops.adapt_datetimefield_value, values))
    column = Column(field.column, field.db_type(store))
    return Leaf(column, LOOKUPS[operator], values if operator == "IN" else values[0])
