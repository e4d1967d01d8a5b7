"""Rows in the order of a to-one relation's columns."""

from uuid import uuid4

import pytest
from django.db import connection

from nonrel_backend.planner.choose import RULES, choose
from nonrel_backend.planner.plans import related_order
from nonrel_backend.planner.refusal import Refused

NOWHERE = 999


@pytest.fixture
def books(library):
    """Books of six authors, of whom two have one name; two have no such editor."""
    for number, name in enumerate(["b", "B", "a", "b", "", "c"]):
        email = None if number == 2 else f"{number}@x"
        library.Author.objects.create(name=name, email=email)
    keys = list(library.Author.objects.order_by("pk").values_list("pk", flat=True))
    for number in range(14):
        library.Book.objects.create(
            title=f"t{number:02}",
            author_id=[*keys, NOWHERE][number % 7],
            editor_id=[None, *keys[1:4], NOWHERE][number % 5],
            pages=number % 4,
        )
    return library.Book.objects


@pytest.fixture(autouse=True)
def always(monkeypatch):
    monkeypatch.setattr(related_order, "FEW_ROWS", 0)


def by_rule(queryset, name):
    compiler = queryset.query.get_compiler(connection=connection)
    plan = choose(compiler, [each for each in RULES if each[0] == name])
    rows = compiler.python_results(
        plan, lambda compiler, expressions: compiler.python_converters(expressions)
    )
    return [tuple(row) for row in rows]


def in_python(queryset, relation, column, descending):
    """The rows as sorted() orders them: NULL is first."""
    rows = list(queryset.order_by("pk"))
    named = dict(
        getattr(queryset.model, relation).field.related_model.objects.values_list(
            "pk", column
        )
    )

    def key(book):
        value = named.get(getattr(book, f"{relation}_id"))
        return value is not None, value or ""

    if relation == "author":
        rows = [book for book in rows if book.author_id in named]
    return [book.title for book in sorted(rows, key=key, reverse=descending)]


@pytest.mark.parametrize("keys", [1, 4])
@pytest.mark.parametrize("sign", ["", "-"])
@pytest.mark.parametrize("column", ["name", "email"])
@pytest.mark.parametrize("relation", ["author", "editor"])
def test_the_first_rows_are_those_of_a_sort(
    books, monkeypatch, relation, column, sign, keys
):
    monkeypatch.setattr(related_order, "FIRST_KEYS", keys)
    monkeypatch.setattr(related_order, "MORE", keys)
    key = f"{sign}{relation}__{column}"
    # sorted() keeps the order of equal rows, also when reversed.
    expected = in_python(books, relation, column, sign == "-")
    found = books.order_by(key, "pk").values_list("title")
    for low, high in [(0, 3), (2, 9), (0, 20), (13, 15)]:
        try:
            rows = by_rule(found[low:high], "related_order")
        except Refused as refused:
            assert refused.reason.startswith(connection.display_name)
            continue
        assert [title for (title,) in rows] == expected[low:high]


def test_the_related_row_and_the_filter_are_the_querys(books):
    found = books.select_related("author").filter(pages__gte=1)
    rows = list(found.order_by("-author__name", "-pages", "pk")[:4])
    assert [(book.author.name, book.title) for book in rows] == [
        ("c", "t05"),
        ("b", "t03"),
        ("b", "t07"),
        ("b", "t10"),
    ]


def test_explain_tells_what_is_walked(books):
    plan = books.order_by("author__name", "pk")[:3].explain()
    if plan.startswith("walk"):
        walk, _, decision = plan.splitlines()
        assert "library_author" in walk and decision.startswith("rule: related_order")
    else:
        assert connection.display_name in plan


def test_few_rows_of_a_filter_are_sorted_locally(books, monkeypatch):
    monkeypatch.setattr(related_order, "FEW_ROWS", 5)
    found = books.filter(pages=1).order_by("author__name", "pk")[:3]
    assert [book.title for book in found] == ["t01", "t09", "t05"]


@pytest.fixture
def mentored(books, library):
    """The same books; the authors "a" and "b" have a mentor, who is "c"."""
    mentor = library.Author.objects.get(name="c")
    library.Author.objects.filter(name__in="ab").update(mentor=mentor)
    return books


def test_what_filters_the_related_rows_filters_those_in_their_order(mentored):
    found = mentored.filter(author__mentor__name="c")
    titles = found.order_by("author__name", "pk").values_list("title", flat=True)
    assert [*titles[:4]] == ["t02", "t09", "t00", "t03"]


def test_rows_that_the_related_rows_joins_repeat_are_repeated(mentored, library):
    for book in mentored.filter(author__name="a"):
        library.Copy.objects.create(token=uuid4(), book=book, shelf="s")
        library.Copy.objects.create(token=uuid4(), book=book, shelf="s")
    found = mentored.filter(author__books__copies__shelf="s")
    titles = found.order_by("author__name", "pk").values_list("title", flat=True)
    assert [*titles[:5]] == ["t02"] * 4 + ["t09"]
