"""Any access path finds the same rows as a full scan."""

import random
from contextlib import contextmanager
from types import SimpleNamespace

import lmdb
import pytest
from django.db import DatabaseError, IntegrityError, NotSupportedError
from hypothesis import given, settings
from hypothesis import strategies as st

from nonrel_backend.conditions import Column, Leaf, Node
from nonrel_backend.kv import checking, predicates, writing
from nonrel_backend.kv.access_paths import IndexScan, IndexUnion
from nonrel_backend.kv.choice import choose
from nonrel_backend.kv.compiler import existing
from nonrel_backend.kv.predicates import bind
from nonrel_backend.kv.scan import Scan
from nonrel_backend.kv.trees import (
    NEXT_TREE_KEY,
    TOKEN_KEY,
    TableCache,
    table_key,
)
from nonrel_backend.lmdb.access import LMDBAccess
from nonrel_backend.lmdb.values import FORMS, pack

LONG = "x" * 400
TEXTS = ["", "a", "ab", "Ab", "b", "ba", "\0", "é", "É", LONG, LONG + "a", LONG + "b"]
NUMBERS = [-(2**63), -5, -1, 0, 1, 2, 3, 2**63 - 1]
FLOATS = [-1.5, -0.0, 0.0, 2.5, float("inf"), float("nan")]
DECIMALS = ["-3.10", "0", "2.5", "2.50", "1E+2", "NaN"]
COLUMNS = {
    "id": ("long", None),
    "name": ("string", TEXTS),
    "number": ("int", NUMBERS),
    "ratio": ("double", FLOATS),
    "price": ("decimal", DECIMALS),
    "flag": ("bool", [True, False]),
}
POSITIONS = {name: position for position, name in enumerate(COLUMNS)}
# (columns with - for descending, transform, unique, condition)
INDEXES = [
    (["name"], None, False, None),
    (["number"], None, False, None),
    (["-ratio"], None, False, None),
    (["price"], None, False, None),
    (["flag", "-number"], None, False, None),
    (["name", "number"], None, False, None),
    (["name"], "fold", False, None),
    (["name"], "reverse", False, None),
    (["number"], None, False, Leaf(Column("flag", "bool"), "exact", True)),
]


def prepare(condition):
    return predicates.prepare(condition, FORMS)


def entry(indexes=INDEXES):
    """Return the catalog's entry of the table, as format 1 has it."""
    return {
        "id": 1,
        "width": len(COLUMNS),
        "columns": [
            {
                "name": name,
                "db_type": db_type,
                "pk": name == "id",
                "position": POSITIONS[name],
            }
            for name, (db_type, _) in COLUMNS.items()
        ],
        "indexes": [
            {
                "id": number,
                "name": f"index_{number}",
                "unique": unique,
                "parts": [
                    [POSITIONS[name.lstrip("-")], name.startswith("-"), transform]
                    for name in names
                ],
                "condition": condition,
            }
            for number, (names, transform, unique, condition) in enumerate(indexes, 2)
        ],
        "checks": [],
    }


@pytest.fixture
def store(tmp_path):
    """Return the function to begin a transaction; it gives an Access."""

    @contextmanager
    def begin(write=False):
        with environment.begin(write=write) as txn:
            yield LMDBAccess(
                SimpleNamespace(tables=TableCache(), counts={}), lambda: txn
            )

    with lmdb.open(str(tmp_path), map_size=1 << 28, sync=False) as environment:
        yield begin


def make_table(access, indexes=INDEXES):
    from nonrel_backend.catalog.partial import dumped

    made = entry(indexes)
    for index in made["indexes"]:
        if index["condition"] is not None:
            index["condition"] = dumped(index["condition"])
    access.put(table_key("things"), pack(made))
    access.put(TOKEN_KEY, b"new")
    access.put(NEXT_TREE_KEY, pack(100))
    return access.table("things")


def insert(access, table, row):
    access.next_keys(table, [row[0]])
    writing.insert(access, table, [row])


def found_of(access, table, *rows):
    """Return (record, row) of stored rows."""
    keys = [table.row_key(row) for row in rows]
    return list(zip(access.get(table, keys), rows, strict=True))


def random_row(chance, key):
    return [
        key,
        *(
            None if chance.random() < 0.2 else chance.choice(values)
            for _, values in list(COLUMNS.values())[1:]
        ),
    ]


ORDERED = ["exact", "gt", "gte", "lt", "lte"]
TEXT_LOOKUPS = ["startswith", "endswith", "contains"]
CASELESS = ["iexact", "istartswith", "icontains", "iendswith"]


@st.composite
def leaves(draw):
    name = draw(st.sampled_from(sorted(COLUMNS)))
    db_type, values = COLUMNS[name]
    column = Column(name, db_type)
    value = st.sampled_from(values) if values else st.integers(-1, 60)
    if db_type == "decimal":
        value = value.filter(lambda text: text != "NaN")
    kinds = [*ORDERED, "in", "isnull", "range"]
    if db_type == "string":
        kinds += [*TEXT_LOOKUPS, *CASELESS]
    kind = draw(st.sampled_from(kinds))
    negated = draw(st.booleans())
    if kind == "in":
        return Leaf(column, kind, draw(st.lists(value, max_size=4)), negated)
    if kind == "isnull":
        return Leaf(column, kind, draw(st.booleans()), negated)
    if kind == "range":
        return Leaf(column, kind, [draw(value), draw(value)], negated)
    return Leaf(column, kind, draw(value), negated)


CONDITIONS = st.recursive(
    leaves(),
    lambda inner: st.builds(
        Node, st.sampled_from(["AND", "OR"]), st.lists(inner, max_size=3).map(tuple)
    ),
    max_leaves=5,
)
ORDERINGS = st.lists(
    st.tuples(
        st.sampled_from([Column(name, kind) for name, (kind, _) in COLUMNS.items()]),
        st.booleans(),
    ),
    max_size=3,
    unique_by=lambda each: each[0].name,
)


def plain(value, db_type):
    """Return the sort key of a stored value: NULL and NaN first."""
    from decimal import Decimal

    if value is None or value == "NaN" and db_type == "decimal" or value != value:
        return (0,)
    return (1, Decimal(value) if db_type == "decimal" else value)


def rows_of(scan, ordering, low, high):
    return [row for chunk in scan.rows(ordering, low, high) for row in chunk]


def getter(name):
    return lambda row: row[POSITIONS[name]]


def expected(everything, predicates, ordering, low, high):
    found = [
        row for row in everything if all(bind(each, getter)(row) for each in predicates)
    ]
    for column, ascending in reversed(ordering):
        found.sort(
            key=lambda row, by=column: plain(row[POSITIONS[by.name]], by.db_type),
            reverse=not ascending,
        )
    return found[low:high]


@pytest.fixture
def filled(store):
    """Return a store whose rows were inserted, changed and deleted, and the rows."""
    chance = random.Random(7)
    with store(write=True) as access:
        table = make_table(access)
        known = {key: random_row(chance, key) for key in range(80)}
        for row in known.values():
            insert(access, table, list(row))
        for key in chance.sample(range(80), 40):
            new = random_row(chance, key)
            found = found_of(access, table, known[key])
            writing.update(access, table, found, lambda key, row, new=new: new)
            known[key] = new
        for key in chance.sample(range(80), 20):
            found = found_of(access, table, known.pop(key))
            assert writing.delete(access, table, found) == 1
    return store, [known[key] for key in sorted(known)]


def test_random_conditions_find_the_rows_of_a_full_scan(filled):
    store, everything = filled
    with store() as access:
        table = access.table("things")

        @settings(max_examples=600, deadline=None)
        @given(
            st.lists(CONDITIONS, max_size=3),
            ORDERINGS,
            st.integers(0, 5),
            st.none() | st.integers(0, 12),
        )
        def check(conditions, ordering, low, size):
            high = None if size is None else low + size
            predicates = [prepare(condition) for condition in conditions]
            # With the key last there is one right answer.
            full = ordering
            if all(column != ID for column, _ in ordering):
                full = [*ordering, (ID, True)]
            choice = choose(access, table, predicates, full, high)
            found = rows_of(Scan(access, table, choice), full, low, high)
            wanted = expected(everything, predicates, full, low, high)
            assert [row[0] for row in found] == [row[0] for row in wanted]
            unordered = choose(access, table, predicates, [], None)
            count = Scan(access, table, unordered).count(None)
            assert count == len(expected(everything, predicates, [], 0, None))

        check()


def test_rows_and_entries_agree_after_random_writes(filled):
    store, _ = filled
    with store(write=True) as access:
        assert list(checking.problems(access, fix=False)) == []


def test_disagreements_are_found_and_repaired(filled):
    store, everything = filled
    with store(write=True) as access:
        table = access.table("things")
        index = table.indexes[1]
        row = everything[0]
        ((payload, unique),) = index.payloads(row)
        key = access.entry_key(table, (index, payload, unique), table.row_key(row))
        access.remove(key)
        access.put(index.prefix + b"\x02stray", table.row_key(row))
        access.put(b"\0\0\1\0left over", b"")
        access.set_counters(table, 0, 0)
        found = list(checking.problems(access, fix=True))
        assert len(found) == 4
        assert list(checking.problems(access, fix=False)) == []


def chosen(store, conditions, ordering=(), limit=None):
    with store() as access:
        table = access.table("things")
        predicates = [prepare(condition) for condition in conditions]
        return choose(access, table, predicates, list(ordering), limit)


NAME, NUMBER = Column("name", "string"), Column("number", "int")
FLAG, ID = Column("flag", "bool"), Column("id", "long")


def many(store, count=3000):
    with store(write=True) as access:
        table = make_table(access)
        for key in range(count):
            row = [key, f"n{key % 10}", key % 100, None, None, key % 2 == 0]
            insert(access, table, row)


@pytest.mark.parametrize(
    ("conditions", "index"),
    [
        ([Leaf(ID, "exact", 5)], "PRIMARY"),
        ([Leaf(NAME, "exact", "n1")], "index_2"),
        ([Leaf(NAME, "startswith", "n1")], "index_2"),
        ([Leaf(NUMBER, "range", [1, 2])], "index_3"),
        ([Leaf(NAME, "exact", "n1"), Leaf(NUMBER, "exact", 1)], "index_7"),
        ([Leaf(NAME, "exact", "n1"), Leaf(NUMBER, "gt", 90)], "index_7"),
        ([Leaf(NAME, "iexact", "N1")], "index_8"),
        ([Leaf(NAME, "endswith", "1")], "index_9"),
        ([Leaf(NAME, "exact", "n1"), Leaf(ID, "lt", 20)], "PRIMARY"),
    ],
)
def test_the_index_with_the_fewest_entries_is_taken(store, conditions, index):
    many(store)
    choice = chosen(store, conditions)
    assert isinstance(choice.access_path, IndexScan)
    assert choice.access_path.index.name == index


def test_a_partial_index_serves_only_queries_with_its_condition(store):
    only = Leaf(FLAG, "exact", True)
    with store(write=True) as access:
        table = make_table(access, [(["number"], None, False, only)])
        for key in range(100):
            insert(access, table, [key, None, key, None, None, key % 2 == 0])
    assert chosen(store, [Leaf(NUMBER, "exact", 3)]).access_path.index.name == "PRIMARY"
    choice = chosen(store, [Leaf(NUMBER, "exact", 3), only])
    assert choice.access_path.index.name == "index_2" and choice.residual == []


def test_an_or_is_an_index_union_if_every_branch_has_an_index(store):
    many(store)
    both = Node("OR", (Leaf(NAME, "exact", "n1"), Leaf(NUMBER, "exact", 7)))
    assert isinstance(chosen(store, [both]).access_path, IndexUnion)
    half = Node("OR", (Leaf(NAME, "exact", "n1"), Leaf(FLAG, "isnull", True, True)))
    assert isinstance(chosen(store, [half]).access_path, IndexUnion)
    none = Node("OR", (Leaf(NAME, "exact", "n1"), Leaf(NAME, "contains", "x")))
    assert not isinstance(chosen(store, [none]).access_path, IndexUnion)


@pytest.mark.parametrize("ascending", [True, False])
def test_an_order_with_a_limit_follows_the_index(store, ascending):
    many(store)
    choice = chosen(store, [], [(NUMBER, ascending)], 10)
    assert choice.ordered
    assert choice.reverse is not ascending
    assert choice.access_path.index.name == "index_3"


def test_equality_on_a_prefix_keeps_the_order_of_the_next_column(store):
    many(store)
    flag = [Leaf(FLAG, "exact", True)]
    choice = chosen(store, flag, [(NUMBER, False)], 10)
    assert (choice.ordered, choice.reverse, choice.residual) == (True, False, [])
    assert choice.access_path.index.name == "index_6"


def test_few_candidates_are_sorted_instead_of_scanned_in_order(store):
    many(store)
    choice = chosen(store, [Leaf(ID, "in", [1, 2, 3])], [(NUMBER, True)], 2)
    assert choice.access_path.index.name == "PRIMARY"
    assert not choice.ordered


def test_an_index_with_shortened_keys_has_no_order(store):
    with store(write=True) as access:
        table = make_table(access)
        for key, end in enumerate("cab"):
            insert(access, table, [key, LONG + end, 0, None, None, None])
        fresh = access.table("things")
        ordering = [(NAME, True)]
        choice = choose(access, fresh, [], ordering, 2)
        assert not choice.ordered
        found = rows_of(Scan(access, fresh, choice), ordering, 0, None)
        assert [row[1][-1] for row in found] == ["a", "b", "c"]


def test_a_duplicate_changes_nothing(store):
    with store(write=True) as access:
        table = make_table(access, [(["name", "number"], None, True, None)])
        insert(access, table, [1, "a", 1, None, None, None])
        insert(access, table, [2, "a", None, None, None, None])
        insert(access, table, [3, "a", None, None, None, None])  # NULLs differ
        with pytest.raises(IntegrityError, match="things.name, things.number"):
            insert(access, table, [4, "a", 1, None, None, None])
        with pytest.raises(IntegrityError, match="things.id"):
            insert(access, table, [1, "b", 1, None, None, None])
        assert list(checking.problems(access, fix=False)) == []


def test_unique_values_can_be_swapped(store):
    with store(write=True) as access:
        table = make_table(access, [(["number"], None, True, None)])
        old = [[key, None, key, None, None, None] for key in (1, 2)]
        for row in old:
            insert(access, table, row)
        new = {1: [1, None, 2, None, None, None], 2: [2, None, 1, None, None, None]}
        found = found_of(access, table, *old)
        assert writing.update(access, table, found, lambda _, row: new[row[0]]) == 2
        assert list(checking.problems(access, fix=False)) == []


def test_an_entry_without_its_row_is_a_database_error(store):
    many(store, 50)
    with store(write=True) as access:
        table = access.table("things")
        access.remove(table.prefix + table.row_key([7]))
        predicates = [prepare(Leaf(NUMBER, "range", [5, 9]))]
        choice = choose(access, table, predicates, [], None)
        with pytest.raises(DatabaseError, match="nonrel_check --fix"):
            list(Scan(access, table, choice).rows([], 0, None))


def test_a_row_of_another_type_is_a_database_error(store):
    with store(write=True) as access:
        table = make_table(access, [])
        access.put(table.prefix + table.row_key([1]), pack([1, 5, "x", None, 1, 2]))
        choice = choose(access, table, [prepare(Leaf(NUMBER, "gt", 3))], [], None)
        with pytest.raises(DatabaseError, match="another type"):
            list(Scan(access, table, choice).rows([], 0, None))


DATA = Column("data", "json")


@pytest.mark.parametrize(
    ("leaf", "reason"),
    [
        (
            Leaf(NAME, "lt", NUMBER),
            "LMDB does not evaluate 'lt' between name (string) and number (int)",
        ),
        (
            Leaf(NUMBER, "contains", "1"),
            "LMDB evaluates 'contains' on text only, not on number (int)",
        ),
        (Leaf(DATA, "exact", 1), "LMDB does not evaluate 'exact' on data (json)"),
        (Leaf(NAME, "search", "a"), "LMDB does not evaluate 'search' on name (string)"),
    ],
)
def test_a_refused_condition_names_its_column_and_lookup(leaf, reason):
    with pytest.raises(NotSupportedError) as refused:
        prepare(leaf)
    assert str(refused.value) == reason


def test_a_long_unique_value_is_found_by_its_shortened_payload(store):
    with store(write=True) as access:
        table = make_table(access, [(["name"], None, True, None)])
        row = [1, "x" * 1000, 1, None, None, None]
        insert(access, table, row)
        (index,) = table.indexes
        found = existing(access, table, index, [2, "x" * 1000, 2, None, None, None])
        assert found is not None and found[1] == row
        assert existing(access, table, index, [2, "x" * 999, 2, *row[3:]]) is None


@pytest.mark.parametrize("limit", [None, 1, 40])
def test_many_ranges_yield_what_each_of_them_holds(store, limit):
    many(store)
    with store() as access:
        table = access.table("things")
        index = table.indexes[1]  # of 30 rows for each number
        numbers = [-7, *range(0, 100, 3), 500]
        starts = [index.parts[0].encode(each) for each in numbers]
        ranges = [(start, start + b"\xff") for start in starts]
        found = access.batches(index.prefix, ranges, False, limit)
        alone = (access.batches(index.prefix, [each], False, None) for each in ranges)
        wanted = [item for batches in alone for batch in batches for item in batch]
        assert [item for batch in found for item in batch] == wanted
        assert len(wanted) == 34 * 30


@pytest.mark.parametrize("other", [[1, "b"], [2, "a"]])
def test_rows_of_one_insert_share_no_key_and_no_unique_value(store, other):
    with store(write=True) as access:
        table = make_table(access, [(["name"], None, True, None)])
        rows = [[1, "a", *[None] * 4], [*other, *[None] * 4]]
        with pytest.raises(IntegrityError, match="UNIQUE constraint failed"):
            writing.insert(access, table, rows)
