"""The first rows of an order whose first column alone has an index."""

import random
import re
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from django.apps.registry import Apps
from django.db import connection, models, transaction

from nonrel_backend.mongodb import paging
from nonrel_backend.mongodb.query import BackendQuery
from tests.tables import tables_of

START = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def model(databases):
    class Item(models.Model):
        at = models.DateTimeField(db_index=True, null=True)
        number = models.IntegerField(db_index=True, null=True)
        text = models.CharField(max_length=20, null=True)
        ratio = models.FloatField(db_index=True, null=True)
        code = models.IntegerField(unique=True)

        class Meta:
            app_label = "library"
            apps = Apps()
            indexes = [models.Index(fields=["text", "number"], name="text_number")]

    with tables_of(Item):
        yield Item


@pytest.fixture
def items(model, monkeypatch):
    monkeypatch.setattr(paging, "LEAST_ROWS", 0)
    monkeypatch.setattr(paging, "MORE", 0)
    chance = random.Random(3)

    def some(*values):
        return chance.choice([None, *values])

    model.objects.all().delete()
    model.objects.bulk_create(
        model(
            at=some(*[START + timedelta(microseconds=n * 400) for n in range(6)]),
            number=some(1, 2, 3),
            text=some("a", "b", "B", "é"),
            ratio=some(0.5, -0.5, 1e300),
            code=number,
        )
        for number in range(60)
    )
    yield model.objects
    model.objects.all().delete()


@pytest.fixture
def bounds(monkeypatch):
    """Collect the filters of the pages."""
    found = []
    find = BackendQuery.find

    def noted(query, filter_, *arguments):
        found.append(filter_)
        return find(query, filter_, *arguments)

    monkeypatch.setattr(BackendQuery, "find", noted)
    return found


def in_order(rows, ordering):
    """Return keys of rows in an order, NULLs first where it ascends."""
    for name in reversed(ordering):
        column = name.lstrip("-")
        rows = sorted(
            rows,
            key=lambda row: (
                ((value := getattr(row, column)) is not None, value or 0)
                if column != "text"
                else (row.text is not None, row.text or "")
            ),
            reverse=name.startswith("-"),
        )
    return [row.pk for row in rows]


@pytest.mark.parametrize("first", ["at", "number", "text", "ratio"])
def test_pages_are_those_of_the_whole_order(items, bounds, first):
    rows = list(items.all())
    for sign, other, low, size in product(
        ("", "-"), ("pk", "-pk", "-code"), (0, 7), (1, 5, 40, 80)
    ):
        ordering = [sign + first, other]
        page = items.order_by(*ordering)[low : low + size]
        expected = in_order(rows, ordering)[low : low + size]
        assert [row.pk for row in page] == expected, (ordering, low, size)
    assert sum(filter_ != {} for filter_ in bounds) > 20


@pytest.mark.parametrize("more", [2, 12, 100])
def test_a_page_is_read_with_the_rows_that_are_equal_to_its_last(
    items, bounds, monkeypatch, more
):
    monkeypatch.setattr(paging, "MORE", more)
    rows = list(items.all())
    for first, other, low, size in product(
        ("number", "-number", "text", "-text"), ("pk", "-pk"), (0, 7), (1, 5, 40, 80)
    ):
        connection.many_equal.clear()
        page = items.order_by(first, other).only("code")[low : low + size]
        expected = in_order(rows, [first, other])[low : low + size]
        assert [row.pk for row in page] == expected, (first, other, low, size)
    assert (more < 100) == any(filter_ != {} for filter_ in bounds)


def test_many_equal_rows_are_read_at_once_no_more_than_once(items, bounds, monkeypatch):
    monkeypatch.setattr(paging, "MORE", 2)
    connection.many_equal.clear()
    items.update(number=1)
    for _ in range(2):
        assert len(items.order_by("number", "pk")[:5]) == 5
        assert connection.many_equal == {(items.model._meta.db_table, "number")}
    connection.many_equal.clear()


def test_a_page_sorts_what_may_be_on_it(items, bounds):
    items.filter(number=None).update(number=0)
    numbers = sorted(items.values_list("number", flat=True))
    list(items.order_by("number", "pk")[:10])
    list(items.order_by("-number", "pk")[:10])
    assert bounds[-2:] == [
        {"number": {"$not": {"$gt": numbers[9]}}},
        {"number": {"$gte": numbers[-10]}},
    ]


@pytest.mark.parametrize(
    "ordering",
    [("number",), ("pk", "number"), ("text", "number"), ("-text", "-number")],
)
def test_one_command_is_enough_where_an_index_has_the_whole_order(
    items, bounds, ordering
):
    list(items.order_by(*ordering)[:10])
    assert bounds == [{}]


def test_rows_that_are_deleted_meanwhile_leave_no_gap(items, monkeypatch):
    bounded = paging.bounded

    def deleting(query, high):
        found = bounded(query, high)
        items.filter(number=3).delete()
        return found

    items.filter(number=None).update(number=0)
    monkeypatch.setattr(paging, "bounded", deleting)
    found = list(items.order_by("-number", "pk")[:10])
    assert [row.number for row in found] == [2] * 10


def test_small_collections_are_asked_once(items, bounds, monkeypatch):
    monkeypatch.setattr(paging, "LEAST_ROWS", 1_000)
    list(items.order_by("number", "pk")[:10])
    assert bounds == [{}]


def test_a_page_in_a_transaction_has_its_rows(items):
    with transaction.atomic():
        new = items.create(code=1_000, number=9)
        assert items.order_by("-number", "pk").first() == new
        transaction.set_rollback(True)
    assert items.order_by("-number", "pk").first() != new


def test_explain_names_the_bound(items):
    page = items.order_by("-number", "pk")
    assert "up to the number of row 10 [" in page[:10].explain()
    examined = re.search(r"(\d+) documents examined", page[:10].explain(analyze=True))
    assert examined and 10 <= int(examined[1]) < 60
    assert "up to" not in page.explain()
