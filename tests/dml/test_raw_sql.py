"""SQL texts through a cursor, which packages and their tests run."""

import pytest
from django.db import OperationalError, connection


@pytest.fixture
def cursor(library):
    with connection.cursor() as cursor:
        yield cursor
        cursor.execute('DROP TABLE IF EXISTS "zz"')


def names():
    return connection.introspection.table_names()


def test_tables_are_made_and_dropped_where_they_are_not_or_are(cursor):
    before = names()
    cursor.execute('DROP TABLE IF EXISTS "zz"')
    for _ in range(2):
        cursor.execute('CREATE TABLE IF NOT EXISTS "zz" (id integer PRIMARY KEY)')
    assert sorted(names()) == sorted([*before, "zz"])
    with pytest.raises(OperationalError, match="no such table: yy"):
        cursor.execute('DROP TABLE "yy"')
    cursor.execute('drop table if exists "zz"')
    assert sorted(names()) == sorted(before)


@pytest.mark.parametrize("unique", ["", "UNIQUE "])
def test_indexes_are_made_where_they_are_not(cursor, unique):
    cursor.execute('CREATE TABLE "zz" (id integer PRIMARY KEY, name varchar(9))')
    for _ in range(2):
        cursor.execute(f'CREATE {unique}INDEX IF NOT EXISTS "zz_name" ON "zz" ("name")')
    found = connection.introspection.get_constraints(cursor, "zz")
    assert found["zz_name"]["columns"] == ["name"]
    assert found["zz_name"]["unique"] == bool(unique)


def test_a_flush_runs_the_callers_own_texts(cursor):
    cursor.execute('CREATE TABLE "zz" (id integer PRIMARY KEY)')
    connection.ops.execute_sql_flush(['DROP TABLE "zz"'])
    assert "zz" not in names()


@pytest.mark.parametrize("prefix", ["-- why\n", "/* a\nb */ ", "/* -- */-- x\n"])
def test_a_select_may_begin_with_a_comment(cursor, prefix):
    cursor.execute(f"{prefix}SELECT 1 AS one")
    assert cursor.fetchall() == [(1,)]


def test_a_select_is_explained_by_sqlite(library, cursor):
    table = library.Genre._meta.db_table
    for explain in (
        "EXPLAIN",
        "EXPLAIN QUERY PLAN",
        "explain query  plan",
        "/* c */ EXPLAIN",
        "-- c\n EXPLAIN /* a */ QUERY --b\nPLAN",
    ):
        cursor.execute(f'{explain} SELECT * FROM "{table}" WHERE id = %s', [1])
        assert len(cursor.fetchall()) > 0


def test_a_text_without_parameters_has_no_marks(cursor):
    cursor.execute("SELECT '100%', '%s', ' EXPLAIN QUERY PLAN x'")
    assert cursor.fetchall() == [("100%", "%s", " EXPLAIN QUERY PLAN x")]
    cursor.execute("SELECT '100%%', %s", ["%"])
    assert cursor.fetchall() == [("100%", "%")]
