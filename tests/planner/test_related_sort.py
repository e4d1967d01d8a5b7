"""Few rows in an order that names columns of related rows."""

from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from uuid import UUID

import pytest
from django.db import connection

from nonrel_backend.compiler import converters_of
from nonrel_backend.planner.choose import RULES, choose
from nonrel_backend.planner.plans import related_sort
from nonrel_backend.planner.refusal import Refused

ONE = dict(RULES)


@pytest.fixture
def books(library):
    """Books of authors of whom two have one name and one no address, and of no one."""
    for number, name in enumerate(
        ["b", "é", "B", "a", "b", "", "\U0001f600", "\ufb01"]
    ):
        email = None if number == 2 else f"{number}@x"
        library.Author.objects.create(name=name, email=email)
    keys = list(library.Author.objects.order_by("pk").values_list("pk", flat=True))
    nowhere = max(keys) + 1
    for number in range(18):
        library.Book.objects.create(
            title=f"t{number:02}",
            author_id=[*keys, nowhere][number % 9],
            editor_id=[None, *keys[1:4], nowhere][number % 5],
            pages=number % 4,
        )
    return library.Book.objects


def rows_by(rule, queryset):
    """The rows and the rule that has answered, if it takes the statement."""
    compiler = queryset.query.get_compiler(connection=connection)
    plan = choose(compiler, [(rule, ONE[rule])])
    found = compiler.python_results(plan, partial(converters_of, plan))
    return [tuple(row) for row in found], plan.decision()


@pytest.mark.parametrize(
    "order",
    [
        ["author__name", "pk"],
        ["-author__name", "title"],
        ["pages", "-author__name", "pk"],
        ["author__email", "-pages", "pk"],
        ["-author__email", "-pk"],
        ["editor__email", "pk"],
        ["-editor__name", "author__name", "-pages", "pk"],
    ],
)
def test_the_rows_are_sorted_as_the_local_engine_sorts_them(books, order):
    queryset = books.order_by(*order).values_list("title", "author__name")
    for found in (queryset, queryset[3:7], queryset.filter(pages__gt=0)):
        try:
            rows, decision = rows_by("related_sort", found)
        except Refused as refused:  # a store that does not filter
            assert refused.reason.startswith(connection.display_name)
            continue
        assert rows and rows == rows_by("local", found)[0]
        assert decision == "rule: related_sort"


def test_the_rows_are_objects_with_their_related_ones(books):
    found = books.select_related("author").order_by("-author__name", "title")
    first, *_ = found
    assert (first.author.name, first.title) == ("\U0001f600", "t06")
    assert all(book.author.pk == book.author_id for book in found)


def test_related_rows_of_several_levels_and_types_are_sorted(books, library):
    for number, book in enumerate(books.order_by("pk")):
        book.rating = [None, -1.5, 0.0, 2e10][number % 4]
        book.price = [None, Decimal("9.50"), Decimal("10.00")][number % 3]
        book.published = datetime(2020, 1, 1 + number % 5, tzinfo=UTC)
        book.in_print = number % 2
        book.save()
        token = UUID(int=(number * 7919 % 18) << 100)
        library.Copy.objects.create(token=token, book=book if number % 6 else None)
    for column in ("rating", "price", "published", "in_print", "author__name"):
        for sign in ("", "-"):
            found = library.Copy.objects.order_by(f"{sign}book__{column}", "token")
            found = found.values_list("token")
            expected, _ = rows_by("local", found)
            rows, decision = rows_by("related_sort", found)
            assert [UUID(str(key)) for (key,) in rows] == [
                UUID(str(key)) for (key,) in expected
            ]
            assert decision == "rule: related_sort"


def test_no_related_rows_are_read_where_there_are_no_rows(books, library, monkeypatch):
    found = books.filter(pages=99).order_by("author__name")
    fetched = connection.ops.query_class.fetch_converted
    tables = []

    def fetch_converted(self, *arguments):
        tables.append(self.table)
        return fetched(self, *arguments)

    monkeypatch.setattr(connection.ops.query_class, "fetch_converted", fetch_converted)
    try:
        rows, _ = rows_by("related_sort", found)
    except Refused:
        pytest.skip("the store does not filter")
    assert (rows, tables) == ([], ["library_book"])


def test_many_rows_are_sorted_by_the_local_engine(books, monkeypatch):
    monkeypatch.setattr(related_sort, "FEW_ROWS", 5)
    found = books.order_by("author__name", "pk").values_list("pk")
    rows, decision = rows_by("related_sort", found)
    assert rows == rows_by("local", found)[0]
    assert decision.endswith("refused: more than 5 rows are to be sorted")


def test_json_is_sorted_by_the_local_engine(library):
    with pytest.raises(Refused, match="the order is by"):
        rows_by("related_sort", library.Copy.objects.order_by("book__notes"))
