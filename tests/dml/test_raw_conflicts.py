"""INSERT OR …, REPLACE and ON CONFLICT through a cursor: as on SQLite."""

import django
import pytest
from django.apps.registry import Apps
from django.db import (
    DatabaseError,
    IntegrityError,
    NotSupportedError,
    connection,
    connections,
    models,
)
from django.db.models import F, Q
from django.db.models.functions import Lower

from nonrel_backend.dml import raw_tables

from .conftest import BOTH, rows_of, run

COUNTER = "INTO library_counter (id, name, value)"
AUTHOR = "INTO library_author (id, name, email) VALUES"
OFFER = "INTO library_offer (id, code, label, seller, active, price, amount) VALUES"
# SQLite takes the condition only as Django has written it for the index.
IS_ACTIVE = "active" if django.VERSION < (6, 1) else "active = 1"
STATEMENTS = [
    # nothing is inserted where a unique value is there, in a row or before in the text
    f"INSERT OR IGNORE {AUTHOR} (1, 'x', 'x'), (5, 'five', 'five'), (6, 'y', 'a')",
    f"INSERT OR IGNORE {AUTHOR} (7, 'x', 'seven'), (7, 'y', NULL), (8, 'z', 'seven')",
    f"INSERT OR IGNORE {AUTHOR} (9, NULL, 'nine'), (10, 'ten', NULL)",
    f"INSERT {AUTHOR} (1, 'x', 'x'), (11, 'y', 'b') ON CONFLICT DO NOTHING",
    f"INSERT {AUTHOR} (12, 'x', 'twelve') ON CONFLICT (email) DO NOTHING RETURNING id",
    ("INSERT OR IGNORE INTO library_genre VALUES (1, %s), (2, %s)", ["g", "h"]),
    ("INSERT OR IGNORE INTO library_genre VALUES (3, %(n)s)", {"n": "g"}),
    "INSERT OR IGNORE INTO library_tag VALUES ('t'), ('t'), ('u')",
    "INSERT OR IGNORE INTO library_place (room, number) VALUES ('a', 1), ('a', 1)",
    # it is updated
    f"INSERT {AUTHOR} (1, 'one', 'a'), (13, 'n', NULL) "
    "ON CONFLICT (id) DO UPDATE SET name = excluded.name || library_author.name",
    (
        f"INSERT {COUNTER} VALUES (21, %s, %s), (22, %s, 1) "
        "ON CONFLICT(name) DO UPDATE SET value = value + excluded.value + %s",
        ["c", 5, "c", 100],
    ),
    f"INSERT {COUNTER} VALUES (5, 'c', 5), (6, 'd', 1), (7, 'd', 7) "
    "ON CONFLICT (name) DO UPDATE SET value = excluded.value "
    "WHERE excluded.value > value RETURNING name, value, id",
    f"INSERT {COUNTER} SELECT id + 9, name, 1000 FROM library_counter "
    "WHERE true ON CONFLICT (name) DO UPDATE SET value = value + excluded.value",
    f"INSERT {AUTHOR} (1, 'n', 'q'), (50, 'm', 'b') ON CONFLICT (id) DO UPDATE "
    "SET name = 'by key' ON CONFLICT (email) DO UPDATE SET name = 'by email'",
    "INSERT INTO library_place VALUES ('a', 1, 'n'), ('b', 1, 'm') "
    "ON CONFLICT (room, number) DO UPDATE SET note = excluded.note",
    "INSERT INTO library_tag VALUES ('t') ON CONFLICT (name) DO NOTHING",
    f"INSERT {OFFER} (1, 'a', 'l', 's', 1, 1, 2), (2, 'b', NULL, 's', 0, 1, 2)",
    f"INSERT {OFFER} (3, 'c', NULL, 's', TRUE, 2, 3) ON CONFLICT (seller) "
    f"WHERE {IS_ACTIVE} DO UPDATE SET price = excluded.price, amount = excluded.amount",
    f"INSERT OR IGNORE {OFFER} (4, 'd', NULL, 's', TRUE, 2, 3), "
    "(5, 'e', 'l', 't', 0, 1, 1)",
    f"INSERT OR IGNORE {OFFER} (6, 'f', NULL, 'u', TRUE, 4, 3)",  # against the check
    f"INSERT {OFFER} (7, 'f', NULL, 'u', TRUE, 4, 5) ON CONFLICT DO NOTHING",
    # it is replaced, and what else has the row's values is deleted
    f"REPLACE {AUTHOR} (1, 'again', NULL)",
    f"INSERT OR REPLACE {AUTHOR} (5, 'both', 'b'), (70, 'n', 'c'), (71, 'n', 'd')",
    f"INSERT OR REPLACE {AUTHOR} (72, 'n', 'd'), (72, 'm', 'e')",
    "REPLACE INTO library_genre VALUES (8, 'g'), (9, 'g2')",
    "REPLACE INTO library_genre (id, name) VALUES (1, 'one') RETURNING id, name",
    "REPLACE INTO library_place VALUES ('a', 1, 'replaced')",
    f"REPLACE {OFFER} (8, 'a', 'z', 's', 1, 1, 9)",
    "UPDATE OR IGNORE library_author SET email = 'b' WHERE id < 20",
    "UPDATE OR REPLACE library_author SET email = 'b' WHERE id IN (1, 13)",
    f"INSERT OR ABORT {AUTHOR} (90, 'n', 'ninety')",
]


def test_conflicts_are_resolved_as_on_sqlite(both, library):
    for alias in BOTH:
        library.Author.objects.using(alias).bulk_create(
            [
                library.Author(id=n, name=str(n), email=c)
                for n, c in enumerate("abcd", 1)
            ]
        )
        library.Counter.objects.using(alias).create(name="c", value=1)
    for each in STATEMENTS:
        both(*(each if isinstance(each, tuple) else (each,)))


def test_lastrowid_is_the_key_of_the_last_new_row(library):
    alone = "INSERT INTO library_counter (name, value) VALUES ('a', 1)"
    key = run(alone)[1]
    assert run(f"{alone} ON CONFLICT DO NOTHING")[:2] == (0, None)
    assert run(f"{alone} ON CONFLICT (name) DO UPDATE SET value = 2")[:2] == (1, None)
    assert (
        run(
            "REPLACE INTO library_counter (id, name, value) VALUES (%s, 'b', 1)", [key]
        )[1]
        == key
    )
    count, new, _ = run("REPLACE INTO library_counter (name, value) VALUES ('b', 1)")
    assert count == 1
    assert library.Counter.objects.get().pk == new != key


def test_executemany_sees_the_rows_of_the_sets_before(both, library):
    texts = {
        "INSERT INTO library_counter (id, name, value) VALUES (%s, %s, %s) "
        "ON CONFLICT (name) DO UPDATE SET value = value + excluded.value": [
            (number + 1, str(number % 3), number) for number in range(10)
        ],
        "INSERT OR IGNORE INTO library_counter (id, name, value) VALUES (%s, %s, 50)": [
            (number + 11, str(number % 5)) for number in range(10)
        ],
        "REPLACE INTO library_counter (id, name, value) VALUES (%s, %s, 7)": [
            (number % 2 + 1, str(number)) for number in range(5)
        ],
    }
    for sql, sets in texts.items():
        counts = []
        for alias in BOTH:
            with connections[alias].cursor() as cursor:
                cursor.executemany(sql, iter(sets))
                counts.append(cursor.rowcount)
        assert counts[0] == counts[1], sql
        assert rows_of(library.Counter, "default") == rows_of(library.Counter, "oracle")


@pytest.mark.parametrize(
    "sql",
    [
        f"INSERT {AUTHOR} (9, NULL, 'a') ON CONFLICT (email) DO NOTHING",
        f"INSERT {AUTHOR} (9, 'n', 'b') ON CONFLICT (id) DO NOTHING",
        f"INSERT {AUTHOR} (9, 'n', 'a') ON CONFLICT (email) DO UPDATE SET email = 'b'",
        f"REPLACE {AUTHOR} (1, NULL, 'a')",
        "INSERT INTO library_offer (seller, active, price, amount) "
        "VALUES ('s', 1, 9, 1) ON CONFLICT DO NOTHING",
    ],
)
def test_other_constraints_hold_and_the_whole_statement_fails(both, library, sql):
    for alias in BOTH:
        for key, email in enumerate("ab", 1):
            library.Author.objects.using(alias).create(pk=key, name="n", email=email)
    before = rows_of(library.Author, "default")
    for alias in BOTH:
        with pytest.raises(IntegrityError):
            run(sql, alias=alias)
    assert rows_of(library.Author, "default") == before


def test_a_target_that_no_unique_index_has_is_an_error(library):
    with pytest.raises(DatabaseError, match="ON CONFLICT clause does not match"):
        run(f"INSERT {AUTHOR} (9, 'n', 'a') ON CONFLICT (name) DO NOTHING")


@pytest.mark.parametrize("word", ["FAIL", "ROLLBACK"])
def test_resolutions_that_no_store_has_are_refused_by_name(library, word):
    with pytest.raises(NotSupportedError, match=f"OR {word}.*atomic"):
        run(f"INSERT OR {word} INTO library_tag VALUES ('x')")


def test_unique_constraints_of_every_kind_are_resolved(library, monkeypatch):
    class Made(models.Model):
        name = models.CharField(max_length=9, null=True)
        kind = models.CharField(max_length=9, default="")
        size = models.IntegerField(default=0)

        class Meta:
            app_label = "library"
            apps = Apps()
            constraints = [
                models.UniqueConstraint(
                    Lower("name"), condition=~Q(kind="free"), name="made_lower_if"
                ),
                models.UniqueConstraint(
                    fields=["kind"], condition=Q(size__in=[1, 2]), name="made_kind_if"
                ),
                models.UniqueConstraint(
                    fields=["name"], condition=Q(size=F("id")), name="made_hidden"
                ),
            ]

    found = {"library_made": Made}
    monkeypatch.setattr(raw_tables, "registered_models", lambda: found)
    insert = "INTO library_made (id, name, kind, size) VALUES"
    with connection.schema_editor() as editor:
        editor.create_model(Made)
    try:
        run(f"INSERT {insert} (1, 'a', 'x', 1), (2, 'B', 'free', 9)")
        assert run(f"INSERT OR IGNORE {insert} (3, 'A', 'y', 0)")[0] == 0
        assert run(f"INSERT OR IGNORE {insert} (3, 'A', 'free', 0)")[0] == 1
        assert run(f"INSERT OR IGNORE {insert} (4, 'n', 'x', 2)")[0] == 0
        assert run(f"INSERT OR IGNORE {insert} (4, 'b', 'y', 9)")[0] == 1
        assert run(f"INSERT OR IGNORE {insert} (5, NULL, 'x', 9)")[0] == 1
        assert run(f"REPLACE {insert} (6, 'c', 'x', 1)")[0] == 1
        names = Made.objects.order_by("pk").values_list("pk", "name")
        assert list(names) == [(2, "B"), (3, "A"), (4, "b"), (5, None), (6, "c")]
    finally:
        with connection.schema_editor() as editor:
            editor.delete_model(Made)


def test_a_table_without_a_model_has_its_unique_indexes(library):
    run("CREATE TABLE library_plain (id bigint PRIMARY KEY, name text)")
    try:
        run("CREATE UNIQUE INDEX library_plain_name ON library_plain (name)")
        run("INSERT INTO library_plain VALUES (1, 'a')")
        run("INSERT OR IGNORE INTO library_plain VALUES (2, 'a'), (3, 'b')")
        run(
            "INSERT INTO library_plain VALUES (4, 'b') "
            "ON CONFLICT (name) DO UPDATE SET name = name || '!'"
        )
        found = run("SELECT id, name FROM library_plain ORDER BY id")[2]
        assert found == [(1, "a"), (3, "b!")]
    finally:
        run("DROP TABLE library_plain")


def test_only_rows_that_may_collide_are_read(library, monkeypatch):
    library.Genre.objects.bulk_create([library.Genre(name=str(n)) for n in range(9)])
    monkeypatch.setitem(connection.settings_dict["OPTIONS"], "local_rows", 2)
    sql = (
        "INSERT INTO library_genre (name) VALUES ('3'), ('new') ON CONFLICT DO NOTHING"
    )
    assert run(sql)[0] == 1
