"""Predicates: conditions as Python functions of stored rows.

They follow SQL's three-valued logic exactly. NaN counts as NULL, as in SQLite, which
evaluates what the store does not.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.db import DataError, NotSupportedError

from ..conditions import Column, Condition, Leaf, Node
from ..documents.predicates import path_test
from ..values.comparisons import COMPARISONS, FOLDED, MIRRORED, TEXT
from ..values.folding import fold
from ..values.patterns import searcher
from .forms import Forms, Matches, never

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
# Types whose values are compared and sorted.
COMPARED = {
    *NUMBERS,
    *("string", "date", "datetime", "time", "duration", "bool", "uuid", "binary"),
}
DATES = {"date", "datetime"}


def always(value: Any) -> bool:
    return True


@dataclass(slots=True, eq=False)
class Predicate:
    """A leaf of a condition, with its value in stored form."""

    leaf: Leaf
    column: str
    db_type: str
    lookup_type: str
    value: Any
    negated: bool
    matches: Matches
    # The second column, if two columns are compared.
    other: str | None = None
    # The document path of the value, if it is inside a document.
    path: tuple = ()


@dataclass(slots=True, eq=False)
class CompoundPredicate:
    """Predicates joined by AND or OR."""

    connector: str
    children: "list[Predicate | CompoundPredicate]"


def prepare(condition: Condition, forms: Forms) -> Predicate | CompoundPredicate:
    """Return the predicate of a condition on stored rows.

    Raise NotSupportedError, with the reason, if there is no predicate for it.
    """
    if isinstance(condition, Node):
        children = [prepare(each, forms) for each in condition.children]
        return CompoundPredicate(condition.connector, children)
    column, lookup_type = condition.column, condition.lookup_type
    if column.path:
        return prepare_path(condition, forms)
    if column.db_type not in COMPARED and lookup_type != "isnull":
        raise unsupported_lookup(condition, forms)
    if isinstance(condition.value, Column):
        return compare_columns(condition, forms)
    build = LEAVES.get(lookup_type)
    if build is None:
        raise unsupported_lookup(condition, forms)
    try:
        value, matches = build(condition, forms)
    except (TypeError, ValueError, ArithmeticError, DataError) as error:
        raise NotSupportedError(
            f"{forms.store} does not compare {column} ({column.db_type}) with "
            f"{condition.value!r}"
        ) from error
    if lookup_type != "isnull":
        matches = three_valued(matches, column.db_type, condition.negated, forms)
    return Predicate(
        condition,
        column.name,
        column.db_type,
        lookup_type,
        value,
        condition.negated,
        matches,
    )


def unsupported_lookup(leaf: Leaf, forms: Forms) -> NotSupportedError:
    return NotSupportedError(
        f"{forms.store} does not evaluate {leaf.lookup_type!r} on {leaf.column} "
        f"({leaf.column.db_type})"
    )


def prepare_path(leaf: Leaf, forms: Forms) -> Predicate:
    """Return the predicate of a condition on a value inside a document."""
    column = leaf.column
    value, matches = path_test(
        leaf, partial(value_predicate, forms=forms), forms.is_nan(column.db_type)
    )
    return Predicate(
        leaf,
        column.name,
        column.db_type,
        leaf.lookup_type,
        value,
        leaf.negated,
        matches,
        path=column.path,
    )


def value_predicate(leaf: Leaf, forms: Forms) -> tuple[Any, Matches]:
    """Return (stored value, function of a value that is not NULL)."""
    db_type = leaf.column.db_type
    build = LEAVES.get(leaf.lookup_type)
    if build is None or db_type not in COMPARED:
        raise unsupported_lookup(leaf, forms)
    value, matches = build(leaf, forms)
    return value, three_valued(matches, db_type, False, forms)


def three_valued(
    matches: Matches, db_type: str, negated: bool, forms: Forms
) -> Matches:
    """Return a function that is true if the value is not NULL and matches.

    If `negated`, it is true if the value is not NULL and does not match.
    """
    convert = forms.comparable.get(db_type)
    if convert is not None:
        inner = matches

        def matches(value: Any) -> bool:
            return inner(convert(value))

    is_nan = forms.nans.get(db_type)
    if is_nan is not None:
        return lambda v: v is not None and not is_nan(v) and matches(v) != negated
    if negated:
        return lambda v: v is not None and not matches(v)
    return lambda v: v is not None and matches(v)


def is_null(leaf: Leaf, forms: Forms) -> tuple[Any, Matches]:
    is_nan = forms.is_nan(leaf.column.db_type)
    if leaf.value != leaf.negated:
        return leaf.value, lambda v: v is None or is_nan(v)
    return leaf.value, lambda v: v is not None and not is_nan(v)


def comparison(leaf: Leaf, forms: Forms) -> tuple[Any, Matches]:
    db_type = leaf.column.db_type
    if leaf.value is None:
        # A comparison with NULL is never true, nor is its negation.
        return None, always if leaf.negated else never
    value = forms.to_stored(db_type, leaf.value)
    is_nan, convert = forms.nans.get(db_type), forms.comparable.get(db_type)
    if is_nan is not None and is_nan(value):
        return None, always if leaf.negated else never
    # Of the other side: a function in C, where a lambda costs each row a call.
    compare = COMPARISONS[MIRRORED.get(leaf.lookup_type, leaf.lookup_type)]
    return value, partial(compare, value if convert is None else convert(value))


def in_list(leaf: Leaf, forms: Forms) -> tuple[Any, Matches]:
    db_type = leaf.column.db_type
    values = forms.to_stored_list(db_type, leaf.value)
    if (is_nan := forms.nans.get(db_type)) is not None:
        values = [each for each in values if not is_nan(each)]
    convert = forms.comparable.get(db_type)
    return values, set(map(convert, values) if convert else values).__contains__


def in_range(leaf: Leaf, forms: Forms) -> tuple[Any, Matches]:
    if any(each is None for each in leaf.value):
        raise NotSupportedError(
            f"{forms.store} does not evaluate a range of {leaf.column} with an end "
            "that is NULL"
        )
    db_type = leaf.column.db_type
    values = [forms.to_stored(db_type, each) for each in leaf.value]
    if any(map(forms.is_nan(db_type), values)):
        return None, always if leaf.negated else never
    low, high = map(forms.compared(db_type), values)
    return values, lambda v: low <= v <= high


def text_of(leaf: Leaf, forms: Forms) -> str | None:
    """Return the value as text; raise NotSupportedError for other columns."""
    if leaf.column.db_type != "string":
        raise NotSupportedError(
            f"{forms.store} evaluates {leaf.lookup_type!r} on text only, not on "
            f"{leaf.column} ({leaf.column.db_type})"
        )
    return None if leaf.value is None else str(leaf.value)


def pattern(leaf: Leaf, forms: Forms) -> tuple[Any, Matches]:
    text = text_of(leaf, forms)
    if text is None:
        return None, always if leaf.negated else never
    compare = TEXT[leaf.lookup_type]
    return text, lambda v: compare(v, text)


def folded(leaf: Leaf, forms: Forms) -> tuple[Any, Matches]:
    text = text_of(leaf, forms)
    if text is None:
        return None, always if leaf.negated else never
    compare, wanted = FOLDED[leaf.lookup_type], fold(text)
    return wanted, lambda v: compare(fold(v), wanted)


def regex(leaf: Leaf, forms: Forms) -> tuple[Any, Matches]:
    text = text_of(leaf, forms)
    if text is None:
        return None, always if leaf.negated else never
    try:
        search = searcher(text, leaf.lookup_type == "iregex")
    except re.error as error:
        # The local engine raises the error that SQLite's regexp() does.
        raise NotSupportedError(
            f"the regular expression {text!r} is not valid: {error}"
        ) from error
    return text, search


def date_part(leaf: Leaf, forms: Forms) -> tuple[Any, Matches]:
    if leaf.column.db_type not in DATES:
        raise NotSupportedError(
            f"{forms.store} evaluates {leaf.lookup_type!r} on dates only, not on "
            f"{leaf.column} ({leaf.column.db_type})"
        )
    convert = forms.from_stored[leaf.column.db_type]
    part, wanted = DATE_PARTS[leaf.lookup_type], leaf.value
    return wanted, lambda v: part(convert(v)) == wanted


def compare_columns(leaf: Leaf, forms: Forms) -> Predicate:
    """Return the predicate that compares two columns of one row."""
    left, right = leaf.column, leaf.value
    compare = COMPARISONS.get(leaf.lookup_type)
    comparable = left.db_type == right.db_type or {left.db_type, right.db_type} <= (
        NUMBERS
    )
    if compare is None or right.path or not comparable:
        raise NotSupportedError(
            f"{forms.store} does not evaluate {leaf.lookup_type!r} between {left} "
            f"({left.db_type}) and {right} ({right.db_type})"
        )
    first, second = (forms.compared(each.db_type) for each in (left, right))
    nan, other_nan = (forms.is_nan(each.db_type) for each in (left, right))
    negated = leaf.negated

    def matches(pair: tuple) -> bool:
        one, other = pair
        if one is None or other is None or nan(one) or other_nan(other):
            return False
        return compare(first(one), second(other)) != negated

    return Predicate(
        leaf,
        left.name,
        left.db_type,
        leaf.lookup_type,
        None,
        negated,
        matches,
        right.name,
    )


LEAVES: dict[str, Callable[[Leaf, Forms], tuple[Any, Matches]]] = {
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


def bind(
    predicate: Predicate | CompoundPredicate,
    getter: Callable[[str], Callable[[Any], Any]],
) -> Matches:
    """Return the predicate as a function of a row.

    `getter` returns the function from a row to the stored value of a column.
    """
    if isinstance(predicate, CompoundPredicate):
        parts = [bind(each, getter) for each in predicate.children]
        return all_of(parts) if predicate.connector == "AND" else any_of(parts)
    get, matches = getter(predicate.column), predicate.matches
    if predicate.other is not None:
        other = getter(predicate.other)
        return lambda row: matches((get(row), other(row)))
    return lambda row: matches(get(row))


def all_of(parts: list[Matches]) -> Matches:
    if len(parts) == 1:
        return parts[0]
    if len(parts) == 2:
        first, second = parts
        return lambda row: first(row) and second(row)

    def matches(row: Any) -> bool:
        for part in parts:
            if not part(row):
                return False
        return True

    return matches


def any_of(parts: list[Matches]) -> Matches:
    def matches(row: Any) -> bool:
        for part in parts:
            if part(row):
                return True
        return False

    return matches


def columns(predicate: Predicate | CompoundPredicate) -> Iterator[str]:
    """Yield the names of the columns that the predicate reads."""
    if isinstance(predicate, CompoundPredicate):
        for child in predicate.children:
            yield from columns(child)
        return
    yield predicate.column
    if predicate.other is not None:
        yield predicate.other
