"""COUNT(*) of the rows of one table, filtered by it and its relations."""

from dataclasses import replace

from ...conditions import Condition, Leaf, Node
from ..plans.base import Plan
from ..plans.counted import CountPlan, DifferencePlan
from ..refusal import OtherShape, Refused
from ..select import Select
from ..table_scan import DeferredSubquery, TableScan, build_scan, is_deferred


def plan(select: Select) -> Plan:
    """Return the plan of a COUNT(*) that the store answers."""
    if not select.counts_rows:
        raise OtherShape("the statement is no COUNT(*)")
    select.require_plain()
    joins = select.joins
    conditions = select.conditions(joins)
    looked_up, semi_joins = select.split_joins(joins)
    if looked_up:
        raise Refused(f"rows of {', '.join(looked_up)} are to be looked up")
    fields = [select.meta.pk]

    def scan_of(*conditions: Condition) -> TableScan:
        return build_scan(select.store, select.meta, fields, [*conditions], semi_joins)

    deferred = [each for each in conditions if is_deferred(each)]
    excluded = not_exists(deferred[0]) if len(deferred) == 1 else None
    if excluded is None or semi_joins:
        return CountPlan(scan_of(*conditions))
    others = [each for each in conditions if not is_deferred(each)]
    return DifferencePlan(scan_of(*others, excluded), every=scan_of(*others))


def not_exists(condition: Condition) -> Leaf | None:
    """Return the opposite of NOT EXISTS, None for another condition."""
    children = condition.children if isinstance(condition, Node) else (condition,)
    leaf, *nulls = children
    if (
        isinstance(leaf, Leaf)
        and leaf.negated
        and isinstance(leaf.value, DeferredSubquery)
        and leaf.value.without_null
        and nulls in ([], [Leaf(leaf.column, "isnull", True)])
        and getattr(condition, "connector", "OR") == "OR"
    ):
        return replace(leaf, negated=False)
    return None
