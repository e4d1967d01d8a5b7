"""The store: growth, durability, damage, maintenance, schema changes, transactions."""

import os
import random
import shutil
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from io import StringIO
from pathlib import Path

import lmdb
import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.db import (
    DatabaseError,
    DataError,
    OperationalError,
    connections,
    models,
    transaction,
)

from nonrel_backend.lmdb.base import DatabaseWrapper
from nonrel_backend.lmdb.environment import discard
from nonrel_backend.lmdb.tables import FORMAT, FORMAT_KEY
from nonrel_backend.lmdb.values import pack

ROOT = Path(__file__).parents[2]


def authors():
    from tests.library.models import Author

    return Author.objects.using("own")


def add_authors(start, stop):
    model = authors().model
    return authors().bulk_create(
        [model(name=f"a{n}", email=f"{n}@x") for n in range(start, stop)]
    )


def folder_of(connection):
    return connection.settings_dict["NAME"]


def reopened(open_store, work=None, **options):
    """Close the store, do `work(folder)`, and return it opened again."""
    from nonrel_backend.lmdb import environment

    connection = connections["own"]
    connection.close()
    folder = os.path.realpath(folder_of(connection))
    environment._environments.pop(folder).close()
    if work is not None:
        work(folder)
    return open_store(**options)


# --- growing ---


def test_the_map_grows_when_it_is_full(store, open_store):
    store = reopened(open_store, map_size=1 << 20)
    assert store.environment.lmdb.info()["map_size"] == 1 << 20
    add_authors(0, 20_000)
    assert authors().count() == 20_000
    assert store.environment.lmdb.info()["map_size"] > 1 << 20


def test_the_map_grows_between_transactions(store, open_store):
    reopened(open_store, map_size=1 << 20)
    for start in range(0, 10_000, 500):
        with transaction.atomic(using="own"):
            add_authors(start, start + 500)
    assert authors().count() == 10_000


def test_a_transaction_too_large_for_the_map_is_rolled_back_and_the_next_has_room(
    store, open_store
):
    reopened(open_store, map_size=1 << 20)
    with pytest.raises(OperationalError, match="The store is full"):
        with transaction.atomic(using="own"):
            add_authors(0, 10)
            add_authors(10, 20_000)
    assert authors().count() == 0
    add_authors(0, 10)
    assert authors().count() == 10


def test_another_process_may_enlarge_the_map(store, open_store):
    reopened(open_store, map_size=1 << 20)
    add_authors(0, 10)
    pid = os.fork()
    if pid == 0:
        try:
            add_authors(10, 20_000)
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    assert authors().count() == 20_000
    add_authors(20_000, 20_010)


# --- settings ---


@pytest.mark.parametrize(
    ("durability", "sync", "metasync"),
    [("full", True, True), ("no-metasync", True, False), ("none", False, False)],
)
def test_durability_sets_the_flags_of_lmdb(open_store, durability, sync, metasync):
    flags = open_store(durability=durability).environment.lmdb.flags()
    assert (flags["sync"], flags["metasync"]) == (sync, metasync)


@pytest.mark.parametrize("durability", ["full", "no-metasync", "none"])
def test_committed_rows_are_there_after_reopening(store, open_store, durability):
    reopened(open_store, durability=durability)
    add_authors(0, 100)
    reopened(open_store, durability=durability)
    assert authors().count() == 100


@pytest.mark.parametrize("options", [{"durability": "much"}, {"speed": 1}])
def test_unknown_options_are_rejected(open_store, options):
    with pytest.raises(ImproperlyConfigured, match="OPTIONS"):
        open_store(**options).ensure_connection()


def test_an_empty_name_is_rejected(open_store):
    connection = open_store()
    connection.settings_dict["NAME"] = ""
    with pytest.raises(ImproperlyConfigured, match="the folder of the store"):
        connection.ensure_connection()


def test_a_folder_that_cannot_be_made_is_an_operational_error(open_store, tmp_path):
    (tmp_path / "file").write_text("")
    connection = open_store()
    connection.settings_dict["NAME"] = str(tmp_path / "file")
    with pytest.raises(OperationalError, match="cannot be opened"):
        connection.ensure_connection()


def test_threads_share_the_environment_of_the_process(store):
    found = []

    def look():
        found.append(connections["own"].environment)
        connections["own"].close()

    for _ in range(2):
        thread = threading.Thread(target=look)
        thread.start()
        thread.join()
    assert found == [store.environment] * 2


MAKE_TEMPORARY = """
import os
from django.conf import settings

settings.configure(
    DATABASES={"default": {"ENGINE": "nonrel_backend.lmdb", "NAME": ":memory:"}}
)
import django

django.setup()
from django.db import connection

print(os.path.exists(connection.environment.data_path), connection.environment.path)
"""


def test_a_temporary_store_ends_with_its_process():
    command = [sys.executable, "-c", MAKE_TEMPORARY]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    there, path = said.stdout.split()
    assert there == "True"
    assert not os.path.exists(path)


def resident(path):
    """Return how many bytes of a file's map the process has in memory."""
    total, inside = 0, False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        if "-" in line.split(" ")[0] and ":" not in line.split(" ")[0]:
            inside = line.endswith(path)
        elif inside and line.startswith("Rss:"):
            total += int(line.split()[1]) * 1024
    return total


@pytest.mark.skipif(not os.path.exists("/proc/self/smaps"), reason="Linux tells.")
def test_a_long_scan_releases_its_memory(store, monkeypatch):
    from nonrel_backend.lmdb import memory

    add_authors(0, 60_000)
    path = store.environment.data_path
    monkeypatch.setattr(memory, "ROWS", 1_000_000)
    memory.give_back(path)
    assert resident(path) == 0
    assert sum(1 for _ in authors().iterator()) == 60_000
    whole = resident(path)
    assert whole > 1_000_000
    monkeypatch.setattr(memory, "ROWS", 1_000)
    assert sum(1 for _ in authors().iterator()) == 60_000
    assert resident(path) < whole / 2


# --- files of others, and damage ---


def test_a_newer_format_is_rejected(store, open_store):
    def make_newer(folder):
        with lmdb.open(folder) as environment, environment.begin(write=True) as txn:
            txn.put(FORMAT_KEY, pack(FORMAT + 1))

    with pytest.raises(OperationalError, match="Use a newer version"):
        reopened(open_store, make_newer).ensure_connection()


def test_the_lmdb_store_of_another_program_is_rejected(open_store, tmp_path):
    with lmdb.open(str(tmp_path / "store")) as environment:
        with environment.begin(write=True) as txn:
            txn.put(b"key", b"value")
    with pytest.raises(DatabaseError, match="was not made by this backend"):
        open_store().ensure_connection()


def test_a_file_that_is_not_lmdbs_is_a_database_error(store, open_store):
    def overwrite(folder):
        Path(folder, "data.mdb").write_bytes(b"something else" * 1000)

    with pytest.raises(DatabaseError, match="cannot be opened"):
        reopened(open_store, overwrite).ensure_connection()


def test_a_file_cut_short_is_a_database_error(store, open_store):
    add_authors(0, 5000)

    def cut(folder):
        path = Path(folder, "data.mdb")
        os.truncate(path, path.stat().st_size // 3)

    with pytest.raises(DatabaseError, match="is shorter than"):
        reopened(open_store, cut).ensure_connection()


def test_damaged_values_are_database_errors_or_rows(store):
    """Change any bytes of values: there is no other exception, and no crash."""
    chance = random.Random(3)
    add_authors(0, 200)
    environment = store.environment.lmdb
    with environment.begin() as txn:
        entries = [
            (bytes(key), bytes(value)) for key, value in txn.cursor() if key[:4] > b"\0"
        ]
    for key, value in chance.sample(entries, 150):
        damaged = bytearray(value)
        for _ in range(chance.choice([1, 3])):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        with environment.begin(write=True) as txn:
            txn.put(key, bytes(damaged[: chance.randrange(1, len(damaged) + 1)]))
        for query in (authors().all(), authors().filter(name__gte="a5")):
            try:
                list(query)
            except DatabaseError:
                pass
        store.environment.tables.cached.clear()
        with environment.begin(write=True) as txn:
            txn.put(key, value)
    assert authors().count() == len(authors().all()) == 200


READ_ALL = """
import sys
from django.conf import settings

settings.configure(
    DATABASES={"default": {"ENGINE": "nonrel_backend.lmdb", "NAME": sys.argv[1]}},
)
import django

django.setup()
from django.db import connection

print(connection.check_store()[:1])
"""


def test_nonrel_check_finds_damaged_pages_and_does_not_crash(store, tmp_path):
    add_authors(0, 3000)
    chance = random.Random(11)
    source = Path(folder_of(store), "data.mdb").read_bytes()
    pages = store.environment.lmdb.info()["last_pgno"] + 1
    size = store.environment.page_size
    for _ in range(8):
        folder = tmp_path / "damaged"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        damaged = bytearray(source)
        for page in chance.sample(range(2, pages), pages // 3):
            damaged[page * size + chance.randrange(10, 40)] ^= 0xFF
        (folder / "data.mdb").write_bytes(damaged)
        done = subprocess.run(
            [sys.executable, "-c", READ_ALL, str(folder)],
            cwd=ROOT,
            capture_output=True,
            text=True,
        )
        assert done.returncode in (0, 1), done.stderr
        assert "damaged" in done.stdout or "DatabaseError" in done.stderr


# --- maintenance ---


def run(command, *arguments, **options):
    output = StringIO()
    call_command(command, *arguments, database="own", stdout=output, **options)
    return output.getvalue()


def test_nonrel_check_repairs_indexes(store):
    add_authors(0, 50)
    assert run("nonrel_check") == "no problems\n"
    table = store.read(lambda access: access.table("library_author"))
    prefix = table.indexes[0].prefix
    with store.environment.lmdb.begin(write=True) as txn:
        cursor = txn.cursor()
        assert cursor.set_range(prefix)
        cursor.delete()
        txn.put(prefix + b"\2nobody\0\1", b"\2nobody")
    with pytest.raises(CommandError, match="2 problems"):
        run("nonrel_check")
    assert "lacks the row" in run("nonrel_check", fix=True)
    assert run("nonrel_check") == "no problems\n"


def test_nonrel_check_is_for_stores_that_need_it(databases):
    with pytest.raises(CommandError, match="no database of this kind"):
        call_command("nonrel_check", database="oracle")


def test_nonrel_backup_copies_committed_rows(store, open_store, tmp_path):
    add_authors(0, 1000)
    target = tmp_path / "copy"
    pid = os.fork()
    if pid == 0:
        try:
            with transaction.atomic(using="own"):
                authors().update(name="uncommitted")
                os.kill(os.getppid(), 0)
                run("nonrel_backup", str(target))
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    with pytest.raises(CommandError, match="not empty"):
        run("nonrel_backup", str(target))
    add_authors(1000, 1001)
    store.settings_dict["NAME"] = str(target)
    store.close()
    assert sorted(authors().values_list("name", flat=True)) == sorted(
        f"a{n}" for n in range(1000)
    )
    assert store.check_store() == []


def test_a_backup_during_writes_is_consistent(store, tmp_path):
    from tests.library.models import Counter

    Counter.objects.using("own").create(name="authors")
    pid = os.fork()
    if pid == 0:
        try:
            for step in range(100_000):
                with transaction.atomic(using="own"):
                    add_authors(step, step + 1)
                    Counter.objects.using("own").update(value=step + 1)
        finally:
            os._exit(0)
    try:
        while authors().count() < 20:
            pass
        for number in range(5):
            run("nonrel_backup", str(tmp_path / f"copy{number}"))
    finally:
        os.kill(pid, 9)
        os.waitpid(pid, 0)
    for number in range(5):
        store.settings_dict["NAME"] = str(tmp_path / f"copy{number}")
        store.close()
        count = authors().count()
        assert count >= 20
        assert Counter.objects.using("own").get().value == count
        assert store.check_store() == []


# --- schema changes and transactions ---


def test_schema_changes_are_rolled_back(store):
    from tests.library.models import Author, Genre

    add_authors(0, 20)
    field = models.IntegerField(default=7)
    field.set_attributes_from_name("extra")
    field.model = Author
    tables = store.introspection.table_names()
    with pytest.raises(ZeroDivisionError), transaction.atomic(using="own"):
        with store.schema_editor(atomic=False) as editor:
            editor.add_field(Author, field)
            editor.remove_field(Author, Author._meta.get_field("email"))
            editor.add_index(Author, models.Index(fields=["born"], name="born_index"))
            editor.delete_model(Genre)
        assert store.introspection.table_names() != tables
        raise ZeroDivisionError
    assert store.introspection.table_names() == tables
    assert authors().get(email="3@x").name == "a3"
    constraints = store.introspection.get_constraints(None, "library_author")
    assert "born_index" not in constraints
    assert store.check_store() == []


def test_building_an_index_logs_its_progress(store, monkeypatch, caplog):
    from nonrel_backend import progress
    from tests.library.models import Author

    add_authors(0, 250)
    monkeypatch.setattr(progress, "SECONDS", 0)
    monkeypatch.setattr(progress, "ROWS", 100)
    with caplog.at_level("INFO", "nonrel_backend"):
        with store.schema_editor() as editor:
            editor.add_index(Author, models.Index(fields=["born"], name="by_born"))
    assert [record.getMessage() for record in caplog.records] == [
        "library_author: by_born: 144 of 250 rows",
        "library_author: by_born: 250 of 250 rows",
    ]


def test_a_savepoint_is_rolled_back_alone(store):
    with transaction.atomic(using="own"):
        add_authors(0, 1)
        with pytest.raises(ZeroDivisionError), transaction.atomic(using="own"):
            add_authors(1, 2)
            with transaction.atomic(using="own"):
                add_authors(2, 3)
            assert authors().count() == 3
            raise ZeroDivisionError
        add_authors(3, 4)
    assert sorted(authors().values_list("name", flat=True)) == ["a0", "a3"]
    assert store.check_store() == []


def test_a_statement_that_fails_is_rolled_back_alone(store):
    from django.db import IntegrityError

    add_authors(5, 6)
    with transaction.atomic(using="own"):
        with pytest.raises(IntegrityError), transaction.atomic(using="own"):
            add_authors(0, 10)
        add_authors(10, 11)
    assert authors().count() == 2
    assert store.check_store() == []


def test_a_table_whose_keys_are_exhausted_says_so(store):
    authors().create(pk=2**63 - 1, name="last")
    with pytest.raises(DataError, match="library_author has no key left for its"):
        authors().create(name="next")
    authors().all().delete()
    run("nonrel_check", fix=True)
    assert authors().create(name="next").pk == 1


# --- readers and writers ---


def test_a_killed_readers_pages_are_used_again(store, monkeypatch):
    from nonrel_backend.lmdb import environment

    from .test_processes import child

    def read(say, hear):
        with connections["own"].reading():
            say("reading")
            hear.readline()

    with child(read) as (_, hear, pid):
        hear.readline()
        os.kill(pid, 9)
    lines = store.environment.lmdb.readers().splitlines()
    assert any(line.split()[0] == str(pid) for line in lines)
    add_authors(200, 201)
    assert store.environment.lmdb.readers().splitlines() == lines
    monkeypatch.setattr(environment, "READER_CHECK_SECONDS", 0)
    store.environment.next_check = 0
    add_authors(201, 202)
    lines = store.environment.lmdb.readers().splitlines()
    assert not any(line.split()[0] == str(pid) for line in lines)


def test_too_many_readers_are_an_error_that_names_the_option(store, open_store):
    def make_room_for_fewer(folder):
        os.remove(os.path.join(folder, "lock.mdb"))

    add_authors(0, 20)
    store = reopened(open_store, make_room_for_fewer, max_readers=3)
    most = store.environment.lmdb.info()["max_readers"]
    assert most < 100
    with ExitStack() as stack:
        for _ in range(most):
            stack.enter_context(store.reading())
        with pytest.raises(OperationalError, match=r'OPTIONS\["max_readers"\]'):
            authors().count()
    assert authors().count() == 20


def test_dead_readers_make_room_for_others(store, open_store):
    from .test_processes import child

    def read(say, hear):
        with ExitStack() as stack:
            for _ in range(most):
                stack.enter_context(connections["own"].reading())
            say("all")
            hear.readline()

    add_authors(0, 20)
    store = reopened(
        open_store, lambda path: os.remove(f"{path}/lock.mdb"), max_readers=3
    )
    most = store.environment.lmdb.info()["max_readers"]
    with child(read) as (_, hear, pid):
        hear.readline()
        with pytest.raises(OperationalError, match="no more may"):
            authors().count()
        os.kill(pid, 9)
    assert authors().count() == 20


def test_the_lock_file_takes_its_space_at_once(store):
    """A write through the memory map of a file with holes may find the disk full."""
    stat = os.stat(Path(folder_of(store), "lock.mdb"))
    assert stat.st_blocks * 512 >= stat.st_size > 64 * 1024


def test_waiting_threads_write_in_their_order(store):
    from nonrel_backend.lmdb.locking import Turns

    turns, order = Turns(), []

    def work(number):
        assert turns.acquire(10)
        order.append(number)
        turns.release()

    assert turns.acquire(0)
    threads = []
    for number in range(8):
        threads.append(threading.Thread(target=work, args=[number]))
        threads[-1].start()
        while len(turns.waiting) <= number:
            time.sleep(0.001)
        if number == 3:
            assert not turns.acquire(0.01)
    turns.release()
    for each in threads:
        each.join()
    assert order == list(range(8))
    assert turns.acquire(0)


def test_writers_of_many_processes_have_their_turns(store, open_store):
    """No process writes twice as often as another, or waits long."""
    from .test_processes import child, counters

    counters().bulk_create([counters().model(name=f"{n}", value=0) for n in range(4)])
    # Without flushes, which may take a second on a busy disk.
    reopened(open_store, durability="none", timeout=30)

    def write(number):
        def work(say, hear):
            say("ready")
            hear.readline()
            longest, until = 0, time.monotonic() + 1.5
            while (start := time.monotonic()) < until:
                with transaction.atomic(using="own"):
                    mine = counters().filter(name=f"{number}")
                    mine.update(value=models.F("value") + 1)
                    time.sleep(0.003)
                longest = max(longest, time.monotonic() - start)
            say(longest)

        return work

    with ExitStack() as stack:
        children = [stack.enter_context(child(write(number))) for number in range(4)]
        for _, hear, _ in children:
            hear.readline()
        for say, _, _ in children:
            say("go")
        longest = max(float(hear.readline()) for _, hear, _ in children)
    counts = counters().values_list("value", flat=True)
    assert longest < 0.7
    assert max(counts) < 2 * min(counts)


# --- temporary stores ---


def test_a_temporary_store_keeps_its_data_and_a_test_case_its_transaction(databases):
    """Test suites close connections within the transactions of their tests."""
    from tests.library.models import Tag

    settings = {**connections["lmdb"].settings_dict, "NAME": ":memory:closing"}
    connections.databases["closing"] = settings
    store = connections["closing"] = DatabaseWrapper(settings, "closing")
    tags = Tag.objects.using("closing")
    try:
        with store.schema_editor() as editor:
            editor.create_model(Tag)
        block = transaction.Atomic("closing", savepoint=True, durable=False)
        block._from_testcase = True
        with pytest.raises(ZeroDivisionError), block:
            tags.create(name="a")
            store.close()
            connections.close_all()
            assert tags.get().name == "a"
            with transaction.atomic("closing"):
                tags.create(name="b")
                store.close()
            assert tags.count() == 2
            raise ZeroDivisionError
        assert tags.count() == 0
        with transaction.atomic("closing"):
            tags.create(name="ended")
            store.close()
        assert tags.count() == 0
        tags.create(name="kept")
        store.close()
        assert store.connection is None
        assert tags.get().name == "kept"
    finally:
        store.close()
        discard(store.folder(":memory:closing"))
        del connections["closing"], connections.databases["closing"]


def test_a_store_in_a_folder_ends_its_transaction_when_closed(store):
    with transaction.atomic("own"):
        add_authors(0, 1)
        store.close()
    assert authors().count() == 0
