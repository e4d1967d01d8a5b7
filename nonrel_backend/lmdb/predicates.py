"""Conditions as Python functions of stored rows, exact under three-valued logic.

NaN is as NULL here, as it is in SQLite, by which all else is finished.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.db import NotSupportedError

from ..conditions import Column, Condition, Leaf, Node
from ..documents.testing import path_test
from ..values.comparisons import COMPARISONS, FOLDED, TEXT
from ..values.folding import fold
from .values import from_datetime, to_stored

Matches = Callable[[Any], bool]
DATE_PARTS: dict[str, Callable[[Any], int]] = {
    "month": lambda value: value.month,
    "day": lambda value: value.day,
    "week_day": lambda value: value.isoweekday() % 7 + 1,
    "iso_week_day": lambda value: value.isoweekday(),
    "hour": lambda value: value.hour,
    "minute": lambda value: value.minute,
    "second": lambda value: value.second,
    "quarter": lambda value: (value.month + 2) // 3,
    "week": lambda value: value.isocalendar()[1],
}
NUMBERS = {"int", "long", "double", "decimal"}
ORDERED = NUMBERS | {"string", "date", "datetime", "time", "duration", "bool"}
EQUAL = ORDERED | {"uuid", "binary"}
# Types whose stored form does not compare as the value does.
COMPARABLE: dict[str, Callable[[Any], Any]] = {"decimal": Decimal}
DATES: dict[str, Callable[[int], Any]] = {
    "date": date.fromordinal,
    "datetime": from_datetime,
}


def never(value: Any) -> bool:
    return False


def always(value: Any) -> bool:
    return True


NANS: dict[str, Matches] = {
    "double": lambda value: value != value,
    "decimal": lambda value: "NaN" in value,
}


@dataclass(slots=True)
class Test:
    """A leaf with its value as it is stored."""

    leaf: Leaf
    column: str
    db_type: str
    lookup_type: str
    value: Any
    negated: bool
    matches: Matches
    # The other column of a comparison of two.
    other: str | None = None
    # What of the column is tested.
    path: tuple = ()


@dataclass(slots=True)
class Tests:
    """AND or OR of tests."""

    connector: str
    children: list


def prepare(condition: Condition) -> "Test | Tests":
    """The condition's tests; NotSupportedError where it is left to the planner."""
    if isinstance(condition, Node):
        return Tests(condition.connector, [prepare(x) for x in condition.children])
    column, lookup_type = condition.column, condition.lookup_type
    if column.path:
        return prepare_path(condition)
    if column.db_type not in EQUAL and lookup_type != "isnull":
        raise NotSupportedError(f"LMDB has no {lookup_type!r} on {column.db_type}.")
    if isinstance(condition.value, Column):
        return compare_columns(condition)
    build = LEAVES.get(lookup_type)
    if build is None:
        raise NotSupportedError(f"LMDB has no lookup {lookup_type!r}.")
    value, matches = build(condition)
    if lookup_type != "isnull":
        matches = three_valued(matches, column.db_type, condition.negated)
    return Test(
        condition,
        column.name,
        column.db_type,
        lookup_type,
        value,
        condition.negated,
        matches,
    )


def prepare_path(leaf: Leaf) -> Test:
    """The test of what a path leads to in a document."""
    column = leaf.column
    value, matches = path_test(leaf, value_test, NANS.get(column.db_type, never))
    return Test(
        leaf,
        column.name,
        column.db_type,
        leaf.lookup_type,
        value,
        leaf.negated,
        matches,
        path=column.path,
    )


def value_test(leaf: Leaf) -> tuple[Any, Matches]:
    db_type = leaf.column.db_type
    build = LEAVES.get(leaf.lookup_type)
    if build is None or db_type not in EQUAL:
        raise NotSupportedError(f"LMDB has no {leaf.lookup_type!r} on {db_type}.")
    value, matches = build(leaf)
    return value, three_valued(matches, db_type, False)


def three_valued(matches: Matches, db_type: str, negated: bool) -> Matches:
    """True where the value is not NULL and matches, or does not if `negated`."""
    convert = COMPARABLE.get(db_type)
    if convert is not None:
        inner = matches

        def matches(value):
            return inner(convert(value))

    is_nan = NANS.get(db_type)
    if is_nan is not None:
        return lambda v: v is not None and not is_nan(v) and matches(v) != negated
    if negated:
        return lambda v: v is not None and not matches(v)
    return lambda v: v is not None and matches(v)


def is_null(leaf: Leaf) -> tuple[Any, Matches]:
    is_nan = NANS.get(leaf.column.db_type, never)
    if leaf.value != leaf.negated:
        return leaf.value, lambda v: v is None or is_nan(v)
    return leaf.value, lambda v: v is not None and not is_nan(v)


def comparison(leaf: Leaf) -> tuple[Any, Matches]:
    db_type = leaf.column.db_type
    if leaf.value is None:
        # Comparing with NULL is never true, nor is its negation.
        return None, always if leaf.negated else never
    if leaf.lookup_type != "exact" and db_type not in ORDERED | {"uuid", "binary"}:
        raise NotSupportedError(f"LMDB does not order {db_type}.")
    value = to_stored(db_type, leaf.value)
    if NANS.get(db_type, never)(value):
        return None, always if leaf.negated else never
    compare = COMPARISONS[leaf.lookup_type]
    wanted = COMPARABLE.get(db_type, same)(value)
    return value, lambda v: compare(v, wanted)


def same(value: Any) -> Any:
    return value


def in_list(leaf: Leaf) -> tuple[Any, Matches]:
    db_type = leaf.column.db_type
    values = [to_stored(db_type, each) for each in leaf.value if each is not None]
    is_nan = NANS.get(db_type, never)
    values = [each for each in values if not is_nan(each)]
    wanted = set(map(COMPARABLE.get(db_type, same), values))
    return values, wanted.__contains__


def in_range(leaf: Leaf) -> tuple[Any, Matches]:
    if any(each is None for each in leaf.value):
        raise NotSupportedError("A range with NULL is left to the planner.")
    db_type = leaf.column.db_type
    values = [to_stored(db_type, each) for each in leaf.value]
    if any(map(NANS.get(db_type, never), values)):
        return None, always if leaf.negated else never
    low, high = map(COMPARABLE.get(db_type, same), values)
    return values, lambda v: low <= v <= high


def text_of(leaf: Leaf) -> str | None:
    if leaf.column.db_type != "string":
        raise NotSupportedError("LMDB matches patterns on text only.")
    return None if leaf.value is None else str(leaf.value)


def pattern(leaf: Leaf) -> tuple[Any, Matches]:
    text = text_of(leaf)
    if text is None:
        return None, always if leaf.negated else never
    compare = TEXT[leaf.lookup_type]
    return text, lambda v: compare(v, text)


def folded(leaf: Leaf) -> tuple[Any, Matches]:
    text = text_of(leaf)
    if text is None:
        return None, always if leaf.negated else never
    compare, wanted = FOLDED[leaf.lookup_type], fold(text)
    return wanted, lambda v: compare(fold(v), wanted)


def regex(leaf: Leaf) -> tuple[Any, Matches]:
    text = text_of(leaf)
    if text is None:
        return None, always if leaf.negated else never
    flags = re.IGNORECASE if leaf.lookup_type == "iregex" else 0
    try:
        search = re.compile(text, flags).search
    except re.error as error:
        raise NotSupportedError("The local engine says what is wrong.") from error
    return text, lambda v: search(v) is not None


def date_part(leaf: Leaf) -> tuple[Any, Matches]:
    convert = DATES.get(leaf.column.db_type)
    if convert is None:
        raise NotSupportedError("LMDB takes parts of dates only.")
    part, wanted = DATE_PARTS[leaf.lookup_type], leaf.value
    return wanted, lambda v: part(convert(v)) == wanted


def compare_columns(leaf: Leaf) -> Test:
    left, right = leaf.column, leaf.value
    compare = COMPARISONS.get(leaf.lookup_type)
    comparable = left.db_type == right.db_type or {left.db_type, right.db_type} <= (
        NUMBERS
    )
    if compare is None or right.path or not comparable:
        raise NotSupportedError("LMDB cannot compare these columns.")
    first, second = (COMPARABLE.get(each.db_type, same) for each in (left, right))
    nan, other_nan = (NANS.get(each.db_type, never) for each in (left, right))
    negated = leaf.negated

    def matches(pair: tuple) -> bool:
        one, other = pair
        if one is None or other is None or nan(one) or other_nan(other):
            return False
        return compare(first(one), second(other)) != negated

    return Test(
        leaf,
        left.name,
        left.db_type,
        leaf.lookup_type,
        None,
        negated,
        matches,
        right.name,
    )


LEAVES: dict[str, Callable[[Leaf], tuple[Any, Matches]]] = {
    **dict.fromkeys(COMPARISONS, comparison),
    **dict.fromkeys(TEXT, pattern),
    **dict.fromkeys(FOLDED, folded),
    **dict.fromkeys(DATE_PARTS, date_part),
    "in": in_list,
    "range": in_range,
    "isnull": is_null,
    "regex": regex,
    "iregex": regex,
}


# --- on rows ---


def bind(tests: "Test | Tests", position: Callable[[str], int]) -> Matches:
    """The function of a row; `position` says where a column is in it."""
    if isinstance(tests, Tests):
        parts = [bind(each, position) for each in tests.children]
        return all_of(parts) if tests.connector == "AND" else any_of(parts)
    at, matches = position(tests.column), tests.matches
    if tests.other is not None:
        other = position(tests.other)
        return lambda row: matches((row[at], row[other]))
    return lambda row: matches(row[at])


def all_of(parts: list[Matches]) -> Matches:
    if len(parts) == 1:
        return parts[0]
    if len(parts) == 2:
        first, second = parts
        return lambda row: first(row) and second(row)

    def matches(row):
        for part in parts:
            if not part(row):
                return False
        return True

    return matches


def any_of(parts: list[Matches]) -> Matches:
    def matches(row):
        for part in parts:
            if part(row):
                return True
        return False

    return matches


def columns(tests: "Test | Tests") -> Iterator[str]:
    """The columns that the tests read."""
    if isinstance(tests, Tests):
        for child in tests.children:
            yield from columns(child)
        return
    yield tests.column
    if tests.other is not None:
        yield tests.other
