"""Answers from cached tables, of statements whose scans read many rows of the store.

That a scan read many rows is noted when it has run. From then on the same statement is
answered from the local engine's cached table, if that is cheaper: as a whole where it
counts rows or selects some columns, else by the keys of the rows that it finds there.
"""

from dataclasses import dataclass
from typing import Any

from ..conditions import FALSE, Column, Condition, Leaf
from ..values.saving import of_filter
from .plans.base import Plan, ScanPlan
from .plans.counted import CountPlan
from .plans.fallback import FallbackPlan
from .plans.local import LocalPlan
from .plans.native import NativePlan
from .refusal import FallbackRequired, Refusal, Refused
from .rules import local
from .select import Select
from .table_scan import Steps

# The rules whose plans have one scan of the statement's base table.
OF_ONE_SCAN = ("one_table", "count", "rows")
# So many rows are looked up by their keys. Where there are more, the store scans.
MOST_KEYS = 1_000
# The local engine hands out all rows at once.
MOST_ROWS = 100_000
READS_MANY = "its scan reads many rows, which are cached"


def from_cache(plan: Plan, compiler: Any) -> Plan:
    """Return the plan, or one that asks a cached table first."""
    if plan.rule not in OF_ONE_SCAN or not isinstance(plan, ScanPlan):
        return plan
    if plan.scan.lock:
        return plan
    scan = plan.scan
    scan.is_page = getattr(plan, "high", None) is not None
    cache = compiler.store.local_engine.cache
    if not cache.may_pay(scan):
        return plan
    if isinstance(plan, CountPlan) or selects_few(plan, compiler):
        return answered_there(plan, compiler)
    if scan.conditions and len(scan.query.meta.pk_fields) == 1:
        scan.cached_keys = CachedKeys(compiler, scan.name)
    return plan


def selects_few(plan: Plan, compiler: Any) -> bool:
    """Return whether a plan of rows selects some columns of no more than a page."""
    return (
        type(plan) is NativePlan
        and compiler.shape is None
        and plan.high is not None
        and plan.high - plan.low <= MOST_ROWS
    )


def answered_there(plan: ScanPlan, compiler: Any) -> Plan:
    """Return the plan that answers from the cached table, or else as `plan` does."""
    found = cached_plan(compiler, plan.scan.name)
    found.rule = "cached"
    found.refusals = (*plan.refusals, Refusal(plan.rule, READS_MANY, False))

    def otherwise(refused: Refused) -> Plan:
        return plan

    return FallbackPlan(found, otherwise)


def cached_plan(compiler: Any, name: str) -> LocalPlan:
    """Return the local plan that raises FallbackRequired unless the cache serves it."""
    found = local.plan(Select(compiler))
    found.cached_as = name
    return found


@dataclass
class CachedKeys:
    """The keys of the rows that a scan wants, found in the cached table."""

    compiler: Any
    name: str

    def condition(self, steps: Steps) -> Condition | None:
        """Return `key IN (keys)`, None if they are many or the cache does not serve.

        The scan's own conditions stay: a row may have changed meanwhile.
        """
        store = self.compiler.store
        query = self.compiler.query.clone()
        (field,) = query.get_meta().concrete_model._meta.pk_fields
        query.select_related = False
        query.explain_info = None
        query.clear_ordering(force=True)
        query.clear_limits()
        query.set_limits(high=MOST_KEYS + 1)
        query.set_values(["pk"])
        compiler = store.ops.compiler("SQLCompiler")(query, store, None)
        plan = cached_plan(compiler, self.name)
        try:
            rows = [row for chunk in plan.chunks() for row in chunk]
        except FallbackRequired:
            return None
        if len(rows) > MOST_KEYS:
            return None
        steps.append(plan.text)
        engine = store.local_engine
        values = [
            of_filter(field, engine.from_local(field, key), store) for key, *_ in rows
        ]
        column = Column(field.column, store.type_of(field))
        return Leaf(column, "in", values) if values else FALSE
