"""Forces rules of the planner, so that tests meet them wherever they do not refuse.

`python -m nonrel_backend.testing.forcing` prints the rules to force, in some runs.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from unittest.mock import patch

from django.core.exceptions import EmptyResultSet

from ..local import table_cache
from ..local.table_cache import TableCache
from ..planner import choose, table_scan
from ..planner.plans import related_order
from ..planner.plans.base import Plan
from ..planner.refusal import Refused
from ..planner.rules import local
from ..planner.select import Select

RULES = choose.RULES
NAMES = [name for name, _ in RULES]
# The rules of one run: where two of them take a statement, another run has the second.
RUNS = (
    ("one_table", "joined_count", "related_order", "first_related", "groups", "union"),
    ("rows", "count", "related_sort", "related_groups"),
    ("streamed", "partial_groups"),
    ("related_extremes", "ranked_rows"),
    ("keyed_groups", "first_of_each", "computed_order"),
)


def force(*rules: str) -> None:
    """Have statements planned by some rules, however few rows there are, and finished
    locally where these refuse them.

    All rules plan the statements within. Raise ValueError if no rule has a name.
    """
    for rule in rules:
        if rule not in NAMES:
            raise ValueError(f"{rule} is none of the rules {', '.join(NAMES)}")
    found = {name: make for name, make in RULES if name in (*rules, "local")}
    choose.RULES = tuple((name, alone(make)) for name, make in found.items())
    table_scan.FEW_ROWS = related_order.FEW_ROWS = 0


def alone(rule: choose.Maker) -> choose.Maker:
    """Return the rule for the outermost statement: all rules plan those within."""

    def plan(select: Select) -> Plan:
        with patch.object(choose, "RULES", RULES):
            return rule(select)

    return plan


@contextmanager
def as_before() -> Iterator[None]:
    """Undo what is forced within a `with` block."""
    with (
        patch.object(choose, "RULES", choose.RULES),
        patch.object(table_scan, "FEW_ROWS", table_scan.FEW_ROWS),
        patch.object(related_order, "FEW_ROWS", related_order.FEW_ROWS),
    ):
        yield


@contextmanager
def forced(rule: str) -> Iterator[None]:
    """Do what `force()` does for a `with` block."""
    with as_before():
        force(rule)
        yield


@contextmanager
def asked() -> Iterator[set[str]]:
    """Do what `forced("local")` does; return the rules that would take a statement."""
    taking: set[str] = set()

    def plan(select: Select) -> Plan:
        taking.update(name for name, rule in RULES if takes(rule, select))
        return local.plan(select)

    with forced("local"):
        choose.RULES = (("local", alone(plan)),)
        yield taking


def takes(rule: choose.Maker, select: Select) -> bool:
    """Return whether a rule does not refuse."""
    try:
        rule(select)
    except Refused:
        return False
    except EmptyResultSet:
        pass
    return True


@contextmanager
def cached() -> Iterator[None]:
    """Have cached tables answer all that they can, however few rows there are."""
    with ExitStack() as stack:
        for target, name, value in (
            (TableCache, "may_pay", lambda *arguments: True),
            (TableCache, "pays", lambda *arguments: True),
            (table_cache, "FEW_ROWS", 0),
            (table_cache, "ROWS_PER_CHANGE", 0),
        ):
            stack.enter_context(patch.object(target, name, value))
        yield


if __name__ == "__main__":
    print(*map(",".join, RUNS))
