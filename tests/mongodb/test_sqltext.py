"""SQL texts through the cursor: reads, writes of documents, refusals."""

from datetime import datetime

import pytest
from django.core.cache.backends.db import DatabaseCache
from django.core.management import call_command
from django.db import (
    DatabaseError,
    IntegrityError,
    NotSupportedError,
    OperationalError,
    connection,
)


@pytest.fixture
def notes(databases):
    """A table that no model has."""
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE notes (name string NOT NULL PRIMARY KEY, stars int, "
            "written datetime)"
        )
        cursor.execute('CREATE UNIQUE INDEX notes_written ON notes ("written")')
    yield connection.database["notes"]
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE notes")


def run(sql, params=()):
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.rowcount


def test_rows_written_by_sql_are_documents(notes):
    moment = datetime(2020, 1, 2, 3, 4, 5)
    assert run("INSERT INTO notes (name, written) VALUES (%s, %s)", ["a", moment]) == 1
    assert list(notes.find()) == [{"_id": "a", "written": moment}]
    run("INSERT INTO notes (name, stars) VALUES (%s, 1), (%s, 2)", ["b", "c"])
    assert run("UPDATE notes SET stars = stars + 1 WHERE stars > %s", [0]) == 2
    assert run("UPDATE notes SET stars = NULL WHERE name = %s", ["c"]) == 1
    assert list(notes.find({}, {"written": 0})) == [
        {"_id": "a"},
        {"_id": "b", "stars": 2},
        {"_id": "c"},
    ]
    assert run("DELETE FROM notes WHERE stars IS NULL") == 2
    assert run("DELETE FROM notes") == 1


def test_constraints_of_a_table_without_a_model_hold(notes):
    moment = datetime(2020, 1, 2)
    run("INSERT INTO notes (name, written) VALUES ('a', %s)", [moment])
    for values in (("a", None), ("b", moment), (None, None)):
        with pytest.raises(IntegrityError):
            run("INSERT INTO notes (name, written) VALUES (%s, %s)", values)
    assert notes.count_documents({}) == 1


@pytest.mark.parametrize(
    "sql",
    [
        "DROP TABLE library_genre",
        "INSERT INTO notes SELECT name FROM library_genre",
        "INSERT OR FAIL INTO notes (name) VALUES ('a')",
        "PRAGMA user_version = 1",
        "DELETE FROM notes; DELETE FROM notes",
        "ALTER TABLE notes ADD COLUMN x int",
        "",
    ],
)
def test_other_sql_that_writes_is_refused(library, notes, sql):
    library.Genre.objects.create(name="kept")
    with pytest.raises(DatabaseError):
        run(sql)
    assert library.Genre.objects.get().name == "kept"
    assert notes.count_documents({}) == 0


def test_a_key_is_not_updated_and_a_missing_table_is_an_error(notes):
    run("INSERT INTO notes (name) VALUES ('a')")
    with pytest.raises(NotSupportedError, match="key"):
        run("UPDATE notes SET name = 'b'")
    assert notes.find_one() == {"_id": "a"}
    with pytest.raises(OperationalError, match="no such table"):
        run("DELETE FROM nowhere WHERE a = %s", [1])


def test_a_simple_where_goes_to_the_store(library, monkeypatch):
    library.Genre.objects.bulk_create([library.Genre(name=str(n)) for n in range(9)])
    monkeypatch.setitem(connection.settings_dict["OPTIONS"], "local_rows", 2)
    with connection.cursor() as cursor:
        cursor.execute(
            'SELECT "id", name FROM library_genre WHERE name IN (%s, %s) AND id > %s',
            ["3", "5", 0],
        )
        assert sorted(name for _, name in cursor.fetchall()) == ["3", "5"]
        with pytest.raises(NotSupportedError, match="local_rows"):
            cursor.execute("SELECT name FROM library_genre WHERE name || '' = '3'")


def test_the_database_cache_works(databases):
    call_command("createcachetable", "the cache", verbosity=0)
    try:
        cache = DatabaseCache("the cache", {"OPTIONS": {"MAX_ENTRIES": 5}})
        for number in range(20):
            cache.set(str(number), number)
        assert cache.get("19") == 19
        assert connection.database["the cache"].count_documents({}) <= 6
        assert cache.delete("19") and not cache.delete("19")
        assert cache.add("a", 1) and not cache.add("a", 2)
        assert cache.incr("a") == 2
        cache.clear()
        assert cache.get("a") is None
    finally:
        run('DROP TABLE "the cache"')
