"""Forces one rule of the planner, so that tests meet it wherever it does not refuse.

`python -m nonrel_backend.testing.forcing` prints the names of the rules.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from unittest.mock import patch

from ..local import table_cache
from ..local.table_cache import TableCache
from ..planner import choose, table_scan
from ..planner.plans import related_order
from ..planner.plans.base import Plan
from ..planner.select import Select

NAMES = [name for name, _ in choose.RULES]


def force(rule: str) -> Counter[str]:
    """Have statements planned by a rule, and finished locally where it refuses them.

    Return the numbers of plans by rule from now on. Raise ValueError if no rule has
    the name.
    """
    if rule not in NAMES:
        raise ValueError(f"{rule} is none of the rules {', '.join(NAMES)}")
    planned: Counter[str] = Counter()

    def counted(name: str, made: choose.Maker) -> choose.Rule:
        def make(select: Select) -> Plan:
            plan = made(select)
            planned[name] += 1
            return plan

        return name, make

    (_, local) = choose.LOCAL_RULES[-1]
    others = {name: made for name, made in choose.RULES if name == rule}
    chosen = {**others, "local": local}
    choose.RULES = tuple(counted(name, made) for name, made in chosen.items())
    return planned


@contextmanager
def forced(rule: str) -> Iterator[Counter[str]]:
    """Do what `force()` does for a `with` block, of however few rows."""
    with (
        patch.object(choose, "RULES", choose.RULES),
        patch.object(table_scan, "FEW_ROWS", 0),
        patch.object(related_order, "FEW_ROWS", 0),
    ):
        yield force(rule)


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
    print(*NAMES)
