"""The items of a DynamoDB: read in pages, written on conditions, large commits."""

from concurrent.futures import ThreadPoolExecutor
from time import monotonic, time
from types import SimpleNamespace
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from django.db import DataError

from nonrel_backend.conditions import Column, Leaf, Node
from nonrel_backend.dynamodb import reading
from nonrel_backend.dynamodb.errors import BrokenReply, Unavailable, UnknownOutcome
from nonrel_backend.dynamodb.store import COMMITS_TABLE, DynamoStore
from nonrel_backend.dynamodb.tables import INDEX_TABLE, DynamoTable, table_name
from nonrel_backend.dynamodb.values import FORMS
from nonrel_backend.kv.conditional import Conflict, Expected, Intent, State, Write
from nonrel_backend.kv.encoding import EVERYTHING, following
from nonrel_backend.kv.forms import JSON_NULL
from nonrel_backend.kv.optimistic_query import Increment
from nonrel_backend.kv.predicates import prepare
from nonrel_backend.query import MISSING

from .test_tables import index

COLUMNS = [
    {"name": "id", "db_type": "long"},
    {"name": "name", "db_type": "string"},
    {"name": "number", "db_type": "int"},
    {"name": "data", "db_type": "json"},
]


@pytest.fixture
def database(client):
    """Return what the store asks of a DatabaseWrapper; there are its own tables."""
    prefix = f"store_{uuid4().hex[:8]}."
    options = {}
    found = SimpleNamespace(
        connection=client,
        physical=lambda name: table_name(prefix, name),
        option=options.get,
        options=options,
    )
    make(found, INDEX_TABLE, h="S", r="B")
    make(found, COMMITS_TABLE, id="S")
    yield found
    for name in client.call("list_tables")["TableNames"]:
        if name.startswith(prefix):
            client.call("delete_table", TableName=name)


def make(database, name, more=None, **key):
    database.connection.call(
        "create_table",
        TableName=database.physical(name),
        BillingMode="PAY_PER_REQUEST",
        **(
            {
                "AttributeDefinitions": [
                    {"AttributeName": name, "AttributeType": tag}
                    for name, tag in key.items()
                ],
                "KeySchema": [
                    {"AttributeName": name, "KeyType": kind}
                    for name, kind in zip(key, ("HASH", "RANGE"), strict=False)
                ],
            }
            if key
            else more
        ),
    )


@pytest.fixture
def store(database):
    return DynamoStore(database)


@pytest.fixture
def make_table(database):
    """Return a function that makes a table, with these additions to its entry."""

    def made(key=("id",), columns=COLUMNS, secondary=None, **entry):
        name = f"t{uuid4().hex[:8]}"
        entry = {
            "columns": columns,
            "key": list(key),
            "indexes": [index("name", name="by_name")],
            **entry,
        }
        table = DynamoTable(name, entry, database.physical(name))
        make(database, name, table.key_schema())
        return table

    return made


@pytest.fixture
def table(make_table):
    return make_table()


def row_write(table, row, before=None, **more):
    expected = Expected.NOTHING if before is None else Expected.SAME
    key = before.key if row is None else table.row_key(row)
    return Write(table, table.primary, key, expected, before, row, **more)


def entry_writes(table, row, expected=Expected.NOTHING):
    """Return the writes of the entries of a new row."""
    key = table.row_key(row)
    return [
        Write(table, each[0], table.entry_key(each, key)[0], expected, None, key)
        for each in table.entries_of(row)
    ]


def insert(store, table, *rows):
    """Put rows with their entries."""
    for row in rows:
        store.commit([row_write(table, row), *entry_writes(table, row)])


def read(store, table, *values):
    keys = [table.key_of((value,)) for value in values]
    return {each.value["id"]: each for each in store.rows(table, keys)}


def raw(store, table, value):
    """Return the item of a row as it is in the store."""
    key = table.native_key(table.key_of((value,)))
    return store.call("get_item", TableName=table.physical, Key=key).get("Item")


def calls_of(store):
    """Return the list of the names of operations that the store calls from now on."""
    found = []
    call = store.call

    def noted(operation, **parameters):
        found.append(operation)
        return call(operation, **parameters)

    store.call = noted
    return found


# --- rows ---

EXTREMES = {
    "int": [0, -(2**63), 2**63 - 1],
    "double": [0.1, -0.0, 1e300, 5e-324, 1.7976931348623157e308, "inf", 2.0, 1e-100],
    "decimal": ["12.50", "0", "9" * 38, "9" * 39, "-1E-7", "1E+200", "NaN", "0.10"],
    "string": ["", "\0", "é\U0001f600", "1"],
    "binary": [b"", b"\0\xff"],
    "bool": [True, False],
    "json": [
        *(None, True, 0, 1.0, -0.5, "", [], {}, 10**50, 10**37, 1e300),
        {"": 1, "$float": [{"$int": 2}], "a.b": {"$float": "x"}},
    ],
    "document": [{"a": [b"x", {"b": None}]}, ["b", "a"], [1, 2]],
}


@pytest.mark.parametrize("db_type", sorted(EXTREMES))
def test_values_come_back_the_same_from_the_store(store, make_table, db_type):
    column = {"name": "value", "db_type": db_type}
    table = make_table(columns=[COLUMNS[0], column], indexes=[])
    for number, value in enumerate(EXTREMES[db_type]):
        store.commit([row_write(table, {"id": number, "value": value})])
        found = read(store, table, number)[number].value
        assert repr(in_order(found["value"])) == repr(in_order(value))


def in_order(value):
    """Return a value with its maps in one order: DynamoDB has none."""
    if isinstance(value, dict):
        return {name: in_order(value[name]) for name in sorted(value)}
    return [*map(in_order, value)] if isinstance(value, list) else value


def test_entries_of_documents_do_not_depend_on_the_order_of_maps(make_table):
    table = make_table(indexes=[index("data", name="by_data", unique=True)])
    one, other = {"a": {"b": 1, "c": 2}, "d": 3}, {"d": 3, "a": {"c": 2, "b": 1}}
    payloads = table.indexes[0].payloads
    assert payloads({"data": one}) == payloads({"data": other})
    assert payloads({"data": one}) != payloads({"data": {"a": 1}})


def test_rows_are_found_by_many_keys_each_once(store, table):
    rows = [{"id": number, "name": "x"} for number in range(250)]
    for start in range(0, len(rows), 100):
        store.commit([row_write(table, row) for row in rows[start : start + 100]])
    calls = calls_of(store)
    found = read(store, table, *range(249), 0, 5, -7)
    assert [found[number].value for number in range(249)] == rows[:249]
    assert calls == ["batch_get_item"] * 3
    assert not store.rows(table, [])


def test_only_some_columns_are_read_if_asked(store, table):
    insert(store, table, {"id": 1, "name": "a", "number": 2})
    keys = [table.key_of((1,))]
    (whole,) = store.rows(table, keys)
    (found,) = store.rows(table, keys, columns=["number"])
    assert found.value == {"id": 1, "number": 2}
    assert (found.key, found.version) == (whole.key, whole.version)
    (rows,) = store.all_rows(table, columns=["number"])
    assert [each.value for each in rows] == [found.value]


def test_all_rows_are_read_in_segments_each_once(store, table, database):
    rows = [{"id": number, "name": "x" * 40_000} for number in range(60)]
    for row in rows:
        store.commit([row_write(table, row)])
    for options, wanted in [({"segments": 1}, 3), ({"segments": 4}, 5)]:
        database.options.clear()
        database.options.update(options)
        calls = calls_of(store)
        found = [each.value for page in store.all_rows(table) for each in page]
        assert sorted(found, key=lambda row: row["id"]) == rows
        assert calls == ["scan"] * wanted


def leaf(name, lookup_type, value, negated=False):
    (db_type,) = (each["db_type"] for each in COLUMNS if each["name"] == name)
    return Leaf(Column(name, db_type), lookup_type, value, negated)


def either(*children):
    return Node("OR", children)


def both(*children):
    return Node("AND", children)


TWO, FOUR = leaf("number", "exact", 2), leaf("number", "exact", 4)
FIRST = leaf("name", "startswith", "n1")
NOT_TWO = leaf("number", "exact", 2, negated=True)
NULL = leaf("number", "isnull", True)
LONG = leaf("number", "in", list(range(200)))


@pytest.mark.parametrize(
    ("conditions", "ids"),
    [
        ([TWO], [2]),
        ([leaf("number", "gt", 2)], [3, 4]),
        ([leaf("number", "gte", 2), leaf("number", "lt", 4)], [2, 3]),
        ([leaf("number", "range", (1, 2))], [1, 2]),
        ([leaf("number", "range", (2, 1))], []),
        ([leaf("number", "in", [1, 4, 9])], [1, 4]),
        ([FIRST], [1]),
        ([either(FIRST, FOUR)], [1, 4]),
        ([either(both(FIRST, leaf("number", "lte", 1)), FOUR)], [1, 4]),
        ([either(FIRST, FOUR), leaf("number", "gt", 1)], [4]),
        ([either(both(FIRST, NOT_TWO), TWO)], [1, 2]),
        ([leaf("id", "exact", 3)], [3]),
        # What the store leaves to the core.
        ([NOT_TWO], [0, 1, 2, 3, 4]),
        ([NULL, TWO], [2]),
        ([either(FIRST, NULL)], [0, 1, 2, 3, 4]),
        ([LONG, FOUR], [4]),
        ([leaf("number", "in", [])], [0, 1, 2, 3, 4]),
    ],
)
def test_rows_are_filtered_by_the_store(store, table, conditions, ids):
    insert(store, table, *({"id": n, "name": f"n{n}", "number": n} for n in range(5)))
    before = read(store, table, 0)[0]
    filters = [prepare(each, FORMS) for each in conditions]
    for columns in (None, {"id", "number"}):
        pages = store.all_rows(table, filters=filters, columns=columns)
        found = {each.key for page in pages for each in page}
        assert found == {table.key_of((each,)) for each in ids}
    # A row with an intent is read always.
    store.put_intents("c", [row_write(table, {"id": 0, "number": 2}, before)])
    pages = store.all_rows(table, filters=filters)
    assert before.key in {each.key for page in pages for each in page}


def test_rows_are_read_in_the_order_of_the_store_from_a_key_on(store, table):
    rows = [{"id": number, "name": "a" * 30_000} for number in range(40)]
    for row in rows:
        store.commit([row_write(table, row)])
    found = [each.key for page in store.all_rows(table, after=b"") for each in page]
    assert sorted(found) == [table.row_key(row) for row in rows]
    for at in (0, 7, 39):
        rest = [x.key for page in store.all_rows(table, after=found[at]) for x in page]
        assert rest == found[at + 1 :]


def test_a_limit_bounds_the_first_page(store, table):
    insert(store, table, *({"id": number, "name": "a"} for number in range(30)))
    pages = store.all_rows(table, limit=2)
    assert [len(next(pages)), len(next(pages))] == [2, 16]
    pages = store.entries(table, table.indexes[0], [EVERYTHING], limit=2)
    assert [len(next(pages)), len(next(pages)), len(next(pages))] == [2, 16, 12]


# --- entries ---


def keys_of(store, table, ranges, by=0, **more):
    pages = store.entries(table, table.indexes[by], ranges, **more)
    decode = table.stored_keys
    return [decode([each.value])[0] for page in pages for each in page]


@pytest.fixture(params=[1, 3])
def named(request, store, make_table):
    """Return a table of rows named a to j, twice, whose index has so many buckets."""
    table = make_table(indexes=[index("name", name="by_name", buckets=request.param)])
    insert(
        store,
        table,
        *({"id": number, "name": "abcdefghij"[number % 10]} for number in range(20)),
    )
    return table


def test_entries_come_in_order(store, named):
    everything = [half + number for number in range(10) for half in (0, 10)]
    assert keys_of(store, named, [EVERYTHING]) == everything
    assert keys_of(store, named, [EVERYTHING], reverse=True) == everything[::-1]
    assert keys_of(store, named, [EVERYTHING], limit=3) == everything


def test_ranges_begin_at_their_low_end_and_end_before_the_high_one(store, named):
    encode = named.encoder("string")
    b, d = encode("b"), encode("d")
    assert keys_of(store, named, [(b, d)]) == [1, 11, 2, 12]
    assert keys_of(store, named, [(following(b), following(d))]) == [2, 12, 3, 13]
    assert keys_of(store, named, [(b, following(b))]) == [1, 11]
    assert keys_of(store, named, [(b, b + b"\xff")]) == [1, 11]
    assert keys_of(store, named, [(b"", b)]) == [0, 10]
    assert keys_of(store, named, [(encode("j"), b"\xff")]) == [9, 19]
    assert keys_of(store, named, [(d, b), (b, b)]) == []
    (entry,) = named.entries_of({"id": 11, "name": "b"})[:1]
    key, _ = named.entry_key(entry, named.key_of((11,)))
    assert keys_of(store, named, [(b, key)]) == [1]
    assert keys_of(store, named, [(key, d)]) == [11, 2, 12]
    assert store.count(named, named.indexes[0], [(b, key)]) == 1


def test_many_ranges_come_in_their_order(store, named):
    encode = named.encoder("string")
    ranges = [(encode(each), following(encode(each))) for each in "jcxaeb" * 5]
    wanted = [9, 19, 2, 12, 0, 10, 4, 14, 1, 11] * 5
    assert keys_of(store, named, ranges) == wanted
    assert keys_of(store, named, ranges, limit=1) == wanted


def test_entries_are_counted(store, named):
    first, encode = named.indexes[0], named.encoder("string")
    assert store.count(named, first, [EVERYTHING]) == 20
    assert store.count(named, first, [(encode("b"), encode("d"))]) == 4
    assert store.count(named, first, [EVERYTHING], limit=7) == 7
    assert store.count(named, first, [(encode("b"), encode("d"))] * 3, limit=30) == 12
    assert store.count(named, named.primary, [EVERYTHING]) == 20
    assert store.count(named, named.primary, [EVERYTHING], limit=3) == 3


def test_unique_entries_are_found_by_their_keys(store, make_table):
    unique = index("name", name="u", unique=True, buckets=2)
    table = make_table(indexes=[unique])
    insert(store, table, *({"id": each, "name": f"n{each}"} for each in range(5)))
    first = table.indexes[0]
    keys = [text_key for each in (3, 1, 9) for text_key in [payload(table, each)]]
    found = store.found(table, first, keys)
    owners = {each.key: table.stored_keys([each.value])[0] for each in found}
    assert owners == {keys[0]: 3, keys[1]: 1}
    assert store.found(table, first, [b"", b"x" * 2000]) == []
    low, high = payload(table, 1), payload(table, 3)
    assert store.count(table, first, [(low, high)]) == 2


def payload(table, number):
    return table.indexes[0].payloads({"name": f"n{number}"})[0][0]


# --- writes on conditions ---


def test_a_new_row_is_not_put_over_another(store, table):
    insert(store, table, {"id": 1, "name": "a"})
    for more in ([], entry_writes(table, {"id": 1, "name": "b"})):
        with pytest.raises(Conflict, match=rf"The row 1 of {table.name} was changed"):
            store.commit([row_write(table, {"id": 1, "name": "b"}), *more])
    assert read(store, table, 1)[1].value["name"] == "a"
    assert keys_of(store, table, [EVERYTHING]) == [1]


def test_a_row_is_changed_only_as_it_was_read(store, table):
    insert(store, table, {"id": 1, "name": "a", "number": 1})
    before = read(store, table, 1)[1]
    store.commit([row_write(table, {"id": 1, "number": 2}, before)])
    now = read(store, table, 1)[1]
    assert now.value == {"id": 1, "number": 2}
    assert now.version != before.version
    other = row_write(table, {"id": 2})
    for write in (
        row_write(table, {"id": 1, "number": 3}, before),
        row_write(table, None, before),
    ):
        for writes in ([write], [write, other]):
            with pytest.raises(Conflict):
                store.commit(writes)
    with pytest.raises(Conflict):
        store.commit([row_write(table, now.value, before, changes=False), other])
    assert read(store, table, 1, 2) == {1: now}
    store.commit([row_write(table, now.value, now, changes=False), other])
    assert read(store, table, 1, 2)[1] == now
    store.commit([row_write(table, None, now)])
    assert list(read(store, table, 1, 2)) == [2]


def test_only_changed_columns_are_written_and_others_attributes_stay(store, table):
    insert(store, table, {"id": 1, "name": "a", "number": 1, "data": None})
    before = read(store, table, 1)[1]
    key = table.native_key(before.key)
    store.call(
        "update_item",
        TableName=table.physical,
        Key=key,
        UpdateExpression="SET theirs = :t, #n = :n",
        ExpressionAttributeNames={"#n": "name"},
        ExpressionAttributeValues={":t": {"S": "?"}, ":n": {"S": "b"}},
    )
    row = {"id": 1, "name": "a", "number": 2}
    store.commit([row_write(table, row, before, columns={"number", "data"})])
    item = raw(store, table, 1)
    assert item.pop("_v") != {"S": before.version}
    assert item == {
        "id": {"N": "1"},
        "theirs": {"S": "?"},
        "name": {"S": "b"},
        "number": {"N": "2"},
    }


def test_items_without_a_version_are_compared_as_a_whole(store, make_table):
    for entry in ({"existing": True}, {}):
        table = make_table(**entry)
        item = {"id": {"N": "1"}, "name": {"S": "a"}, "theirs": {"S": "?"}}
        store.call("put_item", TableName=table.physical, Item=item)
        before = read(store, table, 1)[1]
        store.commit([row_write(table, {"id": 1, "name": "b"}, before)])
        assert raw(store, table, 1)["theirs"] == {"S": "?"}
        assert ("_v" in raw(store, table, 1)) is not bool(entry)
        with pytest.raises(Conflict):
            store.commit([row_write(table, {"id": 1, "name": "c"}, before)])
        with pytest.raises(Conflict):
            store.commit([row_write(table, None, before)])
        now = read(store, table, 1)[1]
        assert now.value == {"id": 1, "name": "b"}
        store.commit([row_write(table, None, now)])
        with pytest.raises(Conflict):
            store.commit([row_write(table, {"id": 1, "name": "c"}, now)])
        assert raw(store, table, 1) is None


def test_entries_have_conditions(store, make_table):
    table = make_table(indexes=[index("name", name="u", unique=True)])
    insert(store, table, {"id": 1, "name": "n1"})
    first, key = table.indexes[0], payload(table, 1)
    one, two = table.key_of((1,)), table.key_of((2,))
    (entry,) = store.found(table, first, [key])
    assert (entry.key, entry.value) == (key, one)
    with pytest.raises(Conflict, match=rf"An entry of the index u of {table.name}"):
        store.commit([Write(table, first, key, Expected.NOTHING, None, two)])
    store.commit([Write(table, first, key, Expected.SAME, entry, two)])
    for value in (one, None):
        with pytest.raises(Conflict):
            store.commit([Write(table, first, key, Expected.SAME, entry, value)])
    assert store.found(table, first, [key])[0].value == two
    store.commit([Write(table, first, key, Expected.ANYTHING, None, None)])
    store.commit([Write(table, first, key, Expected.ANYTHING, None, None)])
    assert store.found(table, first, [key]) == []


def test_rows_that_are_too_large_are_refused(store, table):
    row = {"id": 1, "name": "x" * 500_000}
    with pytest.raises(DataError, match=r"The row 1 of .* has 500,\d* bytes"):
        store.commit([row_write(table, row)])
    assert store.size(row_write(table, row)) > 500_000


# --- an unknown outcome ---


def losing(store, arrives, times=1, forgets=False):
    """Let the next writes of the store have no reply; do they arrive?

    The server knows a transaction that comes again, unless it forgets it.
    """
    client, left = store.database.connection, [times]
    send = client.sent

    def lost(operation, parameters, until):
        if operation.startswith(("put", "update", "delete", "transact")) and left[0]:
            left[0] -= 1
            if arrives:
                send(operation, parameters, until)
            if forgets:
                parameters["ClientRequestToken"] = str(uuid4())
            raise BrokenReply("lost")
        return send(operation, parameters, until)

    client.sent = lost


@pytest.mark.parametrize("arrives", [True, False])
def test_a_write_without_a_reply_is_carried_out_once(store, table, arrives):
    losing(store, arrives, times=2)
    store.commit([row_write(table, {"id": 1, "number": 1})])
    before = read(store, table, 1)[1]
    losing(store, arrives, times=2)
    store.commit([row_write(table, {"id": 1, "number": 2}, before)])
    assert read(store, table, 1)[1].value["number"] == 2
    with pytest.raises(Conflict):
        store.commit([row_write(table, {"id": 1, "number": 2}, before)])


def test_a_write_that_others_may_have_undone_is_no_conflict(store, table):
    insert(store, table, {"id": 1, "number": 1})
    before = read(store, table, 1)[1]
    losing(store, arrives=True)
    with pytest.raises(UnknownOutcome, match="have changed since"):
        store.commit([row_write(table, None, before)])


@pytest.mark.parametrize("arrives", [True, False])
@pytest.mark.parametrize("forgets", [True, False])
def test_a_batch_without_a_reply_is_carried_out_once(store, table, arrives, forgets):
    row = {"id": 1, "number": 1}
    writes = [row_write(table, row), *entry_writes(table, row)]
    losing(store, arrives, forgets=forgets)
    store.commit(writes)
    assert read(store, table, 1)[1].value == row
    with pytest.raises(Conflict):
        store.commit(writes)


def test_a_batch_without_a_reply_may_be_in_conflict(store, table):
    """One of its rows is as it was before: nothing was carried out."""
    insert(store, table, {"id": 1, "number": 1}, {"id": 2, "number": 2})
    old = read(store, table, 1, 2)
    store.commit([row_write(table, {"id": 1, "number": 10}, old[1])])
    writes = [row_write(table, {"id": n, "number": 0}, old[n]) for n in (1, 2)]
    losing(store, arrives=False)
    with pytest.raises(Conflict):
        store.commit(writes)
    assert read(store, table, 2)[2].value["number"] == 2


def test_an_unknown_outcome_says_so_where_the_server_is_gone(store, table):
    client = store.database.connection
    client.deadline = 0.3
    losing(store, arrives=True, times=1)
    lost = client.sent

    def gone(operation, parameters, until):
        client.sent = refuse
        return lost(operation, parameters, until)

    def refuse(operation, parameters, until):
        raise EndpointConnectionError(endpoint_url="http://gone")

    client.sent = gone
    began = monotonic()
    with pytest.raises(UnknownOutcome, match="Whether it was carried out is unknown"):
        store.commit([row_write(table, {"id": 1, "number": 1})])
    assert monotonic() - began < 1
    client.sent = refuse
    with pytest.raises(Unavailable, match="It was not carried out"):
        store.commit([row_write(table, {"id": 2, "number": 1})])
    del client.sent


# --- updates without reading ---


def test_a_row_is_updated_without_being_read(store, table):
    insert(store, table, {"id": 1, "name": "a", "number": 5, "data": 1})
    before = read(store, table, 1)[1]
    key = table.key_of((1,))
    calls = calls_of(store)
    values = {"number": Increment(-7), "name": MISSING, "data": JSON_NULL}
    assert store.update_row(table, key, values)
    assert calls == ["update_item"]
    now = read(store, table, 1)[1]
    assert now.value == {"id": 1, "number": -2, "data": None}
    assert now.version != before.version


def test_an_update_without_reading_may_be_refused(store, table, intended):
    key = table.key_of((9,))
    largest = {"id": 9, "number": 2**63 - 1}
    store.commit([row_write(table, largest)])
    assert store.update_row(table, key, {"number": Increment(1)}) is None
    assert store.update_row(table, key, {"number": Increment(-1)})
    assert store.update_row(table, key, {"number": Increment(1)})
    store.update_row(table, key, {"number": -(2**63)})
    assert store.update_row(table, key, {"number": Increment(-1)}) is None
    store.update_row(table, key, {"number": MISSING})
    assert store.update_row(table, key, {"number": Increment(1)}) is None
    assert read(store, table, 9)[9].value == {"id": 9}
    assert store.update_row(table, table.key_of((1,)), {"number": 3}) is None
    assert not store.update_row(table, table.key_of((77,)), {"number": 3})


@pytest.mark.parametrize("arrives", [True, False])
def test_an_update_without_a_reply_is_not_done_twice(store, table, arrives):
    insert(store, table, {"id": 1, "number": 5})
    losing(store, arrives)
    if arrives:
        assert store.update_row(table, table.key_of((1,)), {"number": Increment(1)})
    else:
        with pytest.raises(UnknownOutcome):
            store.update_row(table, table.key_of((1,)), {"number": Increment(1)})
    assert read(store, table, 1)[1].value["number"] == 5 + arrives


# --- large commits ---


def test_records_of_commits(store):
    until = time() + 10
    assert store.state("c") is None
    assert store.decide("c", State.COMMITTED) is State.ABORTED
    with pytest.raises(Conflict):
        store.extend("c", until)
    store.begin("c", until)
    assert store.state("c") == (State.PENDING, until)
    store.extend("c", until + 1)
    assert store.state("c") == (State.PENDING, until + 1)
    assert store.decide("c", State.COMMITTED) is State.COMMITTED
    assert store.decide("c", State.ABORTED) is State.COMMITTED
    with pytest.raises(Conflict):
        store.extend("c", until + 2)
    assert store.commits() == [("c", State.COMMITTED, until + 1)]
    store.end("c")
    store.end("c")
    assert store.commits() == []
    assert store.state("c") is None


@pytest.fixture
def intended(store, table):
    """Return the writes of a commit "c", whose intents are put."""
    old = {"id": 1, "name": "a", "number": 1}
    insert(store, table, old, {"id": 2, "name": "b"}, {"id": 3, "name": "c"})
    before = read(store, table, 1, 2, 3)
    new = {"id": 4, "name": "d"}
    gone = store.found(table, table.indexes[0], [entry_writes(table, old)[0].key])[0]
    writes = [
        row_write(table, {"id": 1, "name": "z"}, before[1], columns={"name", "number"}),
        row_write(table, None, before[2]),
        row_write(table, before[3].value, before[3], changes=False),
        row_write(table, new),
        *entry_writes(table, new),
        Write(table, table.indexes[0], gone.key, Expected.SAME, gone, None),
    ]
    store.put_intents("c", writes)
    return writes


def items_of(writes):
    return [(each.table, each.index, each.key) for each in writes]


def test_intents_are_read_with_the_items(store, table, intended):
    (rows,) = store.all_rows(table)
    found = {table.stored_keys([each.key])[0]: each for each in rows}
    assert [
        found[each].value and found[each].value["name"] for each in (1, 2, 3, 4)
    ] == [*("a", "b", "c", None)]
    assert {each: found[each].intent for each in found} == {
        1: Intent("c", {"id": 1, "name": "z"}),
        2: Intent("c", None),
        3: Intent("c", {"id": 3, "name": "c"}),
        4: Intent("c", {"id": 4, "name": "d"}),
    }
    (entries,) = store.entries(table, table.indexes[0], [EVERYTHING])
    four = table.key_of((4,))
    assert [(each.value, each.intent) for each in entries[::3]] == [
        (table.key_of((1,)), Intent("c", None)),
        (None, Intent("c", four)),
    ]
    assert store.count(table, table.primary, [EVERYTHING]) is None
    assert store.count(table, table.indexes[0], [EVERYTHING]) is None


def settled(store, writes):
    store.settle("c", items_of(writes), State.COMMITTED)


def finished(store, writes):
    store.finish("c", [writes], State.COMMITTED)


def finished_after_others(store, writes):
    for write in writes[::2]:
        settled(store, [write])
    finished(store, writes)


@pytest.mark.parametrize("way", [settled, finished, finished_after_others])
def test_committed_intents_are_moved_into_place(store, table, intended, way):
    versions = {number: each.version for number, each in read(store, table, 3).items()}
    for _ in range(2):
        way(store, intended)
    found = read(store, table, 1, 2, 3, 4)
    assert all(each.intent is None for each in found.values())
    assert {each.value["name"] for each in found.values()} == {"z", "c", "d"}
    assert "number" not in found[1].value
    assert found[3].version == versions[3]
    assert keys_of(store, table, [EVERYTHING]) == [2, 3, 4]
    assert store.count(table, table.key_index, [EVERYTHING]) == 4


def test_aborted_intents_are_removed(store, table, intended):
    for _ in range(2):
        store.finish("c", [intended], State.ABORTED)
    found = read(store, table, 1, 2, 3, 4)
    assert {each: found[each].value["name"] for each in found} == {
        **{1: "a", 2: "b", 3: "c"}
    }
    assert all(each.intent is None for each in found.values())
    assert keys_of(store, table, [EVERYTHING]) == [1, 2, 3]


def test_intents_are_in_the_way_of_others(store, table, intended):
    found = {each.key: each for page in store.all_rows(table) for each in page}
    for write in intended[:4]:
        again = Write(
            table,
            table.primary,
            write.key,
            write.expected,
            write.before and found[write.key],
            {"id": table.stored_keys([write.key])[0], "name": "x"},
        )
        for attempt in (
            lambda again=again: store.commit([again]),
            lambda again=again: store.commit([again, row_write(table, {"id": 9})]),
            lambda again=again: store.put_intents("d", [again]),
        ):
            with pytest.raises(Conflict):
                attempt()
    store.settle("d", items_of(intended), State.COMMITTED)
    store.put_intents("c", intended)  # the same again
    store.settle("c", items_of(intended), State.ABORTED)
    assert len(read(store, table, 1, 2, 3, 4)) == 3


# --- keys of two and three columns ---

PAIRS = [
    {"name": "a", "db_type": "string"},
    {"name": "b", "db_type": "int"},
    {"name": "c", "db_type": "string"},
]


@pytest.mark.parametrize("key", ["ab", "abc"])
def test_the_native_key_is_an_index_of_its_first_column(store, make_table, key):
    table = make_table(key=key, columns=PAIRS, indexes=[])
    rows = [{"a": a, "b": b, "c": "x"} for a in ("", "h") for b in (-3, 0, 1, 20)]
    for row in rows:
        store.commit([row_write(table, row)])
    native = table.key_index
    begin = table.encoder("string")("h")
    encode = table.encoder("int")

    def found(low, high, **more):
        pages = store.entries(table, native, [(low, high)], **more)
        keys = [each.value for page in pages for each in page]
        by_key = {each.key: each.value for each in store.rows(table, keys)}
        return [by_key[each]["b"] for each in keys]

    assert found(begin, begin + b"\xff") == [-3, 0, 1, 20]
    assert found(begin, begin + b"\xff", reverse=True) == [20, 1, 0, -3]
    assert found(begin + encode(0), begin + encode(20)) == [0, 1]
    assert found(begin + following(encode(0)), begin + b"\x03") == [1, 20]
    assert found(b"", begin) == [-3, 0, 1, 20]
    assert store.count(table, native, [(begin, begin + b"\xff")]) == 4
    assert store.count(table, native, [(begin, begin + encode(0))]) in (None, 1)
    assert store.count(table, table.primary, [EVERYTHING]) == 8
    (page,) = store.entries(table, native, [(begin, begin + b"\xff")])
    assert [each.row.value["b"] for each in page] == [-3, 0, 1, 20]
    (one,) = store.rows(table, [table.row_key(rows[1])])
    store.commit([row_write(table, None, one)])
    assert store.count(table, table.primary, [EVERYTHING]) == 7


def test_intents_of_rows_with_a_range_of_bytes(store, make_table):
    table = make_table(key="abc", columns=PAIRS, indexes=[])
    row = {"a": "", "b": 1, "c": ""}
    write = row_write(table, row)
    store.put_intents("c", [write])
    ((found,),) = store.all_rows(table)
    assert (found.key, found.value) == (write.key, None)
    assert found.intent == Intent("c", row)
    store.settle("c", items_of([write]), State.COMMITTED)
    ((found,),) = store.all_rows(table)
    assert (found.value, found.intent) == (row, None)


# --- many at a time ---


def test_work_at_the_same_time_keeps_its_order():
    assert list(reading.each(lambda each: each * 2, range(100))) == [*range(0, 200, 2)]
    assert list(reading.each(str, [])) == []


def test_of_many_writers_of_a_row_each_counts(store, database, table):
    insert(store, table, {"id": 1, "number": 0})

    def add(_):
        own = DynamoStore(database)
        while True:
            before = read(own, table, 1)[1]
            row = {**before.value, "number": before.value["number"] + 1}
            try:
                own.commit([row_write(table, row, before)])
            except Conflict:
                continue
            return

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(add, range(40)))
    assert read(store, table, 1)[1].value["number"] == 40


def test_a_table_that_there_is_not_is_dynamodbs_error(store):
    table = DynamoTable(
        "none", {"columns": COLUMNS, "key": ["id"], "indexes": []}, "none"
    )
    with pytest.raises(ClientError, match="ResourceNotFound"):
        store.rows(table, [table.key_of((1,))])
