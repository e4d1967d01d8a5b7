"""COUNT(*) of the rows of one table, filtered by it and its relations."""

from ..plans.base import Plan
from ..plans.counted import CountPlan
from ..refusal import OtherShape, Refused
from ..select import Select
from ..table_scan import build_scan


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
    scan = build_scan(
        select.store, select.meta, [select.meta.pk], conditions, semi_joins
    )
    return CountPlan(scan)
