"""Keys of JSON columns that equal a number or a text, as SQLite compares them."""

import pytest
from django.apps.registry import Apps
from django.db import connection, models
from django.db.models import Q, Value

from tests.tables import tables_of

VALUES = [
    *(1, 1.0, 1.5, True, False, None, "1", "true", "null", "v", "", "ü", 2**53),
    *([1], "[1]", {"j": 1}, '{"j":1}', {"j": "v"}, {"j": {"j": 1}}, 2**60),
]


@pytest.fixture
def notes(library):
    class Note(models.Model):
        data = models.JSONField(null=True)

        class Meta:
            app_label = "library"
            apps = Apps()

    with tables_of(Note):
        Note.objects.bulk_create(
            [*(Note(data={"k": value}) for value in VALUES), Note(data={}), Note()]
        )
        yield Note.objects


@pytest.mark.parametrize(
    "value, found",
    [
        (1, [1, 1.0]),
        (2, []),
        (2**53, [2**53]),
        ("1", ["1"]),
        ("v", ["v"]),
        ("", [""]),
        ("ü", ["ü"]),
        ("true", [True, "true"]),
        ("[1]", [[1], "[1]"]),
        (True, [True, "true"]),
        (1.5, [1.5]),
    ],
)
def test_a_key_equals_what_sqlite_says(notes, value, found):
    if connection.vendor == "mongodb" and value in ("true", "[1]", True):
        pytest.skip("MongoDB tells JSON's own values from texts")
    rows = notes.filter(data__k=value).order_by("pk")
    assert repr([each.data["k"] for each in rows]) == repr(found)
    assert notes.filter(data__k=value).count() == len(found)


def test_a_longer_path_and_an_or(notes):
    rows = notes.filter(Q(data__k__j=1) | Q(data__k="v")).order_by("pk")
    assert [each.data["k"] for each in rows] == ["v", {"j": 1}]


def test_exclude_drops_objects_without_the_key_and_keeps_null(notes):
    excluded = notes.exclude(data__k=1).order_by("pk")
    assert [each.data for each in excluded][-1] is None
    assert len(excluded) == len(VALUES) - 2 + 1


def test_a_constant_without_a_type_is_compared_as_json_text(notes):
    found = notes.filter(data__k=Value("1")).order_by("pk")
    assert repr([each.data["k"] for each in found]) == "[1, 1.0]"


def test_rows_are_found_by_a_key_without_loading_the_table(notes):
    if connection.vendor != "lmdb":
        pytest.skip("of LMDB's plans")
    assert "locally" not in notes.filter(data__k=1).explain()
    assert "locally" in notes.filter(data__k=True).explain()
