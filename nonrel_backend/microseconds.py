"""Microseconds in stores whose datetimes hold milliseconds: the rule for all of them.

A column holds its datetime cut to milliseconds, as other programs read it. If something
was cut off, a hidden column beside it holds the whole datetime: the microseconds since
1970, in 64 bits. It counts only while it agrees with the column: another program that
writes the column alone is believed.
"""

from collections.abc import Callable, Container, Iterable
from datetime import datetime, timedelta
from typing import Any

from .conditions import (
    FALSE,
    Column,
    Condition,
    Leaf,
    Node,
    combine,
    conjunction,
    disjunction,
)
from .values.comparisons import INVERSES
from .values.storing import moment

EPOCH = datetime(1970, 1, 1)
MICROSECOND = timedelta(microseconds=1)
SUFFIX = "__us"


def hidden(name: str) -> str:
    """Return the name of the column that holds the whole datetimes of another."""
    return name + SUFFIX


def is_hidden(name: str) -> bool:
    return name.endswith(SUFFIX)


def shown(names: Iterable[str]) -> list[str]:
    """Return the names without those of hidden columns of others among them."""
    names = list(names)
    columns = set(map(hidden, names))
    return [name for name in names if name not in columns]


def cut(value: datetime) -> datetime:
    """Return a datetime in whole milliseconds."""
    return value.replace(microsecond=value.microsecond // 1000 * 1000)


def to_microseconds(value: datetime) -> int:
    """Return the microseconds since 1970 of a naive datetime."""
    return (value - EPOCH) // MICROSECOND


def from_microseconds(value: float) -> datetime:
    return EPOCH + timedelta(microseconds=value)


def whole(value: Any, hidden_value: Any) -> Any:
    """Return the datetime that a column and its hidden one mean together."""
    if isinstance(hidden_value, bool) or not isinstance(hidden_value, (int, float)):
        return value
    try:
        found = from_microseconds(hidden_value)
    except (OverflowError, ValueError):  # of no year, or NaN
        return value
    return found if cut(found) == value else value


# --- filters ---


def exact(condition: Condition, names: Container[str]) -> Condition:
    """Return the condition with each comparison of a datetime made one of both columns.

    `names` are the columns that have hidden ones. Comparisons with other columns, and
    of the items of lists, stay as they are.
    """
    if isinstance(condition, Node):
        return combine(
            condition.connector, [exact(each, names) for each in condition.children]
        )
    column = condition.column
    if column.db_type != "datetime" or not is_single(column, names):
        return condition
    compare = COMPARISONS.get(condition.lookup_type)
    if (
        compare is None
        or condition.value is None
        or isinstance(condition.value, Column)
    ):
        return condition
    return compare(condition)


def is_single(column: Column, names: Container[str]) -> bool:
    """Return whether what a column leads to has one hidden value beside it.

    `names` are the columns that have hidden ones.
    """
    if column.name not in names:
        return False
    return not column.path or (not column.is_many and type(column.path[-1]) is str)


def beside(column: Column) -> Column:
    """Return the hidden column of a column, or of a key inside a document."""
    if not column.path:
        return Column(hidden(column.name), "long")
    *steps, last = column.path
    return Column(column.name, "long", (*steps, hidden(str(last))))


class Parts:
    """A datetime to compare with, cut; the hidden values of its millisecond."""

    def __init__(self, column: Column, value: Any) -> None:
        value = moment(value)
        self.column, self.hidden = column, beside(column)
        self.cut = cut(value)
        self.whole = to_microseconds(value)
        self.is_whole = self.cut == value
        self.first = to_microseconds(self.cut)
        self.last = self.first + 999

    def compared(self, lookup_type: str, negated: bool = False) -> Condition:
        """Return a comparison of the column itself."""
        return Leaf(self.column, lookup_type, self.cut, negated)

    def within(self, low: int) -> Condition:
        """Return whether the hidden value is one of this millisecond, `low` or more."""
        if low > self.last:
            return FALSE
        return conjunction(
            Leaf(self.hidden, "gte", low), Leaf(self.hidden, "lte", self.last)
        )

    def outside(self, low: int) -> Condition:
        """Return whether it is not, or NULL."""
        if low > self.last:
            return conjunction()
        return disjunction(
            Leaf(self.hidden, "isnull", True),
            Leaf(self.hidden, "lt", low),
            Leaf(self.hidden, "gt", self.last),
        )

    def equal(self) -> Condition:
        found = (
            self.outside(self.first + 1)
            if self.is_whole
            else Leaf(self.hidden, "exact", self.whole)
        )
        return conjunction(self.compared("exact"), found)

    def unequal(self) -> Condition:
        found = (
            self.within(self.first + 1)
            if self.is_whole
            else disjunction(
                Leaf(self.hidden, "isnull", True),
                Leaf(self.hidden, "exact", self.whole, True),
            )
        )
        return disjunction(
            self.compared("exact", True), conjunction(self.compared("exact"), found)
        )

    def later(self, low: int) -> Condition:
        """Return whether the datetime is in a later millisecond, or `low` or more."""
        return conjunction(
            self.compared("gte"), disjunction(self.compared("gt"), self.within(low))
        )

    def earlier(self, low: int) -> Condition:
        """Return whether it is in an earlier millisecond, or less than `low`."""
        return conjunction(
            self.compared("lte"), disjunction(self.compared("lt"), self.outside(low))
        )

    def ordered(self, lookup_type: str) -> Condition:
        if lookup_type == "gt":
            return self.later(self.whole + 1)
        if lookup_type == "lte":
            return self.earlier(self.whole + 1)
        if self.is_whole:
            return self.compared(lookup_type)
        return (self.later if lookup_type == "gte" else self.earlier)(self.whole)


def compare(leaf: Leaf) -> Condition:
    parts = Parts(leaf.column, leaf.value)
    if leaf.lookup_type == "exact":
        return parts.unequal() if leaf.negated else parts.equal()
    return parts.ordered(
        INVERSES[leaf.lookup_type] if leaf.negated else leaf.lookup_type
    )


def among(leaf: Leaf) -> Condition:
    parts = [Parts(leaf.column, each) for each in leaf.value if each is not None]
    if not parts:
        return Leaf(leaf.column, "in", [], leaf.negated)
    if leaf.negated:
        return conjunction(*(each.unequal() for each in parts))
    return disjunction(*(each.equal() for each in parts))


def between(leaf: Leaf) -> Condition:
    if None in leaf.value:
        return leaf
    low, high = (Parts(leaf.column, each) for each in leaf.value)
    if leaf.negated:
        return disjunction(low.ordered("lt"), high.ordered("gt"))
    return conjunction(low.ordered("gte"), high.ordered("lte"))


COMPARISONS: dict[str, Callable[[Leaf], Condition]] = {
    **dict.fromkeys(("exact", "gt", "gte", "lt", "lte"), compare),
    "in": among,
    "range": between,
}


def ordered_by(
    ordering: list[tuple[Column, bool]], names: Container[str]
) -> list[tuple[Column, bool]]:
    """Return an ordering with each datetime's hidden column after it.

    `names` are the columns that have hidden ones.
    """
    found = []
    for column, ascending in ordering:
        found.append((column, ascending))
        if column.db_type == "datetime" and is_single(column, names):
            found.append((beside(column), ascending))
    return found


# --- rows ---


def split(key: str, value: Any) -> dict[str, Any]:
    """Return a datetime or a list of them, cut, under its key, and what is hidden."""
    rest = hidden_of(value)
    return {key: value} if rest is None else {key: cut_all(value), hidden(key): rest}


def hidden_of(value: Any) -> Any:
    """Return what is hidden beside a datetime, or a list of them; None for nothing.

    Beside a list is a list of the same length.
    """
    if isinstance(value, datetime):
        return to_microseconds(value) if value.microsecond % 1000 else None
    if type(value) is list:
        found = list(map(hidden_of, value))
        return found if any(each is not None for each in found) else None
    return None


def cut_all(value: Any) -> Any:
    if type(value) is list:
        return list(map(cut_all, value))
    return cut(value) if isinstance(value, datetime) else value


def joined(value: Any, hidden_value: Any) -> Any:
    """Return the datetime, or the list of them, that was split."""
    if type(value) is list and type(hidden_value) is list:
        if len(value) == len(hidden_value):
            return list(map(joined, value, hidden_value))
        return value
    return whole(value, hidden_value) if isinstance(value, datetime) else value
