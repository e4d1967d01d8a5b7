"""GROUP BY and aggregates of one table, filtered by a to-many relation.

The store finds the keys of the related rows first, and groups the rows with those keys:
`Book.objects.filter(genres__name="x").aggregate(Avg("pages"))`. A row that the join
repeats would be aggregated once, so the plan gives way where a key is found twice.
"""

from ..plans.base import Plan
from ..select import Select
from .groups import plan as groups_plan


def plan(select: Select) -> Plan:
    """Return the plan of groups of the rows whose keys are found first."""
    return groups_plan(select, by_keys=True)
