"""Access paths: the index scans that find the candidate rows of a query."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from ..conditions import Step
from .catalog import PAYLOAD_SIZE, ROW_KEY_SIZE, TREE_SIZE, Index, Table
from .encoding import HASH_SIZE, component, following
from .entries import Txn, count_entries
from .predicates import CompoundPredicate, Predicate
from .ranges import KeyRange, fewest_points, interval, inverted_range

# [(position, ascending)]. For a value inside a document, the position is
# (position, document path, db_type).
Ordering = list[tuple[Any, bool]]
Direction = Literal["forwards", "backwards"]
# The most key ranges of one scan. If several columns have an IN, the scan has a range
# for each combination of their values. Looking up 10,000 takes 5 milliseconds, at 0.5
# microseconds each (measured); making their keys takes about as long.
MAX_POINTS = 10_000


@dataclass
class IndexScan:
    """Key ranges of one index that hold all rows wanted, and perhaps others."""

    index: Index
    ranges: list[KeyRange]
    # Predicates that are true for every row of the ranges.
    satisfied: list[Predicate] = field(default_factory=list)
    # How many leading columns of the index are compared for equality.
    equalities: int = 0
    # Whether each range holds at most one entry.
    unique: bool = False

    def counted(self, txn: Txn, limit: int) -> int:
        """Return how many entries the ranges hold, at most `limit`."""
        return sum_up_to(
            limit, (count_entries(txn, low, high, limit) for low, high in self.ranges)
        )

    def __str__(self) -> str:
        return f"index {self.index.name}"


@dataclass
class IndexUnion:
    """The rows that any of several index scans finds: one scan per branch of an OR."""

    scans: list[IndexScan]
    # The rows of one branch need not satisfy the predicates of the others.
    satisfied: tuple[Predicate, ...] = ()
    equalities: int = 0

    def combine(self, sets: Iterator[set[bytes]]) -> set[bytes]:
        return set().union(*sets)

    def counted(self, txn: Txn, limit: int) -> int:
        """Return how many entries the scans have together, at most `limit`."""
        return sum_up_to(limit, (scan.counted(txn, limit) for scan in self.scans))

    def __str__(self) -> str:
        return " or ".join(map(str, self.scans))


@dataclass
class IndexIntersection:
    """The rows that every one of several index scans finds."""

    scans: list[IndexScan]

    @property
    def satisfied(self) -> list[Predicate]:
        return [predicate for scan in self.scans for predicate in scan.satisfied]

    def combine(self, sets: Iterator[set[bytes]]) -> set[bytes]:
        return set.intersection(*sets)

    def __str__(self) -> str:
        return " and ".join(map(str, self.scans))


AccessPath: TypeAlias = IndexScan | IndexUnion | IndexIntersection


@dataclass
class Choice:
    """The access path chosen and what is left to do with its rows."""

    access_path: AccessPath
    # Predicates to be evaluated on each row.
    residual: list[Predicate | CompoundPredicate]
    # Whether the rows come in the order asked for.
    ordered: bool = True
    # Whether the index is read backwards.
    reverse: bool = False


def sum_up_to(limit: int, numbers: Iterator[int]) -> int:
    """Return the sum of the numbers, at most `limit`."""
    total = 0
    for number in numbers:
        total += number
        if total >= limit:
            return limit
    return total


def full_scan(table: Table) -> IndexScan:
    """Return the scan of all rows by key."""
    return whole_index(table.primary)


def whole_index(index: Index) -> IndexScan:
    return IndexScan(index, [(index.prefix, following(index.prefix))])


def by_column(
    predicates: Sequence[Predicate | CompoundPredicate],
) -> dict[Any, list[Predicate]]:
    """Return the single predicates by column.

    The key is the column's name, or (name, document path) for a value in a document.
    """
    found: dict[Any, list[Predicate]] = {}
    for predicate in predicates:
        if type(predicate) is Predicate and predicate.other is None:
            key: Any = predicate.column
            if predicate.path:
                key = predicate.column, predicate.path
            found.setdefault(key, []).append(predicate)
    return found


def match_index(
    table: Table, index: Index, predicates: dict[Any, list[Predicate]]
) -> IndexScan | None:
    """Return the scan of this index that the predicates, by column, allow.

    Return None if they do not restrict its first column.
    """
    starts, satisfied, equalities = [index.prefix], [], 0
    unique = index.unique
    last: KeyRange | None = None
    for position, descending, transform in index.parts:
        if isinstance(transform, dict) and "path" not in transform:
            break  # an expression: no predicate is on one
        column = table.by_position[position]
        db_type = column.db_type
        candidates: Sequence[Predicate] = predicates.get(column.name, ())
        if isinstance(transform, dict):
            path = index.paths[position, transform["path"]]
            candidates = predicates.get((column.name, path), ())
            db_type, transform = transform["db_type"], None
            if Step.EACH in path:  # two predicates may hold for two different items
                candidates = candidates[:1]
        predicate, values = fewest_points(candidates, transform)
        if predicate is not None and len(starts) * len(values) <= MAX_POINTS:
            # Transforms are of texts; the value is transformed already.
            encode = component("string" if transform else db_type, descending)
            ends = sorted({encode(value) for value in values})
            starts = [start + end for start in starts for end in ends]
            satisfied.append(predicate)
            equalities += 1
            unique = unique and None not in values
            continue
        unique = False
        for predicate in candidates:
            found = interval(predicate, transform)
            if found is None:
                continue
            satisfied.append(predicate)
            last = (
                found
                if last is None
                else (max(last[0], found[0]), min(last[1], found[1]))
            )
        if last is not None and descending:
            last = inverted_range(*last)
        break
    if not satisfied:
        return None
    if last is None:
        ranges = [(start, following(start)) for start in starts]
    else:
        ranges = [(start + last[0], start + last[1]) for start in starts]
    size = ROW_KEY_SIZE if index is table.primary else PAYLOAD_SIZE
    cut = TREE_SIZE + size - HASH_SIZE
    if index.truncated or any(max(map(len, each)) > cut for each in ranges):
        ranges = sorted({clipped(each, cut) for each in ranges})
        satisfied, unique = [], False
    return IndexScan(index, ranges, satisfied, equalities, unique)


def clipped(bounds: KeyRange, cut: int) -> KeyRange:
    """Return a range of keys of `cut` bytes that also holds every shortened key."""
    low, high = bounds
    return low[:cut], high if len(high) <= cut else following(high[:cut])


def ordered_part(index: Index, part: tuple) -> tuple:
    """Return a part of an index with its position as an Ordering has it."""
    position, descending, what = part
    if not isinstance(what, dict) or "path" not in what:
        return part
    path = index.paths[position, what["path"]]
    return (position, path, what["db_type"]), descending, None


def order_of(
    table: Table, scan: IndexScan, ordering: Ordering, constant: set[int]
) -> Direction | None:
    """Return the direction in which the scan yields this ordering, None for neither.

    `constant` holds the positions of columns that have one value in all rows wanted.
    """
    if len(scan.ranges) > 1 or scan.index.truncated or scan.index.many:
        return None
    own = [ordered_part(scan.index, part) for part in scan.index.parts]
    if any(transform for _, _, transform in own):
        return None
    # The key of the row follows the columns of the index in each entry.
    parts = [*own, *table.primary.parts]
    following_parts = iter(
        (position, descending)
        for position, descending, transform in parts
        if transform is not None or position not in constant
    )
    directions: set[Direction] = set()
    rest_of_key = {position for position, _, _ in table.primary.parts} - constant
    for position, ascending in ordering:
        if position in constant:
            continue
        if not rest_of_key:
            break  # the key is unique: no two rows are left to order
        found = next(following_parts, None)
        if found is None or found[0] != position:
            return None
        if position in table.primary.positions:
            if table.primary.truncated:
                return None
            rest_of_key.discard(position)
        directions.add("forwards" if found[1] != ascending else "backwards")
    if len(directions) > 1:
        return None
    return directions.pop() if directions else "forwards"
