"""Any byte of a store may change on its disk: what is read is right, or an error."""

import os
import random
import shutil
from pathlib import Path

import lmdb
import pytest
from django.db import DatabaseError, connections
from django.db.models import F

from .test_disk import in_child
from .test_store import add_authors, authors, folder_of, reopened, run

FLIPS = int(os.environ.get("LMDB_FLIPS") or 200)


def counters():
    from tests.library.models import Counter

    return Counter.objects.using("own")


def genres():
    from tests.library.models import Genre

    return Genre.objects.using("own")


def answers():
    """Return what a store answers to queries by every index, and in every order."""
    everything = [
        list(each.values_list()) for each in (authors(), counters(), genres())
    ]
    found = [
        list(authors().order_by("name").values_list("pk", flat=True)),
        list(authors().order_by("email").values_list("pk", flat=True)),
        [authors().get(email=f"{n}@x").pk for n in range(0, 300, 7)],
        [authors().get(pk=n).name for n in range(1, 300, 7)],
        [len(authors().filter(name=f"a{n}")) for n in range(0, 300, 7)],
        [each.count() for each in (authors(), counters(), genres())],
        authors().filter(mentor__name="a1").count(),
        sorted(connections["own"].introspection.table_names()),
    ]
    # The keys of new rows follow those that were given.
    new = [authors().create(name="new").pk, counters().create(name="new").pk]
    return everything, found, new


@pytest.fixture
def filled(store, open_store):
    """Return the folder of a store whose tables have rows, and were changed often."""
    add_authors(0, 300)
    authors().filter(pk__gt=20).update(mentor_id=2)
    counters().create(name="long", value=1)
    counters().create(name="x" * 30, value=2).delete()
    for n in range(20):
        counters().update(value=F("value") + 1)
        add_authors(1000 + n, 1001 + n)
        authors().filter(name=f"a{1000 + n}").delete()
    folder = folder_of(store)
    reopened(open_store)
    return Path(folder)


@pytest.mark.parametrize("compact", [False, True])
def test_random_flips_are_found_or_change_no_answer(filled, tmp_path, compact):
    if compact:  # a store without free pages
        connections["own"].backup(tmp_path / "copy")
        filled = tmp_path / "copy"
    data = (filled / "data.mdb").read_bytes()
    # What follows the last page is space for later.
    with lmdb.open(str(filled), readonly=True, lock=False) as environment:
        used = (environment.info()["last_pgno"] + 1) * 4096
    expected = []
    chance = random.Random(16)
    silent = []
    target = tmp_path / "flipped"

    def work():
        connection = connections["own"]
        connection.close()
        connection.settings_dict["NAME"] = str(target)
        problems = connection.check_store()
        if problems:
            raise ValueError("found: " + problems[0])
        got = answers()
        if expected and repr(got) != expected[0]:
            raise ArithmeticError("other answers")
        if not expected:
            raise AssertionError(repr(got))

    found = 0
    for number in range(-1, FLIPS // 2):
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir()
        flipped = bytearray(data)
        at = bit = None
        if expected:
            at, bit = chance.randrange(used), chance.randrange(8)
            flipped[at] ^= 1 << bit
        (target / "data.mdb").write_bytes(flipped)
        said = in_child(work)
        if number == -1:
            expected.append(said.removeprefix("AssertionError: "))
            assert said.startswith("AssertionError: ([[("), said[:500]
        elif said.startswith(("ValueError: found", "OperationalError: The store in")):
            found += 1
        elif said.startswith("DatabaseError: The store"):
            found += 1
        elif said:
            silent.append((at, bit, said[:300]))
    assert silent == []
    assert found > FLIPS / 16


def test_a_changed_row_is_an_error_where_it_is_read(store):
    add_authors(0, 50)
    table = store.read(lambda access: access.table("library_author"))
    key = table.prefix + table.row_key([7])
    with store.environment.lmdb.begin() as txn:
        value = txn.get(key)
    for at in range(len(value)):
        changed = bytearray(value)
        changed[at] ^= 1 << at % 8
        with store.environment.lmdb.begin(write=True) as txn:
            txn.put(key, bytes(changed))
        for query in (
            authors().filter(pk=7),
            authors().all(),
            authors().filter(name="a6"),
            authors().order_by("email"),
        ):
            with pytest.raises(DatabaseError, match="a row is not as it was written"):
                list(query)
        with pytest.raises(DatabaseError, match="a row is not as it was written"):
            authors().filter(pk=7).update(name="new")
    with store.environment.lmdb.begin(write=True) as txn:
        txn.put(key, value)
    assert store.check_store() == []


def test_a_changed_entry_is_an_error_where_it_is_read(store):
    """It would name another row, or that of another value."""
    add_authors(0, 50)
    table = store.read(lambda access: access.table("library_author"))
    queries = {
        ("name",): [authors().filter(name__gte="a"), authors().order_by("name")],
        ("email",): [authors().filter(email="0@x"), authors().order_by("email")],
    }
    for index in table.indexes:
        if tuple(index.columns) not in queries:
            continue
        with store.environment.lmdb.begin() as txn:
            cursor = txn.cursor()
            assert cursor.set_range(index.prefix)
            key, value = cursor.item()
        for at in range(len(value)):
            changed = bytearray(value)
            changed[at] ^= 1 << at % 8
            with store.environment.lmdb.begin(write=True) as txn:
                txn.put(key, bytes(changed))
            for query in queries[tuple(index.columns)]:
                with pytest.raises(DatabaseError, match="an entry of an index of lib"):
                    list(query)
            assert store.check_store()
        with store.environment.lmdb.begin(write=True) as txn:
            txn.put(key, value)
    assert store.check_store() == []


def test_changed_counters_are_errors_that_nonrel_check_repairs(store):
    add_authors(0, 5)
    table = store.read(lambda access: access.table("library_author"))
    for at in range(24):
        with store.environment.lmdb.begin(write=True) as txn:
            changed = bytearray(txn.get(table.counters_key))
            changed[at] ^= 1 << at % 8
            txn.put(table.counters_key, bytes(changed))
        with pytest.raises(DatabaseError, match="the counters of library_author"):
            authors().count()
        with pytest.raises(DatabaseError, match="the counters of library_author"):
            add_authors(5, 6)
        assert len(store.check_store(fix=True)) == 1
        assert authors().count() == 5
    assert store.check_store() == []


def test_changed_entries_are_found_and_repaired(store):
    add_authors(0, 30)
    table = store.read(lambda access: access.table("library_author"))
    chance = random.Random(5)
    for index in table.indexes:
        for where in ("key", "value"):
            with store.environment.lmdb.begin(write=True) as txn:
                cursor = txn.cursor()
                assert cursor.set_range(index.prefix)
                key, value = cursor.item()
                changed = bytearray(key if where == "key" else value)
                changed[-3 if where == "value" else 5] ^= 1 << chance.randrange(8)
                txn.delete(key)
                if where == "key":
                    txn.put(bytes(changed), value)
                else:
                    txn.put(key, bytes(changed))
            assert store.check_store()
            run("nonrel_check", fix=True)
            assert store.check_store() == []


def test_changed_names_in_the_catalog_are_found_and_no_rows_are_deleted(store):
    from nonrel_backend.kv.trees import table_key

    add_authors(0, 30)
    with store.environment.lmdb.begin(write=True) as txn:
        entry = txn.pop(table_key("library_author"))
        txn.put(table_key("library_authos"), entry)
    store.environment.tables.cached.clear()
    problems = store.check_store(fix=True)
    assert "entry in the catalog is that of library_author" in problems[0]
    with store.environment.lmdb.begin(write=True) as txn:
        txn.put(table_key("library_author"), txn.pop(table_key("library_authos")))
    store.environment.tables.cached.clear()
    assert store.check_store() == []
    assert authors().count() == 30


def test_checksums_may_be_left_out(open_store):
    connection = open_store(checksums=False)
    with connection.schema_editor() as editor:
        editor.create_model(authors().model)
    add_authors(0, 5)
    assert "checksums" not in connection.tables.entry("library_author")
    reopened(open_store)
    with connections["own"].schema_editor() as editor:
        editor.create_model(genres().model)
    assert "checksums" in connections["own"].tables.entry("library_genre")
    genres().create(name="g")
    reopened(open_store, checksums=False)
    assert genres().get().name == "g"
    assert authors().count() == 5
    add_authors(5, 6)
    genres().create(name="h")
    assert connections["own"].check_store() == []
