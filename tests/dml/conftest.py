"""SQL texts that run on SQLite and on the backend; both hold the same afterwards."""

import pytest
from django.core.management.color import no_style
from django.db import connections

from nonrel_backend.testing.differential.answers import adapted

BOTH = ("default", "oracle")
NAMES = (
    "Author",
    "Genre",
    "Book",
    "Offer",
    "Copy",
    "Place",
    "Tag",
    "Specimen",
    "Counter",
)


def run(sql, params=None, alias="default"):
    if alias == "oracle" and isinstance(params, list):
        params = adapted(params)
    with connections[alias].cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.rowcount, cursor.lastrowid, list(cursor.fetchall())


def rows_of(model, alias):
    names = [field.attname for field in model._meta.concrete_fields if field.column]
    rows = model.objects.using(alias).values_list(*names)
    return sorted(rows, key=lambda row: repr(row[:2]))


@pytest.fixture
def both(library):
    """Run a statement on SQLite and on the backend; compare what both hold then."""
    tables = [getattr(library, name)._meta.db_table for name in NAMES]
    for alias in BOTH:
        operations = connections[alias].ops
        flush = operations.sql_flush(no_style(), tables, reset_sequences=True)
        operations.execute_sql_flush(flush)

    def both(sql, params=None):
        found = {alias: run(sql, params, alias) for alias in BOTH}
        (count, key, rows), (oracle_count, oracle_key, oracle_rows) = found.values()
        assert rows == oracle_rows, sql
        if not rows:  # sqlite3 counts rows that are returned as they are fetched
            assert count == oracle_count, sql
        new = "INSERT" in sql.upper() and count and not rows
        if new and not ("_tag" in sql or "_place" in sql or "CONFLICT" in sql):
            assert key == oracle_key, sql
        for model in (getattr(library, name) for name in NAMES):
            assert rows_of(model, "default") == rows_of(model, "oracle"), sql
        return found["default"]

    with connections["oracle"].constraint_checks_disabled():
        yield both
