"""The choice of an access path, by how many index entries each would read.

Costs named here were measured on one core of a virtual machine, with 100,000 rows of
six columns in memory: to count an entry takes 0.09 microseconds, to read one 0.4, to
fetch a row by its key 2.3, to sort a row 1.2. A round of counting (Table.probes) has 8
or 16 times as many entries as the one before, so all rounds together cost little more
than the last (1.3 milliseconds), and a selective index ends the counting after 3
microseconds.
"""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from .access import ReadAccess
from .access_paths import (
    AccessPath,
    Choice,
    Direction,
    IndexIntersection,
    IndexScan,
    IndexUnion,
    Ordering,
    by_column,
    full_scan,
    match_index,
    order_of,
    whole_index,
)
from .encoding import HASH_SIZE
from .predicates import CompoundPredicate, Predicate
from .ranges import points
from .tables import Index, Table

Predicates = Sequence[Predicate | CompoundPredicate]
Candidate = IndexScan | IndexUnion
# A second index is not read for so few rows: fetching them takes 0.15 milliseconds.
FEW_ROWS = 64
# How many entries may be read for each row that an intersection may save. A row costs
# as much as six; half of that, as the rows in both indexes are fetched all the same.
ENTRIES_FOR_A_ROW = 3
# So many candidates are fetched and sorted in 1.8 milliseconds, no matter how far apart
# they are in the index that has the order.
SORTED_CHEAPLY = 512


def choose(
    access: ReadAccess,
    table: Table,
    predicates: Predicates,
    ordering: Ordering,
    limit: int | None,
) -> Choice:
    """Return the access path to the rows for which all predicates are true."""
    if len(predicates) == 1:
        single = single_key(table, predicates[0])
        if single is not None:
            return Choice(single, [], exact=True, certain=True)
    candidates: list[Candidate] = []
    for scan in scans_of(table, predicates):
        if scan.unique and (
            len(scan.ranges) == 1  # at most one row: it is in order
            or (not ordering and len(scan.satisfied) == len(predicates))
        ):
            return made(table, scan, predicates, "forwards")
        candidates.append(scan)
    candidates += index_unions(access, table, predicates)
    in_order = None
    if ordering:
        in_order = ordered_choice(table, predicates, candidates, ordering, limit)
        if in_order is not None and is_dear(table, in_order, limit):
            in_order = None
    if not candidates:
        return in_order or chosen(table, full_scan(table), predicates, ordering)
    if len(candidates) > 1:
        preferred = None if in_order is None else in_order.access_path
        candidates = distinct(candidates, preferred)
    if in_order is not None and (
        len(candidates) == 1 and in_order.access_path is candidates[0]
    ):
        return in_order
    if len(candidates) == 1 and in_order is None:
        return chosen(table, candidates[0], predicates, ordering)
    if limit is not None:
        if in_order is not None and in_order.exact:
            return in_order
        exact = [each for each in candidates if not unsatisfied(predicates, each)]
        if exact and not ordering:
            return chosen(table, exact[0], predicates, ordering)
    limits = table.probes if limit is None else table.probes[:-1]
    counts = probed(access, table, candidates, limits)
    (number, best), *others = counts
    if in_order is not None and limit is not None and number > SORTED_CHEAPLY:
        return in_order
    access_path: AccessPath = best
    if ordering or limit is None:
        access_path = intersected(best, number, others, limits[-1])
    return chosen(table, access_path, predicates, ordering)


def single_key(
    table: Table, predicate: Predicate | CompoundPredicate
) -> IndexScan | None:
    """Return the scan of the one row with a key, None for any other predicate.

    scans_of() finds it, too: this is the short way of a get().
    """
    if (
        type(predicate) is not Predicate
        or predicate.lookup_type != "exact"
        or [predicate.column] != table.key
        or predicate.path
        or table.primary.truncated
        or points(predicate, None) is None
    ):
        return None
    key = table.key_of((predicate.value,))
    if len(key) > table.key_size - HASH_SIZE:
        return None
    return IndexScan(table.primary, [(key, key)], [predicate], 1, unique=True)


def searched(table: Table, predicates: Predicates) -> Iterator[Index]:
    """Yield the primary key and the indexes that hold all rows wanted.

    Partial ones are among them.
    """
    yield table.primary
    leaves = None
    for index in table.indexes:
        if index.building:
            continue
        if index.conditions:
            if leaves is None:
                leaves = [each.leaf for each in predicates if type(each) is Predicate]
            if not all(each in leaves for each in index.conditions):
                continue
        yield index


def scans_of(table: Table, predicates: Predicates) -> Iterator[IndexScan]:
    """Yield the scans that the predicates allow."""
    columns = by_column(predicates)
    for index in searched(table, predicates):
        if index.parts and index.parts[0].place in columns:
            if index.lacks_nulls and not without_nulls(table, index, columns):
                continue
            scan = match_index(table, index, columns)
            if scan is not None:
                yield scan


def without_nulls(table: Table, index: Index, predicates: dict[Any, Any]) -> bool:
    """Return whether no row wanted has NULL in a column of an index."""
    return all(
        any(
            each.lookup_type != "isnull" or each.value == each.negated
            for each in predicates.get(part.place, ())
        )
        or (part.plain is not None and not table.column(part.plain).get("null", True))
        for part in index.parts
    )


def probed(
    access: ReadAccess,
    table: Table,
    candidates: Sequence[Candidate],
    limits: Sequence[int],
) -> list[tuple[int, Candidate]]:
    """Return (number of entries, candidate), the fewest first.

    Stop counting at the first of the limits that one candidate does not reach.
    """
    scans = [
        each.scans if isinstance(each, IndexUnion) else [each] for each in candidates
    ]
    parts = [scan for part in scans for scan in part]
    asked = [(scan.index, scan.ranges) for scan in parts if not scan.unique]
    for limit in limits:
        counted = iter(access.counts(table, asked, limit))
        found = (len(x.ranges) if x.unique else next(counted) for x in parts)
        counts = [min(limit, sum(islice(found, len(part)))) for part in scans]
        if min(counts) < limit:
            break
    return sorted(
        zip(counts, candidates, strict=True),
        key=lambda item: (item[0], -item[1].equalities),
    )


def intersected(
    best: Candidate, number: int, others: list[tuple[int, Candidate]], most: int
) -> AccessPath:
    """Return the best scan, intersected with the next one if that is cheaper.

    It is cheaper if reading the entries of both costs less than the rows of one, and
    if they satisfy different predicates. `most` entries of each were counted.
    """
    if number <= FEW_ROWS or number >= most or type(best) is not IndexScan:
        return best
    satisfied = set(best.satisfied)
    for count, scan in others:
        if count >= most or number + count > number * ENTRIES_FOR_A_ROW:
            return best
        if type(scan) is IndexScan and satisfied.isdisjoint(scan.satisfied):
            return IndexIntersection([best, scan])
    return best


def index_unions(
    access: ReadAccess, table: Table, predicates: Predicates
) -> Iterator[IndexUnion]:
    """Yield an IndexUnion for every OR whose branches all have an index scan."""
    for predicate in predicates:
        if type(predicate) is not CompoundPredicate or predicate.connector != "OR":
            continue
        scans = [branch_scan(access, table, child) for child in predicate.children]
        found = [scan for scan in scans if scan is not None]
        if scans and len(found) == len(scans):
            yield IndexUnion(found)


def branch_scan(
    access: ReadAccess, table: Table, branch: Predicate | CompoundPredicate
) -> IndexScan | None:
    """Return the index scan with the fewest entries for one branch of an OR."""
    predicates: Predicates = [branch]
    if type(branch) is CompoundPredicate:
        if branch.connector == "OR":
            return None
        predicates = branch.children
    found = distinct(list(scans_of(table, predicates)))
    if len(found) < 2:
        return found[0] if found else None  # type: ignore[return-value]
    return probed(access, table, found, table.probes)[0][1]  # type: ignore[return-value]


def distinct(
    candidates: Sequence[Candidate], preferred: AccessPath | None = None
) -> list[Candidate]:
    """Return the candidates, but only one of those that find the same rows.

    So do an index on a column and one that begins with it.
    """
    found: dict[Any, Candidate] = {}
    for each in candidates:
        is_same = type(each) is IndexScan and each.satisfied and not each.index.many
        key = frozenset(each.satisfied) if is_same else id(each)
        if each is preferred or key not in found:
            found[key] = each
    return list(found.values())


def constant_columns(predicates: Predicates) -> set[str]:
    """Return the names of columns that have one value in all rows wanted."""
    return {
        predicate.column
        for predicate in predicates
        if type(predicate) is Predicate
        and predicate.lookup_type == "exact"
        and not predicate.negated
        and predicate.other is None
        and not predicate.path
    }


def ordered_choice(
    table: Table,
    predicates: Predicates,
    candidates: Sequence[Candidate],
    ordering: Ordering,
    limit: int | None,
) -> Choice | None:
    """Return a scan that yields the ordering, None if no index does.

    With a limit it may be the first columns of the ordering only. Prefer a scan that
    also filters, with as many equalities as possible.
    """
    constant = constant_columns(predicates)
    scans = [each for each in candidates if type(each) is IndexScan]
    matched = {each.index for each in scans}
    scans.sort(key=lambda scan: -scan.equalities)
    for index in searched(table, predicates):
        if index not in matched and not index.hashed:
            scans.append(whole_index(index))
    shortest = len(ordering) if limit is None else 1
    for length in range(len(ordering), shortest - 1, -1):
        for scan in scans:
            direction = order_of(table, scan, ordering[:length], constant)
            if direction:
                return made(
                    table,
                    scan,
                    predicates,
                    direction,
                    prefix=None if length == len(ordering) else length,
                )
    return None


def is_dear(table: Table, choice: Choice, limit: int | None) -> bool:
    """Return whether reading the whole table costs less than all rows in order."""
    path = choice.access_path
    return (
        limit is None
        and table.most_walked is not None
        and isinstance(path, IndexScan)
        and not path.satisfied
        and path.index is not table.primary
        and not path.index.follows_rows
    )


def chosen(
    table: Table, access_path: AccessPath, predicates: Predicates, ordering: Ordering
) -> Choice:
    """Return the Choice of this access path."""
    direction: Direction | None = "forwards"
    if ordering:
        direction = None
        if type(access_path) is IndexScan:
            constant = constant_columns(predicates)
            direction = order_of(table, access_path, ordering, constant)
    return made(table, access_path, predicates, direction)


def made(
    table: Table,
    access_path: AccessPath,
    predicates: Predicates,
    direction: Direction | None,
    prefix: int | None = None,
) -> Choice:
    """Return the Choice of an access path, with what is left to do.

    Where entries may not fit their rows, all predicates are evaluated again.
    """
    left = unsatisfied(predicates, access_path)
    # Without entries rows are found by their keys.
    by_key = type(access_path) is IndexScan and (
        access_path.index is table.primary or access_path.index.follows_rows
    )
    certain = table.entries_follow_rows or by_key
    return Choice(
        access_path,
        left if certain else list(predicates),
        exact=not left,
        certain=certain,
        ordered=direction is not None,
        prefix=prefix,
        reverse=direction == "backwards",
    )


def unsatisfied(
    predicates: Predicates, access_path: AccessPath
) -> list[Predicate | CompoundPredicate]:
    """Return the predicates that the access path does not satisfy."""
    satisfied = set(access_path.satisfied)
    return [each for each in predicates if each not in satisfied]
