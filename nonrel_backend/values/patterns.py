"""Regular expressions: what a search costs at most, and searches that can be stopped.

Python's `re` goes back over a text in ways that nobody can stop, and some patterns
make it try exponentially many. Those, and long searches, run in a process of their
own, which is killed after SECONDS.
"""

import atexit
import os
import pickle
import re
import subprocess
from collections.abc import Callable, Iterable
from functools import lru_cache
from itertools import takewhile
from multiprocessing.connection import wait
from multiprocessing.spawn import get_executable

# The parser of `re` itself: no other tells what `re` will do.
from re import _constants as ops  # type: ignore[attr-defined]
from re import _parser  # type: ignore[attr-defined]
from typing import Any, NamedTuple

from django.db import OperationalError

from .folding import fold

# How long a search of one text may take.
SECONDS = 2.0
# The steps that are taken here: `re` takes some 50 million in a second.
STEPS = 5_000_000
# A repetition that may be longer counts as one without a bound.
LONGEST = 1_000
REPEATS = {ops.MAX_REPEAT, ops.MIN_REPEAT, ops.POSSESSIVE_REPEAT}
ONE_CHARACTER = {ops.LITERAL, ops.NOT_LITERAL, ops.ANY, ops.IN}


class Cost(NamedTuple):
    """At most `factor * length ** degree` steps from each place of a text.

    The factor is infinite where there is no such bound.
    """

    factor: float
    degree: int

    def __mul__(self, other: "Cost") -> "Cost":  # type: ignore[override]
        return Cost(self.factor * other.factor, self.degree + other.degree)

    def __add__(self, other: "Cost") -> "Cost":  # type: ignore[override]
        return Cost(self.factor + other.factor, max(self.degree, other.degree))

    def steps(self, length: int) -> float:
        """Return the most steps of a search of a text, from all its places."""
        return self.factor * max(length, 1) ** (self.degree + 1)


CONSTANT = Cost(1, 0)
UNBOUNDED = Cost(float("inf"), 0)


@lru_cache(1_000)
def cost(pattern: str) -> Cost:
    """Return what a search costs at most. Raise re.error for an invalid pattern."""
    return cost_of_all(_parser.parse(pattern))


def cost_of_all(items: Iterable[tuple[Any, Any]]) -> Cost:
    """Return the cost of one item after the other."""
    total = CONSTANT
    for item in items:
        total *= cost_of(*item)
    return total


def cost_of(op: Any, argument: Any) -> Cost:
    if op in ONE_CHARACTER or op is ops.AT:
        return CONSTANT
    if op is ops.SUBPATTERN:
        return cost_of_all(argument[-1])
    if op is ops.ATOMIC_GROUP:
        return cost_of_all(argument)
    if op in (ops.ASSERT, ops.ASSERT_NOT):
        return cost_of_all(argument[1])
    if op is ops.BRANCH:
        branches = list(map(cost_of_all, argument[1]))
        return sum(branches[1:], branches[0])
    if op in REPEATS:
        return cost_of_repeat(*argument)
    return UNBOUNDED  # a reference back, or what a later Python adds


def cost_of_repeat(least: int, most: int, items: Any) -> Cost:
    if most <= 1:
        return CONSTANT + cost_of_all(items)
    if not has_one_way(items):
        return UNBOUNDED
    if least == most:
        return CONSTANT
    return Cost(1, 1) if most > LONGEST else Cost(most - least + 1, 0)


def has_one_way(items: Any) -> bool:
    """Return whether a text is matched in one way at most, so that no second is tried.

    Alternatives are told apart by their first character.
    """
    return all(item_has_one_way(*item) for item in items)


def item_has_one_way(op: Any, argument: Any) -> bool:
    if op in ONE_CHARACTER or op is ops.AT:
        return True
    if op is ops.SUBPATTERN:
        return has_one_way(argument[-1])
    if op in REPEATS:
        least, most, items = argument
        return least == most and has_one_way(items)
    if op is ops.BRANCH:
        branches = argument[1]
        if not all(each and each[0][0] is ops.LITERAL for each in branches):
            return False
        # In one case: the search may ignore it.
        first = {fold(chr(each[0][1])) for each in branches}
        return len(first) == len(branches) and all(map(has_one_way, branches))
    return False


def literal_prefix(pattern: str) -> str:
    """Return what every text with a match begins with, as far as it is literal."""
    items = list(_parser.parse(pattern))
    if items[:1] != [(ops.AT, ops.AT_BEGINNING)]:
        return ""
    literals = takewhile(lambda item: item[0] is ops.LITERAL, items[1:])
    return "".join(chr(code) for _, code in literals)


@lru_cache(1_000)
def searcher(pattern: str, ignore_case: bool = False) -> Callable[[str], bool]:
    """Return the function that says whether a text has a match of the pattern.

    Raise re.error for an invalid pattern. The function raises OperationalError if a
    search takes longer than SECONDS.
    """
    flags = re.IGNORECASE if ignore_case else 0
    search, known = re.compile(pattern, flags).search, cost(pattern)

    def matches(text: str) -> bool:
        if known.steps(len(text)) <= STEPS:
            return search(text) is not None
        return stoppable_search(pattern, flags, text)

    return matches


# --- searches in another process ---

LOOP = """
import pickle, re, sys
sys.stdout.write(".")
sys.stdout.flush()
while True:
    try:
        pattern, flags, text = pickle.load(sys.stdin.buffer)
    except EOFError:
        break
    found = re.search(pattern, text, flags) is not None
    sys.stdout.write("01"[found])
    sys.stdout.flush()
"""


class Searcher:
    """A process that searches one text at a time."""

    def __init__(self) -> None:
        # Isolated and without site-packages it starts in some 15 ms.
        self.process = subprocess.Popen(
            [get_executable(), "-I", "-S", "-c", LOOP],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.answer(b".")  # It is ready: its start is no part of a search.

    def search(self, *question: Any) -> bool | None:
        """Return whether the text has a match, None if it took longer than SECONDS."""
        assert self.process.stdin is not None and self.process.stdout is not None
        try:
            pickle.dump(question, self.process.stdin)
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # It has ended: so does what is read of it.
        if not wait([self.process.stdout.fileno()], SECONDS):
            return None
        return self.answer(b"0", b"1") == b"1"

    def answer(self, *possible: bytes) -> bytes:
        assert self.process.stdout is not None
        found = self.process.stdout.read(1)
        if found not in possible:
            raise OperationalError(
                f"The process that was to search a text, of {get_executable()}, ended. "
                "multiprocessing.set_executable() sets the path of Python."
            )
        return found

    def stop(self) -> None:
        self.process.kill()
        self.process.communicate()


# Those without work: each thread takes one for a search.
_idle: list[Searcher] = []


def stop_all() -> None:
    while _idle:
        _idle.pop().stop()


atexit.register(stop_all)
# They are the parent's, which may be asking them.
os.register_at_fork(after_in_child=_idle.clear)


def stoppable_search(pattern: str, flags: int, text: str) -> bool:
    """Return whether the text has a match. Raise OperationalError after SECONDS."""
    try:
        worker = _idle.pop()
    except IndexError:
        worker = Searcher()
    try:
        found = worker.search(pattern, flags, text)
    except BaseException:
        worker.stop()
        raise
    if found is None:
        worker.stop()
        raise OperationalError(
            f"The regular expression {pattern!r} took longer than {SECONDS:g} seconds "
            f"on a text of {len(text):,} characters: write it so that no repetition "
            "stands in another and none overlaps the next."
        )
    _idle.append(worker)
    return found
