"""The first row of each partition: `filter(number=1)` of a Window(RowNumber(), …).

The store finds the first rows. Over these alone the statement's answer is the same, as
each is the first of its partition again.
"""

from collections.abc import Iterator
from typing import Any

from django.db.models.expressions import OrderBy, Window
from django.db.models.functions import DenseRank, Rank, RowNumber

from ..expressions import source
from ..lookup_tables import PLAIN_LOOKUPS
from ..plans.first_of_each import FirstOfEachPlan
from ..refusal import OtherShape, Refused
from ..select import Select
from ..translate import top_level
from .partial_groups import only_table

# Where no two rows of a partition are equal in its order, all three number them.
NUMBERS = (RowNumber, Rank, DenseRank)
# What is asked of the number, with the value that only the first rows satisfy.
FIRST = {"exact": 1, "lte": 1, "lt": 2}


def plan(select: Select) -> FirstOfEachPlan:
    """Return the plan that loads the first rows of partitions."""
    _ = select.setup  # QUALIFY is known then
    query, qualify = select.query, select.compiler.qualify
    if not qualify:
        raise OtherShape("the statement filters by no window function")
    if select.groups or query.distinct or query.combinator or select.has_own_sql:
        raise Refused("the statement is no plain one of rows")
    if query.select_for_update:
        raise Refused("the rows are to be locked")
    conjuncts = top_level(qualify)
    window = first_window(conjuncts)
    shown = [*conjuncts, *select.selected, *(each for each, _ in select.order_by)]
    if any(each != window for node in shown for each in windows_in(node)):
        raise Refused("there is another window function")
    refs, edges = only_table(select)
    keys, numbered_by = parts(select, window)
    found = FirstOfEachPlan(
        select.store, "", (), refs, edges, keys=keys, numbered_by=numbered_by
    )
    found.first_rows(select.meta.pk_fields, refs[0].conditions)
    if len(conjuncts) == 1 and query.high_mark is not None:
        limit(select, found)
    found.sql, found.params = select.compiler.local_sql()
    return found


def first_window(conjuncts: list[Any]) -> Window:
    """Return the window function whose first rows a conjunct asks for."""
    for each in conjuncts:
        number = FIRST.get(PLAIN_LOOKUPS.get(type(each), ""))
        if number is None or each.rhs != number:
            continue
        window = source(each.lhs)
        if (
            type(window) is Window
            and type(window.source_expression) in NUMBERS
            and window.frame is None
        ):
            return window
    raise Refused("the rows are not the first of their partitions")


def windows_in(node: Any) -> Iterator[Window]:
    """Yield the window functions of an expression or a tree of lookups."""
    if isinstance(node, Window):
        yield node
        return
    children = getattr(node, "children", None)
    for each in node.get_source_expressions() if children is None else children:
        if each is not None:
            yield from windows_in(each)


def parts(select: Select, window: Any) -> tuple[Any, list[tuple[str, bool]]]:
    """Return the partition's expressions, and its order as columns.

    Raise Refused if two rows may be equal in that order.
    """
    keys, order_by = window.partition_by, window.order_by
    orderings = [] if order_by is None else order_by.get_source_expressions()
    orderings = [
        each if isinstance(each, OrderBy) else OrderBy(each) for each in orderings
    ]
    found = select.ordering_of(
        [(each, ()) for each in orderings], select.base, select.meta
    )
    names = [(column.name, ascending) for column, ascending in found]
    if any(column.path for column, _ in found) or not {
        each.column for each in select.meta.pk_fields
    } <= {name for name, _ in names}:
        raise Refused("rows of a partition may be equal in its order")
    return tuple([] if keys is None else keys.get_source_expressions()), names


def limit(select: Select, found: FirstOfEachPlan) -> None:
    """Have the store find only the first rows of the statement, if it orders them."""
    high = select.query.high_mark
    try:
        found.ordering = select.ordering()
        found.first_rows(select.meta.pk_fields, found.refs[0].conditions)
    except Refused:
        found.ordering, high = [], None
    found.high = high
