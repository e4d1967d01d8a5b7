"""What a store answers to what it is asked for: exact, inexact or not at all."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from django.db import NotSupportedError

# What add_filter(), add_filters() and order_by() return for "INEXACT: check again".
PREFILTER = object()


class Pushdown(Enum):
    """How a store takes what it is asked for: a filter, an order, a GROUP BY."""

    # The answer is exact, NULLs included.
    EXACT = "exact"
    # The store returns a superset of the rows: check again.
    INEXACT = "inexact"
    # The store leaves it to the planner.
    UNSUPPORTED = "unsupported"


@dataclass(frozen=True)
class Answer:
    """A store's answer to one request, with its reason where it is UNSUPPORTED."""

    pushdown: Pushdown
    reason: str = ""


EXACT, INEXACT = Answer(Pushdown.EXACT), Answer(Pushdown.INEXACT)


def ask(method: Callable[..., object], *arguments: Any) -> Answer:
    """Return the store's answer to `method(*arguments)`, a method of NonrelQuery.

    The author's convention is to return nothing (exact), to return PREFILTER, or to
    raise NotSupportedError; this is the one place that knows it.
    """
    try:
        answer = method(*arguments)
    except NotSupportedError as error:
        return Answer(Pushdown.UNSUPPORTED, str(error))
    return INEXACT if answer is PREFILTER else EXACT
