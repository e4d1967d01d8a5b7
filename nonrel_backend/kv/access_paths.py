"""Access paths: the index scans that find the candidate rows of a query."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any, Literal, TypeAlias

from ..conditions import Column
from .encoding import EVERYTHING, HASH_SIZE, KeyRange, following
from .predicates import CompoundPredicate, Predicate
from .ranges import fewest_points, interval, inverted_range
from .tables import Index, Part, Table, place_of

# [(column, ascending)]
Ordering = list[tuple[Column, bool]]
Direction = Literal["forwards", "backwards"]


@dataclass
class IndexScan:
    """Ranges of one index that hold all rows wanted, and perhaps others.

    They are ranges of payloads, or of rows' keys if the index is the primary key. If
    `unique` rows are found by their keys, these are both ends of the ranges.
    """

    index: Index
    ranges: list[KeyRange]
    # Predicates that are true for every row of the ranges.
    satisfied: list[Predicate] = field(default_factory=list)
    # How many leading columns of the index are compared for equality.
    equalities: int = 0
    # Whether each range holds at most one entry.
    unique: bool = False

    def __str__(self) -> str:
        number = f"{len(self.ranges)} ranges of " if len(self.ranges) > 1 else ""
        return f"{number}index {self.index.name}"


@dataclass
class IndexUnion:
    """The rows that any of several index scans finds: one scan per branch of an OR."""

    scans: list[IndexScan]
    # The rows of one branch need not satisfy the predicates of the others.
    satisfied: tuple[Predicate, ...] = ()
    equalities: int = 0

    def combine(self, sets: Iterator[set[bytes]]) -> set[bytes]:
        return set().union(*sets)

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
    # Whether they are true for nearly all rows: they are only checked again.
    exact: bool
    # Whether every row found is in the ranges: no entry may be of an older one.
    certain: bool
    # Whether the rows come in the order asked for.
    ordered: bool = True
    # If so, of how many of its columns; the rest is sorted within equal values.
    prefix: int | None = None
    # Whether the index is read backwards.
    reverse: bool = False


def full_scan(table: Table) -> IndexScan:
    """Return the scan of all rows by key."""
    return whole_index(table.primary)


def whole_index(index: Index) -> IndexScan:
    return IndexScan(index, [EVERYTHING])


def by_column(
    predicates: Sequence[Predicate | CompoundPredicate],
) -> dict[Any, list[Predicate]]:
    """Return the single predicates by the place of their values."""
    found: dict[Any, list[Predicate]] = {}
    for predicate in predicates:
        if type(predicate) is Predicate and predicate.other is None:
            place = place_of(predicate.column, predicate.path)
            found.setdefault(place, []).append(predicate)
    return found


def match_index(
    table: Table, index: Index, predicates: dict[Any, list[Predicate]]
) -> IndexScan | None:
    """Return the scan of this index that the predicates, by column, allow.

    Return None if they do not restrict its first column.
    """
    if index is table.primary and not table.ordered_keys:
        return match_keys(table, predicates)
    starts, satisfied, equalities = [b""], [], 0
    unique = index.unique
    last: KeyRange | None = None
    for part in index.parts:
        if part.column is None:
            break  # an expression: no predicate is on one
        candidates = candidates_of(part, predicates)
        predicate, values = fewest_points(candidates, part.transform)
        if predicate is not None and len(starts) * len(values) <= table.most_ranges:
            ends = sorted(set(map(part.encode, values)))
            starts = [start + end for start in starts for end in ends]
            satisfied.append(predicate)
            equalities += 1
            unique = unique and None not in values
            continue
        unique = False
        for predicate in candidates:
            found = interval(predicate, part.transform, part.ascending)
            if found is None:
                continue
            satisfied.append(predicate)
            last = (
                found
                if last is None
                else (max(last[0], found[0]), min(last[1], found[1]))
            )
        if last is not None and part.descending:
            last = inverted_range(*last)
        break
    if not satisfied or (index.hashed and not equalities):
        return None
    if index.conditions:
        satisfied += [
            each
            for found in predicates.values()
            for each in found
            if each.leaf in index.conditions and each not in satisfied
        ]
    size = table.key_size if index is table.primary else table.payload_size
    cut = size - HASH_SIZE
    longest = max(map(len, starts), default=0) + max(map(len, last or [b""]))
    is_cut = index.truncated or longest > cut
    if unique and index is table.primary and not is_cut:
        ranges = list(zip(starts, starts, strict=True))
    else:
        first, end = last or EVERYTHING
        ranges = [(start + first, start + end) for start in starts]
    if is_cut:
        ranges = sorted({clipped(each, cut) for each in ranges})
        satisfied, unique = [], False
    return IndexScan(index, ranges, satisfied, equalities, unique)


def match_keys(
    table: Table, predicates: dict[Any, list[Predicate]]
) -> IndexScan | None:
    """Return the scan of rows by key, where keys have no order.

    Return None if the predicates do not name all values of the key.
    """
    satisfied, lists, number = [], [], 1
    for name in table.key:
        predicate, values = fewest_points(predicates.get(name, ()), None)
        if predicate is None or None in values:
            return None
        satisfied.append(predicate)
        lists.append(values)
        number *= len(values)
    if number > table.most_ranges:
        return None
    keys = dict.fromkeys(map(table.key_of, product(*lists)))
    ranges = [(key, key) for key in keys]
    return IndexScan(table.primary, ranges, satisfied, len(table.key), unique=True)


def candidates_of(
    part: Part, predicates: dict[Any, list[Predicate]]
) -> Sequence[Predicate]:
    """Return the predicates on a part of an index."""
    found = predicates.get(part.place, ())
    # Two predicates may hold for two different items.
    return found[:1] if part.is_many else found


def clipped(bounds: KeyRange, cut: int) -> KeyRange:
    """Return a range of keys of `cut` bytes that also holds every shortened key."""
    low, high = bounds
    return low[:cut], high if len(high) <= cut else following(high[:cut])


def order_of(
    table: Table, scan: IndexScan, ordering: Ordering, constant: set[str]
) -> Direction | None:
    """Return the direction in which the scan yields this ordering, None for neither.

    `constant` holds the names of columns that have one value in all rows wanted.
    """
    index = scan.index
    if index.truncated or index.many:
        return None
    if len(scan.ranges) > 1 and not (scan.unique and index is table.primary):
        return None
    if index is table.primary and not table.ordered_keys:
        return None
    if any(part.column is None or part.transform for part in index.parts):
        return None
    # The primary key follows the payload in each entry.
    parts = [*index.parts, *table.primary.parts]
    following_parts = (part for part in parts if part.plain not in constant)
    directions: set[Direction] = set()
    rest_of_key = set(table.key) - constant
    for column, ascending in ordering:
        if not column.path and column.name in constant:
            continue
        if not rest_of_key:
            break  # the key is unique: no two rows are left to order
        found = next(following_parts, None)
        if found is None or not found.is_on(column):
            return None
        if found.plain in table.key:
            if table.primary.truncated:
                return None
            rest_of_key.discard(column.name)
        directions.add("forwards" if found.descending != ascending else "backwards")
    if len(directions) > 1:
        return None
    direction: Direction = directions.pop() if directions else "forwards"
    return direction if direction == "forwards" or table.reverses else None
