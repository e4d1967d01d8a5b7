"""INSERT, UPDATE and DELETE through a cursor: as on SQLite, row by row."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from django.apps.registry import Apps
from django.db import (
    DatabaseError,
    DataError,
    IntegrityError,
    NotSupportedError,
    ProgrammingError,
    connection,
    connections,
    models,
    transaction,
)
from django.db.migrations.operations import RunSQL
from django.db.migrations.state import ProjectState

from nonrel_backend.dml import raw_tables

from .conftest import BOTH, NAMES, rows_of, run

# {column of Specimen: values as SQL has them, parameters of Python's types among them}
VALUES = {
    "big": [2**63 - 1, -(2**63), 0],
    "binary": [b"\0\xff", memoryview(b"abc"), b""],
    "boolean": [True, 0, 1],
    "char": ["", "50 % 'of' \"it\"", "é\U0001f600", 5],
    "date": [date(2024, 2, 29), "1999-12-31"],
    "datetime": [
        datetime(2024, 2, 29, 23, 59, 59, 123456),
        "2020-01-02 03:04:05",
        "2020-01-02T03:04:05.5+02:00",
    ],
    "decimal": [Decimal("1.50"), "-0.25", 7, "123456.78"],
    "duration": [timedelta(days=-1, microseconds=7), 1_000_001],
    "float": [1.5, 3, -0.0, 1e300],
    "foreign_id": [1, 2],
    "indexed": ["a", "b"],
    "integer": [5, "6", 7.0],
    "ip": ["127.0.0.1", "2001:db8::1"],
    "json": ['{"a": [1, null, "x"]}', "null", '"text"', "5", "[]"],
    "positive": [0, 3],
    "text": ["many\nlines", "%s %%"],
    "time": [time(23, 59, 59, 999999), "01:02:03", "01:02"],
    "uuid": [UUID(int=7), UUID(int=8).hex, str(UUID(int=9))],
}
WRONG = {
    "big": [2**63, "many", 1.5, b"1"],
    "binary": ["text"],
    "boolean": [2, "yes"],
    "char": [b"\xff"],
    "date": ["yesterday", "2024-02-30", 5],
    "datetime": ["now", "2024-13-01 00:00:00"],
    "decimal": ["much", "1234567.00"],
    "duration": ["long"],
    "float": ["x"],
    "json": [b"{}"],
    "time": ["25:00"],
    "uuid": ["1"],
}


@pytest.mark.parametrize("column", VALUES)
def test_values_of_every_type_are_stored_as_sqlite_reads_them(both, column):
    for key, value in enumerate([*VALUES[column], None], 1):
        both(
            f"INSERT INTO library_specimen (id, {column}) VALUES (%s, %s)", [key, value]
        )
    both("DELETE FROM library_specimen WHERE id = 1")
    for key, value in enumerate(VALUES[column], 2):
        both("INSERT INTO library_specimen (id) VALUES (%s)", [key + 50])
        both("UPDATE library_specimen SET indexed = NULL")
        if column != "indexed":
            both(f"UPDATE library_specimen SET {column} = %s WHERE id <= 3", [value])
    both(f"UPDATE library_specimen SET {column} = {column}")


@pytest.mark.parametrize("column", WRONG)
def test_values_that_no_column_holds_are_a_data_error(both, library, column):
    run("INSERT INTO library_specimen (id) VALUES (1)")
    for value in WRONG[column]:
        for sql in (
            f"INSERT INTO library_specimen (id, {column}) VALUES (2, %s)",
            f"UPDATE library_specimen SET {column} = %s",
        ):
            with pytest.raises(DataError) as caught:
                run(sql, [value])
            if value != 2**63:
                assert f"library_specimen.{column}" in str(caught.value)
    found = library.Specimen.objects.values_list("pk", column)
    assert list(found) == [(1, None)]


STATEMENTS = [
    "INSERT INTO library_author (name) VALUES ('a')",
    ("INSERT INTO library_author (id, name) VALUES (%s, %s)", [40, "forty"]),
    "INSERT INTO library_author (name) VALUES ('after 40'), ('b''c'), ('%s 100%')",
    ("INSERT INTO library_author (name) VALUES ('50%%' || %s)", ["x"]),
    ("insert into `library_author` ([name]) values (%(name)s)", {"name": "named"}),
    "/* c */ INSERT -- d\n INTO main.library_author (name) SELECT name || '!' FROM "
    "library_author WHERE id < 3;",
    "WITH x(n) AS (SELECT max(id) FROM library_author) INSERT INTO library_author "
    "(name) SELECT n FROM x",
    "INSERT INTO library_author (name, mentor_id) VALUES "
    "('pupil', (SELECT max(id) FROM library_author))",
    ("UPDATE library_author SET email = %s WHERE name = %s", [None, "b"]),
    "UPDATE library_author SET email = 'e' || id, born = '2000-01-0' || id "
    "WHERE id < 9",
    "UPDATE library_author SET mentor_id = (SELECT min(a.id) FROM library_author a "
    "WHERE a.id <> library_author.id) WHERE mentor_id IS NULL",
    (
        "UPDATE library_author AS t SET name = upper(t.name) WHERE t.id IN (%s, %s)",
        [1, 2],
    ),
    "UPDATE library_author SET name = name || x.many FROM (SELECT count(*) AS many "
    "FROM library_author) AS x WHERE id % 2 = 0",
    "UPDATE library_author SET name = 'none' WHERE id > 1000",
    "UPDATE library_author SET (name, born) = ('both', CURRENT_DATE) WHERE id = 1",
    (
        "UPDATE library_author SET name = %(a)s WHERE name <> %(a)s AND id = %(b)s",
        {"a": "A", "b": 3},
    ),
    "INSERT INTO library_genre (name) VALUES ('x') RETURNING id, name AS n",
    (
        "INSERT INTO library_genre (name) VALUES (%s), (%s) RETURNING *, id + %s",
        ["y", "z", 1],
    ),
    "UPDATE library_genre SET name = name || id RETURNING name",
    "DELETE FROM library_genre WHERE name LIKE 'y%' RETURNING id, name",
    "INSERT INTO library_place (room, number) VALUES ('a', 1), ('a', 2), ('b', 1)",
    "UPDATE library_place SET note = room || number WHERE (room, number) = ('a', 2)",
    "UPDATE library_place SET note = 'n' WHERE number = 1",
    "DELETE FROM library_place WHERE room = 'a' AND number = 1",
    "INSERT INTO library_tag VALUES ('t'), ('u')",
    "DELETE FROM library_tag WHERE name <> 'u'",
    "INSERT INTO library_offer (code, seller, active, price, amount) VALUES "
    "('a', 's', 1, 2, 3), ('b', 's', FALSE, 1, 1)",
    "UPDATE library_offer SET amount = amount * 2, price = 2 WHERE total < 7",
    "UPDATE library_offer SET code = CASE code WHEN 'a' THEN 'b' ELSE 'c' END "
    "WHERE code = 'b'",
    "UPDATE library_offer SET price = price WHERE code = 'a' RETURNING total, code",
    "DELETE FROM library_offer WHERE total = (SELECT max(total) FROM library_offer)",
    ("DELETE FROM library_author WHERE id = %s", [2]),
    ("DELETE FROM library_author WHERE id IN (%s, %s) AND name > %s", [3, 4, ""]),
    "DELETE FROM library_author WHERE id NOT IN (SELECT mentor_id FROM library_author "
    "WHERE mentor_id IS NOT NULL)",
    "DELETE FROM library_author",
]


def test_statements_do_what_they_do_on_sqlite(both, library):
    for alias in BOTH:
        library.Author.objects.using(alias).bulk_create(
            [library.Author(id=number, name=str(number)) for number in (1, 2, 3)]
        )
    for each in STATEMENTS:
        both(*(each if isinstance(each, tuple) else (each,)))


def test_executemany_runs_in_batches_and_counts_all_rows(both, library, monkeypatch):
    monkeypatch.setattr("nonrel_backend.cursor.SETS", 3)
    texts = {
        "INSERT INTO library_counter (name, value) VALUES (%s, %s)": [
            (str(number), number) for number in range(8)
        ],
        "UPDATE library_counter SET value = value + %s WHERE name >= %s": [
            (1, "3"),
            (10, "7"),
            (100, "none"),
        ],
        "UPDATE library_counter SET value = value + 1 WHERE value = %s": [(0,), (1,)],
        "DELETE FROM library_counter WHERE value IN (%s, %s)": [(4, 5), (2, 2), (4, 9)],
        "DELETE FROM library_counter WHERE id = -1": [],
    }
    for sql, sets in texts.items():
        counts = []
        for alias in BOTH:
            with connections[alias].cursor() as cursor:
                cursor.executemany(sql, iter(sets))
                counts.append(max(cursor.rowcount, 0))
        assert counts[0] == counts[1], sql
        assert rows_of(library.Counter, "default") == rows_of(library.Counter, "oracle")
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO library_counter (name, value) VALUES (%(name)s, 1)",
            [{"name": "x"}, {"name": "y"}],
        )
    assert library.Counter.objects.filter(name__in="xy").count() == 2


@pytest.mark.parametrize(
    ("sql", "error"),
    [
        ("INSERT INTO library_author (email) VALUES ('x')", "NOT NULL .*author.name"),
        ("UPDATE library_author SET name = NULL", "NOT NULL .*author.name"),
        ("INSERT INTO library_author (name, email) VALUES ('c', 'a')", "email"),
        ("UPDATE library_author SET email = 'a'", "email"),
        ("INSERT INTO library_author (id, name) VALUES (1, 'x')", "id"),
        ("UPDATE library_book SET pages = pages - 10000", "book_pages_not_absurd"),
        ("INSERT INTO library_specimen (positive) VALUES (-1)", "positive"),
        ("UPDATE library_specimen SET positive = -1", "positive"),
        ("INSERT INTO library_specimen (json) VALUES ('{')", "json"),
        ("INSERT INTO library_offer (price, amount) VALUES (1, 1)", "seller"),
        (
            "INSERT INTO library_offer (seller, active, price, amount) "
            "VALUES ('s', 1, 9, 1)",
            "offer_price_at_most_amount",
        ),
        (
            "INSERT INTO library_offer (seller, active, price, amount) "
            "VALUES ('s', 1, 1, 1), ('s', 1, 1, 1)",
            "seller|one_active",
        ),
    ],
)
def test_constraints_hold_and_the_whole_statement_fails(both, library, sql, error):
    for alias in BOTH:
        authors = library.Author.objects.using(alias)
        authors.create(name="a", email="a")
        authors.create(name="b", email="b")
        library.Book.objects.using(alias).create(title="t", author_id=1, pages=1)
        library.Specimen.objects.using(alias).create(positive=1)
    before = [rows_of(getattr(library, name), "default") for name in NAMES]
    with pytest.raises(IntegrityError, match=f"(?i){error}"):
        run(sql)
    assert [rows_of(getattr(library, name), "default") for name in NAMES] == before
    with pytest.raises(IntegrityError):
        run(sql, alias="oracle")


def test_a_generated_column_is_not_written(both):
    for sql in (
        "INSERT INTO library_offer (seller, total) VALUES ('s', 1)",
        "UPDATE library_offer SET total = 1",
    ):
        for alias in BOTH:
            with pytest.raises(DatabaseError, match="generated column"):
                run(sql, alias=alias)


def test_writes_are_in_the_transaction(both, library):
    if not connection.features.supports_transactions:
        pytest.skip("no transactions")
    with transaction.atomic():
        run("INSERT INTO library_tag (name) VALUES ('kept')")
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            run("INSERT INTO library_tag (name) VALUES ('savepoint')")
            run("DELETE FROM library_tag WHERE name = 'kept'")
            raise ZeroDivisionError
        with pytest.raises(IntegrityError), transaction.atomic():
            run("INSERT INTO library_tag (name) VALUES ('new'), ('kept')")
        assert run("SELECT name FROM library_tag")[2] == [("kept",)]
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        run("DELETE FROM library_tag")
        assert not library.Tag.objects.exists()
        raise ZeroDivisionError
    assert library.Tag.objects.get().name == "kept"


@pytest.mark.parametrize(
    ("sql", "named"),
    [
        ("CREATE TRIGGER t AFTER INSERT ON library_tag BEGIN SELECT 1; END", "TRIGGER"),
        ("SELECT name FROM sqlite_master", "sqlite_master"),
        ("DELETE FROM sqlite_sequence", "sqlite_sequence"),
        ("UPDATE library_tag SET name = (SELECT 1 FROM sqlite_schema)", "sqlite_"),
        ("SELECT * FROM pragma_table_info('library_tag')", "SQLite's own"),
        ("PRAGMA user_version = 1", "PRAGMA"),
        ("SELECT rowid FROM library_tag", "rowid"),
        ("UPDATE library_tag SET name = '' WHERE oid = 1", "oid"),
        ("ALTER TABLE library_tag ADD COLUMN x int", "ALTER TABLE"),
        ("DROP TABLE library_tag", "DROP TABLE"),
    ],
)
def test_what_is_sqlites_own_is_refused_by_name(library, sql, named):
    with pytest.raises(NotSupportedError, match=named):
        run(sql)


def test_other_texts_are_errors(library):
    for sql in (
        "",
        "DELETE FROM nowhere",
        "DELETE FROM nowhere WHERE a = %s",
        "UPDATE library_tag SET nothing = 1",
        "DELETE FROM library_tag; DELETE FROM library_tag",
        "INSERT INTO library_tag VALUES (1, 2)",
        "UPDATE library_tag",
    ):
        with pytest.raises((DatabaseError, Warning)):
            run(sql, [1] if "%s" in sql else None)


def test_run_sql_writes_in_migrations(library):
    operation = RunSQL(
        ["INSERT INTO library_tag VALUES ('x')", ("DELETE FROM library_tag", None)],
        [("INSERT INTO library_tag VALUES (%s)", ["undone"])],
    )
    state = ProjectState()
    with connection.schema_editor() as editor:
        operation.database_forwards("library", editor, state, state)
    assert not library.Tag.objects.exists()
    with connection.schema_editor() as editor:
        operation.database_backwards("library", editor, state, state)
    assert library.Tag.objects.get().name == "undone"


def test_a_table_may_be_older_than_its_model(library):
    """As in a migration: a column is not there yet, one has a default."""
    field = library.Genre._meta.get_field("name")
    older = models.CharField(max_length=9, null=True)
    older.set_attributes_from_name("older")
    older.model = library.Genre
    with connection.schema_editor() as editor:
        editor.remove_field(library.Genre, field)
        editor.add_field(library.Genre, older)
    try:
        run("INSERT INTO library_genre (older) VALUES ('a'), ('b')")
        run("UPDATE library_genre SET older = older || 'x' WHERE older = 'b'")
        run("DELETE FROM library_genre WHERE older = 'a'")
        found = run("UPDATE library_genre SET older = upper(older) RETURNING *")[2]
        assert [row[1:] for row in found] == [("BX",)]
    finally:
        run("DELETE FROM library_genre")
        with connection.schema_editor() as editor:
            editor.remove_field(library.Genre, older)
            editor.add_field(library.Genre, field)


def test_defaults_of_the_database_fill_columns_not_named(library, monkeypatch):
    class Made(models.Model):
        name = models.CharField(max_length=9, db_default="new")
        many = models.IntegerField(db_default=models.Value(2) + 3, null=True)

        class Meta:
            app_label = "library"
            apps = Apps()

    monkeypatch.setattr(raw_tables, "registered_models", lambda: {"library_made": Made})
    with connection.schema_editor() as editor:
        editor.create_model(Made)
    try:
        run("INSERT INTO library_made DEFAULT VALUES")
        run("INSERT INTO library_made (many) VALUES (NULL)")
        found = list(Made.objects.order_by("pk").values_list("name", "many"))
        assert found == [("new", 5), ("new", None)]
    finally:
        with connection.schema_editor() as editor:
            editor.delete_model(Made)


def test_the_store_finds_the_rows_of_a_simple_where(library, monkeypatch):
    library.Genre.objects.bulk_create([library.Genre(name=str(n)) for n in range(9)])
    monkeypatch.setitem(connection.settings_dict["OPTIONS"], "local_rows", 2)
    assert run("UPDATE library_genre SET name = 'x' WHERE name = %s", ["3"])[0] == 1
    assert run("DELETE FROM library_genre WHERE name IN (%s, %s)", ["x", "5"])[0] == 2
    with pytest.raises(NotSupportedError, match="local_rows"):
        run("UPDATE library_genre SET name = name || 'y'")


def test_keys_change_where_those_of_the_store_do(both):
    both("INSERT INTO library_place VALUES ('a', 1, 'n'), ('b', 2, NULL)")
    both("INSERT INTO library_author (id, name) VALUES (1, 'a'), (3, 'c')")
    if connection.vendor == "mongodb":
        for table in ("place SET number", "author SET id"):
            with pytest.raises(NotSupportedError, match="_id never changes"):
                run(f"UPDATE library_{table} = 5")
        return
    both("UPDATE library_place SET number = number + 1")
    both("UPDATE library_author SET id = id + 1")
    both("UPDATE library_author SET id = 99 WHERE id = 2")
    with pytest.raises(IntegrityError):
        run("UPDATE library_author SET id = 1")


@pytest.mark.parametrize("value", [{"a": 1}, [1, 2], {1}])
def test_parameters_that_sqlites_driver_does_not_take_are_an_error(library, value):
    for sql in ("INSERT INTO library_specimen (json) VALUES (%s)", "SELECT %s"):
        for alias in BOTH:
            with pytest.raises(ProgrammingError, match="not supported"):
                run(sql, [value], alias)


def test_aware_datetimes_find_the_rows_of_their_moment(library):
    noon = datetime(2020, 1, 1, 12, tzinfo=UTC)
    library.Copy.objects.create(pk=UUID(int=1), seen=noon)
    assert len(run("SELECT token FROM library_copy WHERE seen = %s", [noon])[2]) == 1
    assert run("DELETE FROM library_copy WHERE seen = %s", [noon])[0] == 1
