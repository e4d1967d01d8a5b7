"""COUNT(*) of rows joined to one to-many relation: `filter(genres__name="x").count()`.

A row counts as often as it is joined. What there is less of is found first: the keys of
the related rows, or those of the base's.
"""

from ..plans.base import Plan
from ..plans.joined_count import JoinedCountPlan
from ..refusal import OtherShape, Refused
from ..select import Select
from ..table_scan import SemiJoin, build_scan
from ..tables import field_of


def plan(select: Select) -> Plan:
    """Return the plan of a COUNT(*) over one INNER JOIN of a to-many relation."""
    if len(select.query.alias_map) < 2 or not select.counts_rows:
        raise OtherShape("the statement is no COUNT(*) of joined rows")
    select.require_plain()
    joins = select.joins
    many = [join for join in joins.values() if join.many]
    if len(many) != 1 or many[0].parent_alias != select.base or select.ignores_repeats:
        raise OtherShape("the rows are joined to no to-many relation, or to several")
    conditions = select.conditions(joins)
    looked_up, semi_joins = select.split_joins(joins)
    if looked_up:
        raise Refused(f"rows of {', '.join(looked_up)} are to be looked up")

    def is_many(each: SemiJoin) -> bool:
        return each.join is many[0]

    (related,) = filter(is_many, semi_joins)
    others = [each for each in semi_joins if each is not related]
    key = field_of(select.meta, related.column.name)
    scan = build_scan(select.store, select.meta, [key], conditions, others)
    return JoinedCountPlan(scan, related, bool(conditions or others))
