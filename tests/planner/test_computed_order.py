"""The first rows in the order of an expression, of which the store finds the keys."""

import math
from decimal import Decimal

import pytest
from django.db import connection
from django.db.models import Avg, F, FloatField, Value, Window
from django.db.models.expressions import ExpressionWrapper
from django.db.models.functions import Coalesce, RowNumber, Upper

from nonrel_backend.planner.rules import computed_order

from .test_rules import answer, rule_of

PRICES = [None, "7.00", "7.50", "0.00", "-3.00", "8.00", "0.10", "100.00", "-7.25"]


@pytest.fixture
def books(library):
    author = library.Author.objects.create(name="a")
    for n in range(40):
        price = PRICES[n % 9]
        library.Book.objects.create(
            title=f"t{n:02}",
            author=author,
            price=None if price is None else Decimal(price),
            rating=[None, 0.0, 2.5, -4.0, math.inf][n % 5],
            pages=[0, 2, 3, -2, 7, 0][n % 6],
        )
    return library.Book.objects


def is_by_keys(rows):
    return rule_of(rows).decision().startswith("rule: computed_order")


EXPRESSIONS = {
    "quotient": F("price") / F("pages"),
    "of whole numbers": F("pages") / Value(2),
    "by a decimal": F("price") / F("price"),
    "by a number": F("price") / Value(2),
    "times a decimal": F("pages") * Value(Decimal("2.50")),
    "of floats": F("rating") / F("pages"),
    "product of floats": F("rating") * F("pages"),
    "product": F("price") * F("pages"),
    "difference": F("pages") - F("pk"),
    "wrapped": ExpressionWrapper(F("price") / F("pages"), FloatField()),
    "default": Coalesce("rating", 1.0),
}


@pytest.mark.parametrize("more", [0, 3, 200])
@pytest.mark.parametrize("name", EXPRESSIONS)
def test_the_first_rows_are_those_of_a_sort(books, monkeypatch, name, more):
    monkeypatch.setattr(computed_order, "MORE", more)
    rows = books.filter(pages__gt=-9).annotate(x=EXPRESSIONS[name])
    for keys in (["x", "pk"], ["-x", "-pk"], ["-x", "title"]):
        ordered = rows.order_by(*keys).values_list("title", "x")
        expected = answer(ordered, "local")
        for low, high in ((0, 1), (0, 5), (3, 9), (30, 39), (0, 60)):
            assert list(ordered[low:high]) == expected[low:high]
        assert is_by_keys(ordered[:5]) == (connection.vendor == "mongodb")


def test_rows_that_are_not_first_are_not_loaded(books):
    rows = books.order_by((F("price") * F("pages")).desc(), "pk")[:2]
    assert [each.title for each in rows] == ["t16", "t34"]
    if is_by_keys(rows):
        assert "rows loaded" in rows.explain(analyze=True)
        assert "40 rows loaded" not in rows.explain(analyze=True)
        assert rows.explain().startswith("rows of the first keys, finished locally")


OTHERS = {
    "decimals": lambda books: books.order_by(Value(Decimal("2.00")) / F("price"))[:5],
    "all": lambda books: books.order_by(F("price") / F("pages"), "pk"),
    "nulls": lambda books: books.order_by((F("price") / 2).asc(nulls_last=True))[:5],
    "text": lambda books: books.order_by(Upper("title"))[:5],
    "sums": lambda books: books.order_by(F("price") + F("pages"), "pk")[:5],
    "joined": lambda books: books.order_by(F("pages") / F("author__pk"), "pk")[:5],
    "numbered": lambda books: (
        books.annotate(n=Window(RowNumber(), order_by="pk"))
        .order_by(F("price") / F("pages"), "pk")
        .values_list("n", "title")[:5]
    ),
    "grouped": lambda books: (
        books.values("pages").annotate(n=Avg("pk")).order_by(F("pages") / 2, "n")[:5]
    ),
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_orders_are_not_by_keys(books, name):
    rows = OTHERS[name](books)
    assert not is_by_keys(rows) and len(rows) in (5, 40)
