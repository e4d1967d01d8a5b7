"""A statement's aggregates over joined tables, one of which is read as groups.

That table, the part, is grouped by the columns of it that the statement uses outside of
aggregates: joins, group keys, conditions. A joined row stands for all rows of a group
then, so the statement's aggregates are written as aggregates of partial ones: COUNT as
the sum of counts. Any join is right so: rows of a group meet the same rows.
"""

from collections.abc import Iterable
from copy import copy
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import FieldError, FullResultSet
from django.db import models
from django.db.models.aggregates import Aggregate, Avg, Count, Max, Min, Sum
from django.db.models.expressions import Col, Star, Subquery, Window
from django.db.models.functions import Random
from django.db.models.sql.query import Query
from django.db.models.sql.where import WhereNode

from ..conditions import Condition
from ..query import Grouping, NonrelQuery, ask
from ..values.columns import stored_field
from .expressions import columns_in, expression_text
from .refusal import Refused
from .scans import new_query, require_filters
from .table_refs import TableRef
from .table_scan import require
from .tables import field_of

SQL = tuple[str, tuple[Any, ...]]
# The same for all rows of a group, or depending on each of them: no such text.
OTHER_NODES = (Window, Random, Subquery, Query)


@dataclass
class PartialGroups:
    """The groups of one table of a statement, the part, with partial aggregates."""

    store: Any
    ref: TableRef
    # What the store filters the part by.
    conditions: list[Condition]
    # The columns that the statement uses outside of partial aggregates.
    columns: dict[str, Any] = field(default_factory=dict)
    # Columns of partial aggregates, each with the aggregate.
    partials: list[tuple[Any, Any]] = field(default_factory=list)

    @property
    def fields(self) -> list[Any]:
        """The columns of the groups: keys, then partial aggregates."""
        return [*self.columns.values(), *(found for found, _ in self.partials)]

    def add_column(self, column: str) -> None:
        """Have the part grouped by a column."""
        self.columns[column] = field_of(self.ref.meta, column)

    def query(self, conditions: Iterable[Condition]) -> NonrelQuery:
        """Return the scan of the groups of the rows that conditions filter."""
        return self.grouped(conditions, [aggregate for _, aggregate in self.partials])

    def grouped(
        self, conditions: Iterable[Condition], aggregates: list[Any]
    ) -> NonrelQuery:
        """Return a scan of groups; raise Refused if the store does not group so."""
        query = new_query(self.store, self.ref.meta.model, self.ref.meta.pk_fields)
        require_filters(query, conditions)
        keys = tuple(each.get_col(self.ref.alias) for each in self.columns.values())
        grouping = Grouping((*keys, *aggregates), keys, None, (), 0, None)
        require(query, ask(query.group, grouping), "group")
        return query


class PartialAggregates:
    """Writes the statement's SQL over the groups, and finds what those must hold."""

    def __init__(self, compiler: Any, groups: PartialGroups, where: list[Any]) -> None:
        self.compiler = compiler
        self.groups = groups
        self.ref = groups.ref
        # What is left of the WHERE.
        self.where = WhereNode(where)

    def sql(self, node: Any) -> SQL | None:
        """Return what a node is over the groups, None for what Django writes.

        Raise Refused if groups do not tell.
        """
        if type(node) is Col:
            if node.alias == self.ref.alias:
                self.groups.add_column(node.target.column)
            return None
        if isinstance(node, OTHER_NODES):
            raise Refused(f"{expression_text(node)} is of single rows")
        if not isinstance(node, Aggregate):
            return None
        try:
            return self.aggregate(node)
        except FieldError as error:
            raise Refused(f"{expression_text(node)} is of no known type") from error

    def aggregate(self, node: Any) -> SQL | None:
        """Return an aggregate's SQL over partial ones."""
        write = WRITTEN.get(type(node))
        if write is None or getattr(node, "order_by", None):
            raise Refused(f"{expression_text(node)} has no partial aggregates")
        if node.distinct:
            return None
        argument = node.get_source_expressions()[0]
        aliases = {each.alias for each in columns_in(node)}
        if aliases == {self.ref.alias} and (self.ref.inner or type(argument) is Col):
            sql = write(self, node, argument)
        elif write is extreme:
            return None
        elif self.ref.alias in aliases:
            raise Refused(f"{expression_text(node)} is of columns of several tables")
        else:
            sql = WEIGHTED[type(node)](self, node, argument)
        output = node.output_field
        is_decimal = isinstance(output, models.DecimalField)
        return (f"CAST({sql[0]} AS NUMERIC)", sql[1]) if is_decimal else sql

    def partial(self, aggregate: Any, held: Any = None) -> str:
        """Return the column of a partial aggregate, adding it.

        `held` is a field of what it holds, by default a number of rows.
        """
        known = self.groups.partials
        name = next((each.column for each, found in known if found == aggregate), "")
        if not name:
            self.groups.grouped([], [aggregate])
            name = f"nonrel_partial_{len(known)}"
            known.append((named(held or models.BigIntegerField(), name), aggregate))
        quote = self.compiler.connection.ops.quote_name
        return f"{quote(self.ref.alias)}.{quote(name)}"

    def rows(self) -> str:
        """Return the SQL for the number of rows that a joined row stands for."""
        found = self.partial(Count(Star()))
        return found if self.ref.inner else f"COALESCE({found}, 1)"

    def filtered(self, node: Any, present: Any = None) -> SQL:
        """Return an aggregate's FILTER as SQL, with `present` not to be NULL."""
        texts, params = [], []
        if present is not None:
            sql, values = self.compiler.compile(present)
            texts.append(f"{sql} IS NOT NULL")
            params += values
        if node.filter is not None:
            # Django 6.0 keeps the condition inside an expression of its own.
            where = getattr(node.filter, "condition", node.filter)
            try:
                sql, values = self.compiler.compile(where)
            except FullResultSet:
                pass
            else:
                texts.append(sql)
                params += values
        text = f" FILTER (WHERE {' AND '.join(texts)})" if texts else ""
        return text, tuple(params)


def named(held: Any, name: str) -> Any:
    """Return a field for a column of this name that holds what `held` holds."""
    found = copy(stored_field(held))
    found.name = found.attname = found.column = name
    found.primary_key = found.db_index = found._unique = False
    return found


def summed(node: Any, argument: Any) -> Any:
    """Return the field of a sum; raise Refused if its parts have no exact sum."""
    held = stored_field(argument.output_field)
    if isinstance(held, models.DecimalField):
        return held
    if not isinstance(held, models.IntegerField):
        raise Refused(f"{expression_text(node)} has no exact partial sums")
    return models.BigIntegerField()


def with_filter(node: Any, kind: Any, argument: Any) -> Any:
    """Return an aggregate of the same argument and filter.

    Both are given to the constructor: expressions are equal whose constructors are.
    """
    # Django 6.0 keeps the condition inside an expression of its own.
    return kind(argument, filter=getattr(node.filter, "condition", node.filter))


# --- aggregates of the part's columns ---


def count(parts: PartialAggregates, node: Any, argument: Any) -> SQL:
    found = parts.partial(with_filter(node, Count, argument))
    return f"COALESCE(SUM({found}), 0)", ()


def total(parts: PartialAggregates, node: Any, argument: Any) -> SQL:
    held = summed(node, argument)
    return f"SUM({parts.partial(with_filter(node, Sum, argument), held)})", ()


def mean(parts: PartialAggregates, node: Any, argument: Any) -> SQL:
    held = summed(node, argument)
    sums = parts.partial(with_filter(node, Sum, argument), held)
    counts = parts.partial(with_filter(node, Count, argument))
    return f"CAST(SUM({sums}) AS REAL) / SUM({counts})", ()


def extreme(parts: PartialAggregates, node: Any, argument: Any) -> SQL:
    found = parts.partial(with_filter(node, type(node), argument), node.output_field)
    return f"{node.function}({found})", ()


# --- aggregates of other tables' columns, and of rows ---


def count_of_rows(parts: PartialAggregates, node: Any, argument: Any) -> SQL:
    present = None if type(argument) is Star else argument
    where, params = parts.filtered(node, present)
    return f"COALESCE(SUM({parts.rows()}){where}, 0)", params


def weighted(parts: PartialAggregates, node: Any, argument: Any) -> SQL:
    """Return the SQL for the value of each joined row, times the rows it stands for."""
    held = summed(node, argument)
    small = isinstance(held, models.DecimalField) or not isinstance(
        stored_field(argument.output_field), models.BigIntegerField
    )
    if type(argument) is not Col or not small:
        raise Refused(f"{expression_text(node)} may pass 64 bits")
    sql, params = parts.compiler.compile(argument)
    return f"({sql} * {parts.rows()})", tuple(params)


def total_of_rows(parts: PartialAggregates, node: Any, argument: Any) -> SQL:
    (sql, params), (where, more) = (
        weighted(parts, node, argument),
        parts.filtered(node),
    )
    return f"SUM({sql}){where}", (*params, *more)


def mean_of_rows(parts: PartialAggregates, node: Any, argument: Any) -> SQL:
    sql, params = weighted(parts, node, argument)
    where, more = parts.filtered(node, argument)
    return (
        f"CAST(SUM({sql}){where} AS REAL) / SUM({parts.rows()}){where}",
        (*params, *more, *more),
    )


WRITTEN = {Count: count, Sum: total, Avg: mean, Min: extreme, Max: extreme}
WEIGHTED = {Count: count_of_rows, Sum: total_of_rows, Avg: mean_of_rows}
