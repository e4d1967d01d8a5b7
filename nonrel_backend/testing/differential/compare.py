"""Has Hypothesis draw texts and compares what two databases make of them."""

from collections import Counter
from collections.abc import Callable
from typing import Any

from django.db import NotSupportedError
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from .answers import difference, read, written
from .data import Data
from .strategies import query, write

QUERIES_PER_DATA = 250
# The share of what SQLite answers that the backend may refuse.
REFUSED = 0.01
ENDINGS = ("rolled back", "savepoint", "committed")


class Disagreement(AssertionError):
    """Its arguments are the text, what the first database gave, and the second."""

    def __str__(self) -> str:
        return "{}\nours: {!r}\nexpected: {!r}".format(*self.args)


def compare_queries(models, aliases, count: int, number: int) -> str:
    """Draw `count` queries; Disagreement on the smallest that is wrong, else a line of
    what was done.
    """

    def run(text: str, data: Data) -> list[tuple]:
        return [(read(data, text, alias),) for alias in aliases]

    return compare(models, aliases, query(), count, number, run)


def compare_writes(models, aliases, count: int, number: int, endings=ENDINGS) -> str:
    """The same for writes, brought to an end in each of these ways. Where nothing can
    be rolled back, what a write leaves that ends in an error is not compared.
    """

    def run(drawn: tuple[str, str], data: Data) -> list[tuple]:
        ending = drawn[0] if drawn[0] in endings else "committed"
        found = [written(data, ending, drawn[1], alias) for alias in aliases]
        if ending == "committed" and any(held != data.stored for _, held in found):
            data.store()
        if "rolled back" not in endings:
            found = [each[:1] if isinstance(each[0], type) else each for each in found]
        return found

    return compare(models, aliases, write(), count, number, run)


def compare(
    models, aliases, strategy: st.SearchStrategy, count: int, number: int, run: Callable
) -> str:
    """Have both databases do drawn texts, on new data now and then."""
    outcomes: Counter[str] = Counter()
    first = number
    while (done := outcomes.total()) < count:
        data = Data(models, number, aliases)
        data.store()
        some = min(QUERIES_PER_DATA, count - done)
        compare_some(data, number, strategy, some, run, outcomes)
        number += 1
    told = ", ".join(f"{number} {outcome}" for outcome, number in outcomes.items())
    if outcomes["refused"] > max(REFUSED * done, 1):
        raise Disagreement("what is refused", told, f"at most {REFUSED:.0%}")
    return f"{done} of seed {first}: {told}"


def compare_some(data: Data, number: int, strategy, count: int, run, outcomes) -> None:
    @seed(number)
    @settings(
        max_examples=count,
        phases=[Phase.generate, Phase.shrink],
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
    )
    @given(strategy)
    def agree(drawn: Any) -> None:
        ours, expected = run(drawn, data)
        if ours[0] is NotSupportedError is not expected[0]:
            outcomes["refused"] += 1
            return
        wrong = difference(ours, expected)
        if wrong:
            text = drawn if isinstance(drawn, str) else "{1}  # {0}".format(*drawn)
            raise Disagreement(text, *wrong)
        error = isinstance(ours[0], type)
        outcomes["the same error" if error else "the same answer"] += 1

    try:
        agree()
    except Disagreement as error:
        error.add_note(f"The data is that of seed {number} (FUZZ_SEED).")
        raise
