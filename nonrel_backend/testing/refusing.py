"""Has a store refuse what it is asked for: what is refused, the toolkit finishes."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from django.db import NotSupportedError

from ..planner import scans
from ..query import PREFILTER, NonrelQuery, Pushdown

# Methods of NonrelQuery that answer with EXACT, INEXACT or UNSUPPORTED.
FILTERS_AND_ORDERS = ("add_filter", "add_filters", "order_by", "order_by_columns")
ASKED = (*FILTERS_AND_ORDERS, "group", "first_of_each", "rank", "compute")
# Those that raise NotSupportedError to leave all of it to the planner.
LEFT = ("delete", "update")
# Those that return None where the store cannot tell.
TOLD = ("about_rows", "changed_since", "distinct_values", "version")
# Those that every store has: rows are written by key.
BY_KEY = ("update_rows", "delete_rows")
# How many rows fetch_converted() yields at a time, and how many keys one IN takes: any
# number is right.
FEW_ROWS = 5

# Returns the answer to one call of the method with that name.
Decide = Callable[[str], Pushdown]


class RefusedOnPurpose(NotSupportedError):
    """What the store has refused. No user may see it."""


def at_random(seed: Any) -> Decide:
    """Return a function that refuses some of the calls, the same ones for a seed."""
    chance = random.Random(seed)
    share = chance.choice((0.1, 0.3, 0.7))

    def decide(method: str) -> Pushdown:
        if chance.random() >= share:
            return Pushdown.EXACT
        return chance.choice((Pushdown.INEXACT, Pushdown.UNSUPPORTED))

    return decide


@contextmanager
def refusing(connection: Any, decide: Decide) -> Iterator[None]:
    """Have the scans of a connection refuse what `decide` says, in a `with` block.

    What is INEXACT is not done at all: the rows are a superset.
    """
    compiler = connection.ops.compiler("SQLCompiler")
    owner = next(each for each in compiler.__mro__ if "query_class" in vars(each))
    scan_class = refusing_class(connection.ops.query_class, decide)
    with (
        patch.object(owner, "query_class", scan_class),
        patch.object(connection.ops, "query_class", scan_class),
        patch.object(scans, "IN_BATCH", FEW_ROWS),
    ):
        yield


def refusing_class(query_class: type[NonrelQuery], decide: Decide) -> Any:
    """Return a subclass whose methods refuse what `decide` says.

    What these call themselves is not refused.
    """
    depth = 0

    def within(method: Any, *arguments: Any) -> Any:
        nonlocal depth
        depth += 1
        try:
            return method(*arguments)
        finally:
            depth -= 1

    def refusable(name: str) -> Any:
        original = getattr(query_class, name)

        def method(self: NonrelQuery, *arguments: Any) -> Any:
            answer = Pushdown.EXACT
            if not depth and name not in BY_KEY:
                answer = decide(name)
            if answer is Pushdown.EXACT:
                return within(original, self, *arguments)
            if name in TOLD:
                return None
            if answer is Pushdown.INEXACT and name in ASKED:
                return PREFILTER
            raise RefusedOnPurpose(f"{name}() is refused on purpose")

        return method

    def fetch_converted(self: NonrelQuery, *arguments: Any) -> Iterator[list[Any]]:
        for rows in query_class.fetch_converted(self, *arguments):
            for start in range(0, len(rows), FEW_ROWS):
                yield rows[start : start + FEW_ROWS]

    methods = {name: refusable(name) for name in (*ASKED, *LEFT, *TOLD, *BY_KEY)}
    methods["fetch_converted"] = fetch_converted
    return type(f"Refusing{query_class.__name__}", (query_class,), methods)
