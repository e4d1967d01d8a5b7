"""Any statement: scans of its tables, finished in the local engine."""

from ..plans.local import LocalPlan
from ..select import Select


def plan(select: Select) -> LocalPlan:
    """Return the plan that answers every statement."""
    sql, params, refs, edges, _ = select.local
    return LocalPlan(select.store, sql, params, refs, edges, select.compiler.locks())
