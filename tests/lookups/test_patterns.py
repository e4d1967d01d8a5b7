"""Regular expressions whose cost has no bound are found, searched and stopped."""

import re
import time

import pytest
from django.apps.registry import Apps
from django.db import DatabaseError, OperationalError, connection, models
from django.db.models.functions import Length

from nonrel_backend.values import patterns
from nonrel_backend.values.folding import fold
from nonrel_backend.values.patterns import cost, literal_prefix, searcher
from tests.tables import tables_of

# MongoDB's server gives the search up at this text, and Python finds it.
GIVEN_UP = r"^(?:(a+)+b|a+!)$"
FOUND = "a" * 16 + "!"
# No search of this ends.
ENDLESS = r"^(?:z|zz|z?)*!$"
LONG = "z" * 36


@pytest.fixture
def text(library):
    class Text(models.Model):
        data = models.TextField(null=True)
        items = models.JSONField(null=True)

        class Meta:
            app_label = "library"
            apps = Apps()

    with tables_of(Text):
        yield Text


@pytest.mark.parametrize(
    "lookup", ["data__regex", "data__iregex", "items__key__regex", "items__key__iregex"]
)
def test_a_search_of_many_steps_finds_what_python_finds(text, lookup):
    row = text.objects.create(data=FOUND, items={"key": FOUND})
    text.objects.create(data="b", items={"key": "b"})
    text.objects.create()
    assert [*text.objects.filter(**{lookup: GIVEN_UP})] == [row]
    found = text.objects.filter(data__isnull=False).exclude(**{lookup: GIVEN_UP})
    assert row not in found and found.count() == 1
    assert text.objects.filter(**{lookup: GIVEN_UP}).count() == 1


@pytest.mark.parametrize("lookup", ["data__regex", "data__iregex", "items__key__regex"])
def test_a_search_without_an_end_is_stopped(text, monkeypatch, lookup):
    monkeypatch.setattr(patterns, "SECONDS", 0.2)
    text.objects.create(data=LONG, items={"key": LONG})
    started = time.monotonic()
    for query in (
        text.objects.filter(**{lookup: ENDLESS}),
        text.objects.exclude(**{lookup: ENDLESS}),
        text.objects.filter(**{lookup: ENDLESS}).order_by("data")[:1],
    ):
        with pytest.raises(OperationalError, match="took longer than 0.2 seconds"):
            list(query)
    with pytest.raises(OperationalError, match="took longer than 0.2 seconds"):
        text.objects.filter(**{lookup: ENDLESS}).delete()
    assert text.objects.count() == 1
    assert time.monotonic() - started < 20


KELVIN, LONG_S = "\u212a", "\u017f"
TEXTS = [
    None,
    "",
    "Abc *x*",
    "a[b]c?",
    "5%_\\",
    f"{KELVIN}m",
    f"{LONG_S}t",
    "ÉTÉ a",
    "kK",
]
PARTS = ["", "ab", "ABC", "*X", "[B]", "c?", "%_\\", "k", KELVIN, "s", "été", "É", "]"]


@pytest.mark.parametrize(
    ("lookup", "matches"),
    [
        ("icontains", lambda text, part: part in text),
        ("istartswith", str.startswith),
        ("iendswith", str.endswith),
    ],
)
def test_case_is_ignored_in_the_local_engine(text, lookup, matches):
    text.objects.bulk_create(text(data=each) for each in TEXTS)
    for part in PARTS:
        # No store computes a CASE in an order by another one.
        found = models.Case(
            models.When(**{f"data__{lookup}": part}, then=Length("data")), default=-1
        )
        rows = text.objects.annotate(found=found).order_by("found", "pk")
        expected = [
            each
            for each in TEXTS
            if each is not None and matches(fold(each), fold(part))
        ]
        wanted = [row.data for row in rows if row.found >= 0]
        assert sorted(wanted) == sorted(expected), part


def test_the_local_engine_says_what_is_wrong(text):
    text.objects.create(data="a")
    with pytest.raises(DatabaseError, match="'\\(a' is not valid: missing \\)"):
        [*text.objects.filter(data__regex="(a")]
    with connection.cursor() as cursor:
        table = text._meta.db_table
        cursor.execute(f'SELECT COUNT(*) FROM "{table}" WHERE data REGEXP %s', ["^a$"])
        assert cursor.fetchone() == (1,)


# (a pattern, whether its cost is bounded, its degree)
COSTS = [
    ("", True, 0),
    ("abc", True, 0),
    (r"^\d{4}-\d\d$", True, 0),
    ("a?b?c?", True, 0),
    ("(foo|bar)baz", True, 0),
    ("foo.*bar", True, 1),
    ("(?:foo|bar)+x", True, 1),
    ("(?:ab){2,}", True, 1),
    ("a.*?b.*?c", True, 2),
    ("a*a*a*b", True, 3),
    ("(a+)+b", False, None),
    ("(?:a|ab)*c", False, None),
    ("(?:a?){30}a{30}", False, None),
    ("(?:z|zz|z?)*!", False, None),
    (r"(\w+\s?)+", False, None),
    ("(?:ab|Ab)*!", False, None),  # ambiguous where the case is ignored
    (r"(a)\1", False, None),
    (r"(?P<x>a)?(?(x)b|c)", False, None),
    ("(?>a+b)", True, 1),
    ("(?=a+)a", True, 1),
]


@pytest.mark.parametrize(("pattern", "bounded", "degree"), COSTS)
def test_costs(pattern, bounded, degree):
    found = cost(pattern)
    assert (found.factor < float("inf")) == bounded
    assert not bounded or found.degree == degree


def test_searches_in_another_process_answer_as_re_does(monkeypatch):
    monkeypatch.setattr(patterns, "STEPS", 0)
    for pattern, text in (
        (r"(\w)\1$", "xaa"),
        (r"(\w)\1$", "xab"),
        (r"(a+)+B", "aaab"),
        (r"(\w)\1", "é\udc00\udc00"),
        ("(?:ab)+$", "ab" * 1_000),
        ("b", ""),
    ):
        for ignore_case in (False, True):
            flags = re.IGNORECASE if ignore_case else 0
            expected = re.search(pattern, text, flags) is not None
            assert searcher(pattern, ignore_case)(text) == expected


def test_a_process_that_was_stopped_is_replaced(monkeypatch):
    monkeypatch.setattr(patterns, "SECONDS", 0.1)
    with pytest.raises(OperationalError, match="36 characters"):
        searcher(ENDLESS)(LONG)
    assert searcher(r"(a)\1")("aa")
    patterns._idle[-1].process.kill()
    patterns._idle[-1].process.wait()
    with pytest.raises(OperationalError, match="ended"):
        searcher(r"(a)\1")("aa")
    assert searcher(r"(a)\1")("aa")


def test_literal_prefixes():
    assert literal_prefix("^abc.*") == "abc"
    assert literal_prefix("^ab?c") == "a"
    assert literal_prefix("^a|b") == literal_prefix("abc") == ""
