"""How the rows of a query are found: ranges of keys, and which index is the best."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from .catalog import PAYLOAD_SIZE, ROW_KEY_SIZE, Index, Table
from .encoding import (
    HASH_SIZE,
    PAST_PRESENT,
    PRESENT,
    component,
    following,
    inverted,
    text_prefix,
)
from .entries import count_entries
from .predicates import Test, Tests

# A range of keys, its end not among them.
Range = tuple[bytes, bytes]
# [(position, ascending)]
Ordering = list[tuple[int, bool]]
# So many points of several IN are looked up one by one.
MAX_POINTS = 10_000
# How many entries a probe counts in each round, of each path.
PROBES = (16, 256, 2048, 16384)
# Rows that are cheaper to read than two indexes; entries that are cheaper than a row.
FEW_ROWS, ENTRIES_FOR_A_ROW = 64, 3
# With so many candidates to be sorted, following the order may be cheaper.
SORTED_CHEAPLY = 512
EVERYTHING_PRESENT: Range = (PRESENT, PAST_PRESENT)
INVERSES = {"gt": "lte", "gte": "lt", "lt": "gte", "lte": "gt"}


# --- one test on one column, as keys ---


def points(test: Test, transform: str | None) -> list[Any] | None:
    """The values that the test allows, None where it allows more than a list."""
    if test.negated and test.lookup_type != "isnull":
        return None
    if transform == "fold":
        return [test.value] if test.lookup_type == "iexact" else None
    if transform is not None:
        return None
    if test.lookup_type == "exact" and test.value is not None:
        return [test.value]
    if test.lookup_type == "in":
        return test.value
    if test.lookup_type == "isnull" and test.value != test.negated:
        return [None]
    return None


def interval(test: Test, transform: str | None) -> Range | None:
    """The components that the test allows, where they are one range."""
    if test.value is None or test.other is not None:
        return None
    lookup_type = test.lookup_type
    if transform is not None:
        if test.negated:
            return None
        if transform == "fold" and lookup_type == "istartswith":
            return prefix(test.value)
        if transform == "reverse" and lookup_type == "endswith":
            return prefix(test.value[::-1])
        return None
    if lookup_type == "isnull":
        return EVERYTHING_PRESENT if test.value == test.negated else None
    if test.negated:
        lookup_type = INVERSES.get(lookup_type, "")
    encode = component(test.db_type)
    if lookup_type == "range":
        low, high = test.value
        return encode(low), following(encode(high))
    if lookup_type == "startswith":
        return prefix(test.value)
    if lookup_type not in INVERSES:
        return None
    key = encode(test.value)
    return {
        "gt": (following(key), PAST_PRESENT),
        "gte": (key, PAST_PRESENT),
        "lt": (PRESENT, key),
        "lte": (PRESENT, following(key)),
    }[lookup_type]


def prefix(text: str) -> Range:
    start = text_prefix(text)
    return start, following(start)


def backwards(low: bytes, high: bytes) -> Range:
    """The range of the same components in a descending column."""
    return following(inverted(high)), following(inverted(low))


# --- paths ---


@dataclass
class Path:
    """Ranges of an index that hold all rows wanted, and perhaps more."""

    index: Index
    ranges: list[Range]
    # Tests that hold for every row found.
    used: list[Test] = field(default_factory=list)
    # How many columns of the index have one value only.
    fixed: int = 0
    # At most one entry in each range.
    unique: bool = False

    def counted(self, txn, limit: int) -> int:
        return sum_up_to(
            limit, (count_entries(txn, low, high, limit) for low, high in self.ranges)
        )

    def __str__(self) -> str:
        return f"index {self.index.name}"


@dataclass
class Union:
    """The rows of several paths: of the branches of an OR."""

    paths: list[Path]
    unique: bool = False

    def combine(self, sets: Iterator[set[bytes]]) -> set[bytes]:
        return set().union(*sets)

    def counted(self, txn, limit: int) -> int:
        return sum_up_to(limit, (path.counted(txn, limit) for path in self.paths))

    def __str__(self) -> str:
        return " or ".join(map(str, self.paths))


@dataclass
class Intersection:
    """The rows that are on every one of several paths."""

    paths: list[Path]
    unique: bool = False

    @property
    def used(self) -> list[Test]:
        return [test for path in self.paths for test in path.used]

    def combine(self, sets: Iterator[set[bytes]]) -> set[bytes]:
        return set.intersection(*sets)

    def __str__(self) -> str:
        return " and ".join(map(str, self.paths))


@dataclass
class Choice:
    """The path taken, the tests left to do and whether the order is right."""

    path: Path | Union | Intersection
    residual: list
    ordered: bool = True
    reverse: bool = False


def sum_up_to(limit: int, numbers: Iterator[int]) -> int:
    total = 0
    for number in numbers:
        total += number
        if total >= limit:
            return limit
    return total


def whole(table: Table) -> Path:
    start = table.prefix
    return Path(table.primary, [(start, following(start))])


def by_column(tests: Sequence) -> dict[str, list[Test]]:
    found: dict[str, list[Test]] = {}
    for test in tests:
        if type(test) is Test and test.other is None:
            found.setdefault(test.column, []).append(test)
    return found


def match(table: Table, index: Index, tests: dict[str, list[Test]]) -> Path | None:
    """The path by this index; None where the tests narrow nothing down."""
    starts, used, fixed = [index.prefix], [], 0
    unique = index.unique
    last: Range | None = None
    for position, descending, transform in index.parts:
        if isinstance(transform, dict):
            break  # an expression, which no test is on
        column = table.by_position[position]
        candidates = tests.get(column.name, ())
        test, values = fewest_points(candidates, transform)
        if test is not None and len(starts) * len(values) <= MAX_POINTS:
            encode = component(column.db_type, descending, None)
            if transform:
                encode = component("string", descending, None)
            ends = sorted({encode(value) for value in values})
            starts = [start + end for start in starts for end in ends]
            used.append(test)
            fixed += 1
            unique = unique and None not in values
            continue
        unique = False
        for test in candidates:
            found = interval(test, transform)
            if found is None:
                continue
            used.append(test)
            last = (
                found
                if last is None
                else (max(last[0], found[0]), min(last[1], found[1]))
            )
        if last is not None and descending:
            last = backwards(*last)
        break
    if not used:
        return None
    if last is None:
        ranges = [(start, following(start)) for start in starts]
    else:
        ranges = [(start + last[0], start + last[1]) for start in starts]
    cut = 4 + (ROW_KEY_SIZE if index is table.primary else PAYLOAD_SIZE) - HASH_SIZE
    if index.truncated or any(max(map(len, each)) > cut for each in ranges):
        ranges = sorted({clipped(each, cut) for each in ranges})
        used, unique = [], False
    return Path(index, ranges, used, fixed, unique)


def fewest_points(tests: Sequence[Test], transform) -> tuple[Test | None, list]:
    best: tuple[Test | None, list] = (None, [])
    for test in tests:
        values = points(test, transform)
        if values is not None and (best[0] is None or len(values) < len(best[1])):
            best = (test, values)
    return best


def clipped(bounds: Range, cut: int) -> Range:
    """A range that also holds all that was shortened."""
    low, high = bounds
    return low[:cut], high if len(high) <= cut else following(high[:cut])


def order_of(table: Table, path: Path, ordering: Ordering, constant: set[int]):
    """Whether the path's entries come in this order: False, "forwards", "backwards".

    `constant` holds the columns that have one value in all rows wanted.
    """
    if len(path.ranges) > 1 or path.index.truncated:
        return False
    parts = [*path.index.parts, *table.primary.parts]
    waiting = iter(
        (position, descending)
        for position, descending, transform in parts
        if transform is not None or position not in constant
    )
    if any(transform for _, _, transform in path.index.parts):
        return False
    ways = set()
    ended = {position for position, _, _ in table.primary.parts} - constant
    for position, ascending in ordering:
        if position in constant:
            continue
        if not ended:
            break  # by the whole key already: nothing is left to order
        found = next(waiting, None)
        if found is None or found[0] != position:
            return False
        if position in table.primary.positions:
            if table.primary.truncated:
                return False
            ended.discard(position)
        ways.add(found[1] != (not ascending))
    if len(ways) > 1:
        return False
    return "backwards" if ways == {True} else "forwards"


def choose(
    txn, table: Table, tests: list, ordering: Ordering, limit: int | None
) -> Choice:
    """The way to the rows for which all `tests` are true."""
    columns = by_column(tests)
    candidates: list[Path | Union] = []
    for index in (table.primary, *usable(table, tests)):
        path = match(table, index, columns)
        if path is None:
            continue
        if path.unique and len(path.ranges) == 1:
            return finished(table, path, tests, ordering)
        candidates.append(path)
    candidates += unions(txn, table, tests)
    following_order = None
    if ordering:
        following_order = ordered_path(table, tests, candidates, ordering)
    if not candidates:
        return following_order or finished(table, whole(table), tests, ordering)
    if following_order is not None and (
        len(candidates) == 1 and following_order.path is candidates[0]
    ):
        return following_order
    if len(candidates) == 1 and following_order is None:
        return finished(table, candidates[0], tests, ordering)
    if limit is not None:
        if following_order is not None and not following_order.residual:
            return following_order
        whole_answers = [each for each in candidates if not left(tests, each)]
        if whole_answers and not ordering:
            return finished(table, whole_answers[0], tests, ordering)
    counts = probed(txn, candidates, PROBES if limit is None else PROBES[:-1])
    (number, best), *others = counts
    if following_order is not None and limit is not None and number > SORTED_CHEAPLY:
        return following_order
    if ordering or limit is None:
        best = intersected(best, number, others)
    return finished(table, best, tests, ordering)


def usable(table: Table, tests: list) -> list[Index]:
    """The indexes that hold all rows wanted."""
    leaves = None
    found = []
    for index in table.indexes:
        if index.conditions:
            if leaves is None:
                leaves = [test.leaf for test in tests if type(test) is Test]
            if not all(each in leaves for each in index.conditions):
                continue
        found.append(index)
    return found


def probed(txn, candidates: list, limits=PROBES) -> list[tuple[int, Any]]:
    """(how many entries, path), the fewest first, counted no further than need be."""
    for limit in limits:
        counts = [each.counted(txn, limit) for each in candidates]
        if min(counts) < limit:
            break
    return sorted(
        zip(counts, candidates, strict=True),
        key=lambda item: (item[0], -getattr(item[1], "fixed", 0)),
    )


def intersected(best, number: int, others: list) -> Any:
    """The best path and the next that does another test, where to read the entries of
    both is cheaper than the rows of one.
    """
    if number <= FEW_ROWS or number >= PROBES[-1] or type(best) is not Path:
        return best
    used = set(map(id, best.used))
    for count, path in others:
        if number + count > number * ENTRIES_FOR_A_ROW:
            return best
        if type(path) is Path and not set(map(id, path.used)) & used:
            return Intersection([best, path])
    return best


def unions(txn, table: Table, tests: list) -> Iterator[Union]:
    """A Union for every OR whose branches all have a path."""
    for test in tests:
        if type(test) is not Tests or test.connector != "OR":
            continue
        paths = [branch(txn, table, child) for child in test.children]
        if paths and all(path is not None for path in paths):
            yield Union(paths)  # type: ignore[arg-type]


def branch(txn, table: Table, child) -> Path | None:
    tests = child.children if type(child) is Tests else [child]
    if type(child) is Tests and child.connector == "OR":
        return None
    columns = by_column(tests)
    found = [
        path
        for index in (table.primary, *usable(table, tests))
        if (path := match(table, index, columns)) is not None
    ]
    if len(found) < 2:
        return found[0] if found else None
    return probed(txn, found)[0][1]


def constant_columns(table: Table, tests: list) -> set[int]:
    return {
        table.position(test.column)
        for test in tests
        if type(test) is Test
        and test.lookup_type == "exact"
        and not test.negated
        and test.other is None
    }


def ordered_path(table, tests, candidates, ordering) -> Choice | None:
    """A path that yields the order, one that also filters before any other."""
    constant = constant_columns(table, tests)
    paths = [each for each in candidates if type(each) is Path]
    tried = {id(each.index) for each in paths}
    paths.sort(key=lambda path: -path.fixed)
    for index in (table.primary, *usable(table, tests)):
        if id(index) not in tried:
            start = index.prefix
            paths.append(Path(index, [(start, following(start))]))
    for path in paths:
        way = order_of(table, path, ordering, constant)
        if way:
            return Choice(path, left(tests, path), True, way == "backwards")
    return None


def finished(table, path, tests, ordering) -> Choice:
    way: Any = "forwards"
    if ordering and not (path.unique and len(path.ranges) == 1):
        way = False
        if type(path) is Path:
            way = order_of(table, path, ordering, constant_columns(table, tests))
    return Choice(path, left(tests, path), bool(way), way == "backwards")


def left(tests: list, path: Path | Union | Intersection) -> list:
    """The tests that the path does not do."""
    used = {id(test) for test in getattr(path, "used", ())}
    return [test for test in tests if id(test) not in used]
