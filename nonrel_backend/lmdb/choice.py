"""Which index is the best for a query, by how many entries its ranges hold."""

from collections.abc import Iterator
from typing import Any

from .catalog import Index, Table
from .encoding import following
from .paths import (
    Choice,
    Intersection,
    Ordering,
    Path,
    Union,
    by_column,
    match,
    order_of,
    whole,
)
from .predicates import Test, Tests

# How many entries a probe counts in each round, of each path.
PROBES = (16, 256, 2048, 16384)
# Rows that are cheaper to read than two indexes; entries that are cheaper than a row.
FEW_ROWS, ENTRIES_FOR_A_ROW = 64, 3
# With so many candidates to be sorted, following the order may be cheaper.
SORTED_CHEAPLY = 512


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
        and not test.path
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
