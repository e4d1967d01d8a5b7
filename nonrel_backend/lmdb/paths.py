"""The ways to the rows of a query: ranges of one index, or of several together."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..conditions import Step
from .catalog import PAYLOAD_SIZE, ROW_KEY_SIZE, Index, Table
from .encoding import HASH_SIZE, component, following
from .entries import count_entries
from .predicates import Test
from .ranges import Range, backwards, fewest_points, interval

# [(position, ascending)]; of a path, (position, path, db_type) is the position.
Ordering = list[tuple[Any, bool]]
# So many points of several IN are looked up one by one.
MAX_POINTS = 10_000


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


def by_column(tests: Sequence) -> dict[Any, list[Test]]:
    """Tests by column, those of paths by (column, path)."""
    found: dict[Any, list[Test]] = {}
    for test in tests:
        if type(test) is Test and test.other is None:
            key = (test.column, test.path) if test.path else test.column
            found.setdefault(key, []).append(test)
    return found


def match(table: Table, index: Index, tests: dict[Any, list[Test]]) -> Path | None:
    """The path by this index; None where the tests narrow nothing down."""
    starts, used, fixed = [index.prefix], [], 0
    unique = index.unique
    last: Range | None = None
    for position, descending, transform in index.parts:
        if isinstance(transform, dict) and "path" not in transform:
            break  # an expression, which no test is on
        column = table.by_position[position]
        db_type = column.db_type
        candidates = tests.get(column.name, ())
        if isinstance(transform, dict):
            path = index.paths[position, transform["path"]]
            candidates = tests.get((column.name, path), ())
            db_type, transform = transform["db_type"], None
            if Step.EACH in path:  # two tests may hold for two different items
                candidates = candidates[:1]
        test, values = fewest_points(candidates, transform)
        if test is not None and len(starts) * len(values) <= MAX_POINTS:
            encode = component(db_type, descending, None)
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


def clipped(bounds: Range, cut: int) -> Range:
    """A range that also holds all that was shortened."""
    low, high = bounds
    return low[:cut], high if len(high) <= cut else following(high[:cut])


def ordered_part(index: Index, part: tuple) -> tuple:
    """A part of an index, that of a path with the place that an ordering has for it."""
    position, descending, what = part
    if not isinstance(what, dict) or "path" not in what:
        return part
    path = index.paths[position, what["path"]]
    return (position, path, what["db_type"]), descending, None


def order_of(table: Table, path: Path, ordering: Ordering, constant: set[int]):
    """Whether the path's entries come in this order: False, "forwards", "backwards".

    `constant` holds the columns that have one value in all rows wanted.
    """
    if len(path.ranges) > 1 or path.index.truncated or path.index.many:
        return False
    own = [ordered_part(path.index, part) for part in path.index.parts]
    parts = [*own, *table.primary.parts]
    waiting = iter(
        (position, descending)
        for position, descending, transform in parts
        if transform is not None or position not in constant
    )
    if any(transform for _, _, transform in own):
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
