"""Filters of rows as conditions of DynamoDB, with placeholders: Expressions."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from django.db import NotSupportedError

from ..kv.predicates import CompoundPredicate, Predicate
from .items import NUMBERS, SHAPES, TEXTS, Item
from .tables import DynamoTable
from .values import DIGITS, Attribute

# The attributes of an item's version and intent: see expressions.py.
VERSION, INTENT = "_v", "_i"
# Lookups as conditions of a filter; and the operands of an IN (Amazon's documentation).
TESTS = {
    "exact": "{column} = {}",
    "gt": "{column} > {}",
    "gte": "{column} >= {}",
    "lt": "{column} < {}",
    "lte": "{column} <= {}",
    "range": "{column} >= {} AND {column} <= {}",
    "startswith": "begins_with({column}, {})",
    "in": "{column} IN ({})",
}
MOST_OPERANDS = 100
# Bytes of an expression (Amazon's documentation).
LONGEST_EXPRESSION = 4096
# Types of which a comparison by DynamoDB is always the one by value; of decimals it is
# where each is a number. The types of their attributes that are not texts.
EXACT = (*NUMBERS, *TEXTS, "bool")
DIGITS_OF_N = range(1, DIGITS + 1)
TAGS = {**dict.fromkeys((*NUMBERS, "decimal"), "N"), "bool": "BOOL"}


class Expressions:
    """The expressions of a request, with placeholders for their names and values."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}
        self.values: dict[str, Attribute] = {}

    def name(self, attribute: str) -> str:
        return self.names.setdefault(attribute, f"#{len(self.names)}")

    def value(self, value: Attribute) -> str:
        found = f":{len(self.values)}"
        self.values[found] = value
        return found

    def equal(self, attribute: str, value: Attribute) -> str:
        return f"{self.name(attribute)} = {self.value(value)}"

    def absent(self, attribute: str) -> str:
        return f"attribute_not_exists({self.name(attribute)})"

    def of_commit(self, commit: str) -> str:
        """Return the condition that an item has the intent of a commit."""
        return f"{self.name(INTENT)}.{self.equal('t', {'S': commit})}"

    def assignments(
        self, attributes: Item, removed: list[str], sums: Sequence[str] = ()
    ) -> str:
        """Return an UpdateExpression."""
        sets = ", ".join([*(self.equal(*each) for each in attributes.items()), *sums])
        names = ", ".join(map(self.name, removed))
        parts = [f"SET {sets}" if sets else "", f"REMOVE {names}" if names else ""]
        return " ".join(filter(None, parts))

    def parameters(self, **expressions: Any) -> dict[str, Any]:
        """Return expressions with their names and values, without those that are empty.

        It comes last: the placeholders are made before.
        """
        found = {
            **expressions,
            "ExpressionAttributeNames": {key: name for name, key in self.names.items()},
            "ExpressionAttributeValues": self.values,
        }
        return {key: each for key, each in found.items() if each}


def is_testable(
    table: DynamoTable,
    predicate: Predicate | CompoundPredicate,
    types: Sequence[str] = (*NUMBERS, *TEXTS),
) -> bool:
    """Return whether DynamoDB can tell that a predicate is not true for an item."""
    if isinstance(predicate, CompoundPredicate):
        quantor = all if predicate.connector == "OR" else any
        testable = [is_testable(table, each) for each in predicate.children]
        return bool(testable) and quantor(testable)
    value = predicate.value
    if predicate.lookup_type == "in" and not 0 < len(value) <= MOST_OPERANDS:
        return False
    return (
        predicate.lookup_type in TESTS
        and predicate.db_type in types
        # Rows with a text in another form are read, for an error.
        and (table.has_versions or predicate.db_type not in SHAPES)
        and predicate.column in table.columns
        # An empty key has another form, which begins otherwise.
        and (predicate.column not in table.attributes or value != "")
        and not (predicate.negated or predicate.other or predicate.path)
        and value is not None
    )


def tested(
    table: DynamoTable, predicate: Predicate | CompoundPredicate, found: Expressions
) -> str:
    """Return a condition of all items for which a testable predicate is true."""
    if isinstance(predicate, CompoundPredicate):
        parts = [
            tested(table, each, found)
            for each in predicate.children
            if is_testable(table, each)
        ]
        is_any = predicate.connector == "OR" and len(parts) > 1
        return f"({' OR '.join(parts)})" if is_any else " AND ".join(parts)
    column, value = predicate.column, predicate.value
    values = value if predicate.lookup_type in ("in", "range") else [value]
    names = [found.value(table.write_item({column: each})[column]) for each in values]
    if predicate.lookup_type == "in":
        names = [", ".join(names)]
    return TESTS[predicate.lookup_type].format(*names, column=found.name(column))


def exactly(
    table: DynamoTable, predicate: Predicate | CompoundPredicate, found: Expressions
) -> str:
    """Return the condition of just the items for which a predicate is true.

    Raise NotSupportedError if there is none. An item whose attribute has another type
    than its column does not meet it.
    """
    if isinstance(predicate, CompoundPredicate):
        parts = [exactly(table, each, found) for each in predicate.children]
        return f"({f' {predicate.connector} '.join(parts)})"
    name = found.name(predicate.column)
    column = table.columns.get(predicate.column, {})
    types = [*EXACT, "decimal"] if column.get("max_digits") in DIGITS_OF_N else EXACT
    is_exact = predicate.db_type in types and not predicate.path
    if predicate.lookup_type == "isnull" and is_exact:
        null = f"attribute_type({name}, {found.value({'S': 'NULL'})})"
        null = f"({found.absent(predicate.column)} OR {null})"
        return null if predicate.value != predicate.negated else f"NOT {null}"
    plain = replace(predicate, negated=False)
    if not is_exact or not is_testable(table, plain, types):
        raise NotSupportedError(f"DynamoDB has no condition for {predicate.leaf}.")
    test = tested(table, plain, found)
    if not predicate.negated:
        return f"({test})"
    tag = found.value({"S": TAGS.get(predicate.db_type, "S")})
    return f"(attribute_type({name}, {tag}) AND NOT ({test}))"
