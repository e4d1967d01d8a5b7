"""EXISTS as a semi-join: what the correlated subquery compares with, by itself."""

from typing import Any

from django.db.models import lookups
from django.db.models.expressions import Col, Exists, NegatedExpression
from django.db.models.fields.related_lookups import RelatedExact
from django.db.models.sql.datastructures import BaseTable
from django.db.models.sql.query import Query
from django.db.models.sql.where import AND

from ..values.columns import collated, of_one_kind
from .refusal import Refused
from .tables import model_of_table

EQUALITIES = (lookups.Exact, lookups.IntegerFieldExact, RelatedExact)


def exists_in(node: Any) -> tuple[Query, bool] | None:
    """Return (subquery, whether there must be a row) if a lookup asks for EXISTS."""
    if type(node) is not lookups.Exact or not isinstance(node.rhs, bool):
        return None
    expression, wanted = node.lhs, node.rhs
    if type(expression) is NegatedExpression:
        expression, wanted = expression.expression, not wanted
    return (expression.query, wanted) if type(expression) is Exists else None


def uncorrelated(store: Any, query: Query) -> tuple[Col, Query]:
    """Return the outer column, and a query of the values that it must be among.

    `EXISTS (... WHERE book.author = author.id AND rest)` is `author.id IN (SELECT
    book.author ... WHERE rest)`. Raise Refused if it is another EXISTS.
    """
    inner, outer, found = decorrelated(store, query)
    found.clear_ordering(force=True)
    found.clear_select_clause()
    found.distinct = False
    found.select = (inner,)
    return outer, found


def decorrelated(store: Any, query: Query) -> tuple[Col, Col, Query]:
    """Return the equal columns (inner, outer), and the subquery without them.

    It has no limits. Raise Refused if one equality is not all that correlates it, or if
    it asks for more than the first row.
    """
    if (
        query.combinator
        or (query.low_mark, query.high_mark) not in ((0, None), (0, 1))
        or query.group_by is not None
        or query.distinct_fields
        or query.extra_tables
        or getattr(query, "inner_query", None)
    ):
        raise Refused("the subquery is no plain one")
    found = query.clone()
    where = found.where
    if where.negated or (where.connector != AND and len(where.children) > 1):
        raise Refused("the subquery is not correlated by an equality")
    equalities = [
        (each, pair)
        for each in where.children
        if (pair := correlation(found, each)) is not None
    ]
    if len(equalities) != 1:
        raise Refused("the subquery is not correlated by one equality")
    ((equality, (inner, outer)),) = equalities
    if not of_one_kind(store, inner.target, outer.target):
        raise Refused("the subquery is correlated by columns of different types")
    if collated(inner.target):
        raise Refused(f"{inner.target.name!r} has a collation")
    where.children.remove(equality)
    found.clear_limits()
    trim(found)
    return inner, outer, found


def trim(query: Query) -> None:
    """Have a query begin with its first table that is used.

    exclude() across a to-many relation leaves out the tables before.
    """
    used = {
        alias: table
        for alias, table in query.alias_map.items()
        if query.alias_refcount.get(alias)
    }
    table = next(iter(used.values()), None)
    if not isinstance(table, BaseTable):
        raise Refused("the subquery has no base table")
    query.alias_map = used
    vars(query).pop("base_table", None)
    if table.table_name != query.get_meta().db_table:
        query.model = model_of_table(query.model, table.table_name)
        if query.model is None:
            raise Refused(f"no model is known for the table {table.table_name}")


def correlation(query: Query, node: Any) -> tuple[Col, Col] | None:
    """Return the columns (inner, outer) that an equality of a subquery compares."""
    if not isinstance(node, EQUALITIES):
        return None
    for inner, outer in ((node.lhs, node.rhs), (node.rhs, node.lhs)):
        if (
            type(inner) is Col
            and type(outer) is Col
            and inner.alias in query.alias_map
            and outer.alias not in query.alias_map
        ):
            return inner, outer
    return None
