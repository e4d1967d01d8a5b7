"""Who does what: the cheapest plan for a SELECT."""

from django.core.exceptions import FullResultSet

from .basescan import NotNative
from .plan import LocalPlan, StreamPlan, WithFallback
from .pushdown import NativePlanner
from .related import RankedGroupsPlan, RelatedPlanner
from .table_refs import uses_of
from .translate import Untranslatable


def plan_select(compiler, order_by, extra_select):
    """The cheapest plan for a compiler's query; raises EmptyResultSet."""
    for kind in (NativePlanner, RelatedPlanner):
        planner = kind(compiler, order_by, extra_select)
        try:
            plan = planner.plan()
        except (NotNative, Untranslatable, FullResultSet):
            continue
        if plan.scan.ready is None or isinstance(plan, RankedGroupsPlan):
            return WithFallback(plan, compiler)
        return plan
    return local_plan(compiler)


def local_plan(compiler):
    """Scans finished by SQLite: streamed where no row depends on another."""
    query, store = compiler.query, compiler.store
    sql, params = compiler.local_sql()
    uses, edges = uses_of(store, query)
    lock = compiler.locks()
    local = LocalPlan(store, sql, tuple(params), uses, edges, lock)
    if len(uses) == 1 and streams(compiler):
        low, high = query.low_mark, query.high_mark
        if query.is_sliced:
            sql, params = compiler.local_sql(with_limits=False)
        return StreamPlan(store, sql, tuple(params), uses[0], local, low, high, lock)
    return local


def streams(compiler) -> bool:
    """Whether every row of the answer comes of one row of the one table."""
    query = compiler.query
    selected = [expression for expression, _, _ in compiler.select or ()]
    return not (
        query.combinator
        or query.distinct
        or query.group_by is not None
        or query.extra_tables
        or getattr(compiler, "qualify", None)
        or getattr(query, "inner_query", None)
        or compiler.ordered
        or any(
            getattr(each, "contains_aggregate", False)
            or getattr(each, "contains_over_clause", False)
            for each in selected
        )
        or not any(query.alias_refcount.values())
    )
