"""Any statement: scans of its tables, finished in the local engine."""

from ..plans.local import LocalPlan
from ..select import Select


def plan(select: Select) -> LocalPlan:
    """Return the plan that answers every statement."""
    return LocalPlan(select.store, *select.local, select.compiler.locks())
