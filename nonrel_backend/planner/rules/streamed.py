"""One table whose rows go through the local engine in batches, each for itself."""

from ..plans.base import Plan
from ..plans.streamed import StreamedPlan
from ..refusal import OtherShape
from ..select import Select
from ..tables import writes_own_sql
from .local import plan as local_plan


def plan(select: Select) -> Plan:
    """Return the plan that holds no more than a batch of rows."""
    sql, params, refs, *_ = select.local
    if len(refs) != 1:
        raise OtherShape("the statement reads several tables")
    if not streams(select):
        raise OtherShape("the rows of the answer depend on each other")
    query, compiler = select.query, select.compiler
    otherwise = local_plan(select)
    if query.is_sliced:
        sql, params = compiler.local_sql(with_limits=False)
    return StreamedPlan(
        select.store,
        sql,
        params,
        refs[0],
        otherwise,
        query.low_mark,
        query.high_mark,
        otherwise.lock,
    )


def streams(select: Select) -> bool:
    """Return whether every row of the answer comes of one row of the one table."""
    query, compiler = select.query, select.compiler
    return not (
        writes_own_sql(query)
        or select.local.whole
        or query.combinator
        or query.distinct
        or query.group_by is not None
        or query.extra_tables
        or compiler.qualify
        or getattr(query, "inner_query", None)
        or select.order_by
        or any(
            getattr(each, "contains_aggregate", False)
            or getattr(each, "contains_over_clause", False)
            for each in select.selected
        )
        or not any(query.alias_refcount.values())
    )
