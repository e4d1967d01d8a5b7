"""The choice of a plan: the first rule that does not refuse makes it."""

from collections.abc import Callable, Sequence
from typing import Any

from .cached import from_cache
from .plans.base import Plan
from .plans.fallback import FallbackPlan
from .refusal import OtherShape, Refusal, Refused
from .rules import (
    computed_order,
    count,
    first_of_each,
    first_related,
    groups,
    joined_count,
    keyed_groups,
    local,
    one_table,
    partial_groups,
    ranked_rows,
    related_extremes,
    related_groups,
    related_order,
    related_sort,
    rows,
    streamed,
    union,
)
from .select import Select

Maker = Callable[[Select], Plan]
Rule = tuple[str, Maker]
# The rules that finish a statement locally; the last one takes every statement.
LOCAL_RULES: tuple[Rule, ...] = (("streamed", streamed.plan), ("local", local.plan))
# In the order in which they are asked: the cheaper plans first.
RULES: tuple[Rule, ...] = (
    ("one_table", one_table.plan),
    ("joined_count", joined_count.plan),
    ("count", count.plan),
    ("rows", rows.plan),
    ("related_order", related_order.plan),
    ("related_sort", related_sort.plan),
    ("first_related", first_related.plan),
    ("groups", groups.plan),
    ("related_groups", related_groups.plan),
    ("union", union.plan),
    ("related_extremes", related_extremes.plan),
    ("ranked_rows", ranked_rows.plan),
    ("partial_groups", partial_groups.plan),
    ("keyed_groups", keyed_groups.plan),
    ("first_of_each", first_of_each.plan),
    ("computed_order", computed_order.plan),
    *LOCAL_RULES,
)


def choose(compiler: Any, rules: Sequence[Rule] | None = None) -> Plan:
    """Return the plan of a compiler's query; raise EmptyResultSet if nothing matches.

    `rules` are tried in their order, RULES by default; give one alone to force it.
    """
    rules = RULES if rules is None else rules
    select = Select(compiler)
    refusals: list[Refusal] = []
    for name, rule in rules:
        try:
            plan = rule(select)
        except Refused as refused:
            if (name, rule) == rules[-1]:
                raise
            shape = isinstance(refused, OtherShape)
            refusals.append(Refusal(name, refused.reason, shape))
            continue
        plan.rule, plan.refusals = name, tuple(refusals)
        if plan.needs_fallback:
            return with_fallback(plan, compiler)
        return from_cache(plan, compiler)
    raise AssertionError("No rules were given.")


def with_fallback(plan: Plan, compiler: Any) -> FallbackPlan:
    """Return the plan, with the local one to take its place."""

    def fallback(refused: Refused) -> Plan:
        local: Plan = compiler.plan_locally()
        refusal = Refusal(plan.rule, refused.reason, False)
        local.refusals = (*plan.refusals, refusal)
        return local

    return FallbackPlan(plan, fallback)
