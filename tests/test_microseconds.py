"""Conditions, orders and documents of datetimes in two columns mean whole datetimes."""

import operator
from collections.abc import Callable
from copy import deepcopy
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nonrel_backend.conditions import (
    Column,
    Condition,
    Leaf,
    Node,
    Step,
    conjunction,
    disjunction,
)
from nonrel_backend.microseconds import (
    EPOCH,
    cut,
    exact,
    from_microseconds,
    hidden,
    hidden_of,
    is_hidden,
    joined,
    ordered_by,
    split,
    to_microseconds,
    whole,
)

AT = Column("at", "datetime")
NESTED = Column("data", "datetime", ("visits", 0, "at"))
# A column without a hidden one, such as a foreign key.
MADE = Column("made", "datetime")
NAMES = {"at", "data", "list"}
# Each stands for the milliseconds around it.
BASES = [
    datetime(1, 1, 1),
    datetime(1969, 12, 31, 23, 59, 59, 999_000),
    datetime(2020, 2, 29, 12, 30, 0, 123_000),
    datetime(9999, 12, 31, 23, 59, 59, 998_000),
]
# Datetimes of which many are equal or in one millisecond.
NEAR = st.builds(
    lambda base, microseconds: base + timedelta(microseconds=microseconds),
    st.sampled_from(BASES),
    st.sampled_from([0, 1, 2, 500, 998, 999, 1000, 1001, 1999]),
)
DATETIMES = st.one_of(NEAR, st.datetimes().map(lambda value: value.replace(fold=0)))
MANY = settings(max_examples=1000)

# --- conditions under SQL's three-valued logic: None is unknown ---

COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "exact": operator.eq,
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
    "in": lambda value, items: value in items,
    "range": lambda value, ends: ends[0] <= value <= ends[1],
}


def found(column: Column, row: dict[str, Any]) -> Any:
    """Return a column's value in a row, or what its path leads to."""
    value: Any = row.get(column.name)
    for step in column.path:
        try:
            value = value[step]
        except (IndexError, KeyError, TypeError):
            return None
    return value


def is_true_of(condition: Condition, row: dict[str, Any]) -> bool | None:
    if isinstance(condition, Node):
        values = [is_true_of(each, row) for each in condition.children]
        decisive = condition.connector == "OR"
        if decisive in values:
            return decisive
        return None if None in values else not decisive
    value = found(condition.column, row)
    if condition.lookup_type == "isnull":
        return (value is None) == (condition.value != condition.negated)
    if value is None or condition.value is None:
        return None
    compared = COMPARISONS[condition.lookup_type](value, condition.value)
    return bool(compared) != condition.negated


@st.composite
def leaves(draw: st.DrawFn, column: Column = AT) -> Leaf:
    lookup_type = draw(st.sampled_from([*COMPARISONS, "isnull"]))
    if lookup_type == "isnull":
        value: Any = draw(st.booleans())
    elif lookup_type == "in":
        value = draw(st.lists(DATETIMES, max_size=3))
    elif lookup_type == "range":
        value = [draw(DATETIMES), draw(DATETIMES)]
    else:
        value = draw(st.none() | DATETIMES)
    return Leaf(column, lookup_type, value, draw(st.booleans()))


def join(row: dict[str, Any]) -> None:
    """Make the datetimes of a row whole, in place."""
    for name in [name for name in row if is_hidden(name)]:
        shown = name.removesuffix(hidden(""))
        row[shown] = joined(row[shown], row.pop(name))
    for value in row.values():
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, dict):
                join(each)


def agree(condition: Condition, row: dict[str, Any]) -> None:
    """Assert that the condition on both columns is true of the row if the one on whole
    datetimes is true of the whole row.
    """
    read = deepcopy(row)
    join(read)
    wanted = is_true_of(condition, read) is True
    assert (is_true_of(exact(condition, NAMES), row) is True) == wanted, exact(
        condition, NAMES
    )


@MANY
@given(leaves(), st.none() | DATETIMES)
def test_a_lookup_compares_whole_datetimes(leaf: Leaf, value: datetime | None) -> None:
    row = split("at", value)
    read = deepcopy(row)
    join(read)
    assert read == {"at": value}
    agree(leaf, row)


@MANY
@given(leaves(), DATETIMES, st.none() | DATETIMES)
def test_a_lookup_believes_another_program(
    leaf: Leaf, before: datetime, after: datetime | None
) -> None:
    stale = split("at", before).get(hidden("at"))
    row = {"at": after and cut(after), hidden("at"): stale}
    read = deepcopy(row)
    join(read)
    assert read["at"] == row["at"] or row["at"] == cut(before) and read["at"] == before
    agree(leaf, row)


@MANY
@given(
    leaves(),
    st.none() | NEAR.map(cut),
    st.none() | NEAR.map(to_microseconds) | st.integers(-(2**63), 2**63 - 1),
)
def test_a_lookup_and_a_read_agree_on_any_hidden_value(
    leaf: Leaf, value: datetime | None, hidden_value: int | None
) -> None:
    agree(leaf, {"at": value, hidden("at"): hidden_value})


@MANY
@given(leaves(NESTED), DATETIMES, st.booleans())
def test_a_lookup_inside_a_document_compares_whole_datetimes(
    leaf: Leaf, value: datetime, is_there: bool
) -> None:
    agree(leaf, {"data": {"visits": [split("at", value)] if is_there else []}})


@MANY
@given(
    st.recursive(
        leaves(),
        lambda inner: st.builds(
            lambda combined, parts: combined(*parts),
            st.sampled_from([conjunction, disjunction]),
            st.lists(inner, max_size=3),
        ),
        max_leaves=5,
    ),
    st.none() | DATETIMES,
)
def test_a_tree_of_lookups_compares_whole_datetimes(
    condition: Condition, value: datetime | None
) -> None:
    agree(condition, split("at", value))


@given(NEAR, st.integers(-14, 14))
def test_a_lookup_takes_datetimes_of_any_zone(value: datetime, hours: int) -> None:
    try:
        elsewhere = value.replace(tzinfo=UTC).astimezone(
            timezone(timedelta(hours=hours))
        )
    except OverflowError:
        return
    assert exact(Leaf(AT, "exact", elsewhere), NAMES) == exact(
        Leaf(AT, "exact", value), NAMES
    )


@pytest.mark.parametrize(
    "leaf",
    [
        Leaf(AT, "exact", Column("until", "datetime")),
        Leaf(AT, "year", 2020),
        Leaf(MADE, "gt", BASES[2]),
        Leaf(Column("on", "date"), "gt", BASES[2]),
        Leaf(Column("list", "datetime", (Step.EACH,)), "gt", BASES[2]),
        Leaf(Column("list", "datetime", (0,)), "gt", BASES[2]),
        Leaf(Column("list", "datetime", (Step.EACH, "at")), "gt", BASES[2]),
    ],
    ids=str,
)
def test_other_conditions_stay_as_they_are(leaf: Leaf) -> None:
    assert exact(leaf, NAMES) is leaf
    both = conjunction(leaf, Leaf(Column("title", "string"), "exact", "a"))
    assert exact(both, NAMES) == both


# --- orders ---


@given(st.lists(st.none() | NEAR), st.booleans())
def test_rows_are_in_the_order_of_whole_datetimes(
    values: list[datetime | None], ascending: bool
) -> None:
    def key(value: Any) -> tuple[Any, ...]:
        """Return what sorts NULL first, as MongoDB does."""
        return () if value is None else (value,)

    ordering = ordered_by([(AT, ascending)], NAMES)
    rows = [split("at", value) for value in values]
    for column, is_ascending in reversed(ordering):
        rows.sort(
            key=lambda row: key(found(column, row)),  # noqa: B023
            reverse=not is_ascending,
        )
    for row in rows:
        join(row)
    wanted = sorted(values, key=key, reverse=not ascending)
    assert [row["at"] for row in rows] == wanted


def test_the_hidden_column_is_right_after_its_column_in_an_order() -> None:
    title = Column("title", "string")
    ordering = [(AT, False), (title, True), (NESTED, True), (MADE, True)]
    assert ordered_by(ordering, NAMES) == [
        (AT, False),
        (Column("at__us", "long"), False),
        (title, True),
        (NESTED, True),
        (Column("data", "long", ("visits", 0, "at__us")), True),
        (MADE, True),
    ]


# --- lists ---

LISTS = st.recursive(
    st.none() | st.booleans() | st.integers() | DATETIMES,
    lambda inner: st.lists(inner, max_size=4),
    max_leaves=8,
)


def datetimes_in(value: Any) -> list[datetime]:
    if isinstance(value, list):
        return [each for item in value for each in datetimes_in(item)]
    return [value] if isinstance(value, datetime) else []


@MANY
@given(LISTS)
def test_lists_are_read_as_they_were_stored(value: Any) -> None:
    before = deepcopy(value)
    stored = split("days", value)
    assert value == before
    assert all(cut(each) == each for each in datetimes_in(stored["days"]))
    is_precise = any(cut(each) != each for each in datetimes_in(value))
    assert (hidden("days") in stored) == is_precise
    join(stored)
    assert stored == {"days": value}


@given(st.lists(NEAR), st.lists(NEAR))
def test_a_list_that_another_program_has_changed_is_believed(
    before: list[datetime], after: list[datetime]
) -> None:
    stored = split("days", before)
    stored["days"] = list(map(cut, after))
    join(stored)
    assert stored.keys() == {"days"}
    assert list(map(cut, stored["days"])) == list(map(cut, after))
    for read, item, old in zip(stored["days"], after, [*before, *after], strict=False):
        assert read == cut(item) or read == old


# --- numbers ---


@given(DATETIMES)
def test_every_datetime_has_its_number(value: datetime) -> None:
    number = to_microseconds(value)
    assert -(2**63) <= number < 2**63
    assert from_microseconds(number) == value
    assert EPOCH + timedelta(microseconds=number) == value


@pytest.mark.parametrize("hidden_value", [None, "1", True, 2**63 - 1, [1], EPOCH])
def test_a_hidden_value_that_is_none_is_ignored(hidden_value: Any) -> None:
    assert whole(EPOCH, hidden_value) == EPOCH


def test_a_hidden_value_that_has_become_a_float_counts() -> None:
    # As JavaScript writes integers.
    value = datetime(2020, 2, 29, 12, 30, 0, 123_456)
    assert whole(cut(value), float(to_microseconds(value))) == value


class AnyDatetime(type):
    def __instancecheck__(cls, value: object) -> bool:
        return isinstance(value, datetime)


class Frozen(datetime, metaclass=AnyDatetime):
    """What libraries that freeze the time put in the place of datetime."""


def test_datetimes_stay_whole_while_a_test_freezes_the_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    moment = datetime(2026, 11, 29, 12, 12, 12, 246_349)
    shown, hidden_value = cut(moment), hidden_of(moment)
    monkeypatch.setattr("nonrel_backend.microseconds.datetime", Frozen)
    assert joined(shown, hidden_value) == moment
    assert hidden_of(Frozen(2026, 11, 29, 12, 12, 12, 246_349)) == hidden_value
