"""Expressions, grouping and updates that MongoDB computes, as SQLite does."""

from datetime import UTC, date, datetime
from uuid import UUID

import pytest
from django.db import DataError, connection
from django.db.models import (
    Avg,
    Case,
    Count,
    F,
    IntegerField,
    Max,
    Min,
    Q,
    StdDev,
    Sum,
    Value,
    Variance,
    When,
)
from django.db.models.functions import (
    Coalesce,
    ExtractMonth,
    ExtractQuarter,
    ExtractYear,
    TruncMonth,
    TruncYear,
)
from django.test.utils import CaptureQueriesContext
from django.utils import timezone


@pytest.fixture
def books(library):
    """The same rows in both databases: NULLs, repeated values, dates at boundaries."""
    for alias in ("default", "oracle"):
        library.Author.objects.using(alias).bulk_create(
            [
                library.Author(
                    pk=number,
                    name=f"a{number}",
                    email=f"{number}@x",
                    born=None if number % 4 == 0 else date(1969 + number, 12, 31),
                )
                for number in range(1, 8)
            ]
        )
        library.Book.objects.using(alias).bulk_create(
            [
                library.Book(
                    pk=number,
                    title=f"t{number % 5}",
                    author_id=1 + number % 6,
                    pages=number % 7 - 3,
                    rating=None if number % 3 == 0 else number / 4,
                    price=None if number % 5 == 0 else f"{number}.25",
                    published=datetime(2020, 1 + number % 12, 28, tzinfo=UTC),
                    in_print=number % 2 == 0,
                )
                for number in range(1, 40)
            ]
        )
    return library.Book.objects


WHERE = Q(pages__gt=0) | Q(rating__isnull=True)
CASES = Case(
    When(pages__gt=1, then=Value(1)),
    When(~Q(rating__gt=4), then=Value(2)),
    When(pages__in=[-3, 0], then=F("pages")),
    output_field=IntegerField(),
)
QUERIES = {
    "a filter argument": lambda books: books.values("title").annotate(
        n=Count("pk", filter=WHERE), s=Sum("pages", filter=Q(in_print=True))
    ),
    "COUNT(DISTINCT)": lambda books: books.values("title").annotate(
        n=Count("rating", distinct=True), m=Count("pages", distinct=True)
    ),
    "deviations": lambda books: books.values("title").annotate(
        a=StdDev("pages"), b=StdDev("pages", sample=True), c=Variance("pages")
    ),
    "HAVING": lambda books: (
        books.values("title")
        .annotate(n=Count("pk"), top=Max("rating"))
        .filter(Q(n__gt=7) | ~Q(top__lt=9))
    ),
    "HAVING on a sum of NULLs": lambda books: (
        books.values("pages")
        .annotate(s=Sum("rating", filter=Q(pages__gt=0)))
        .filter(s__isnull=True)
    ),
    "an aggregate of an expression": lambda books: books.values("title").annotate(
        s=Sum(F("pages") * 2 - F("rating")), low=Min(F("pages") + 1)
    ),
    "grouped by an expression": lambda books: books.values(
        month=TruncMonth("published"), quarter=ExtractQuarter("published")
    ).annotate(n=Count("pk")),
    "a default": lambda books: books.values("title").annotate(
        s=Sum("rating", filter=Q(pages__gt=2), default=0.5)
    ),
    "CASE, computed": lambda books: books.values_list("pk", CASES),
    "arithmetic, computed": lambda books: books.annotate(
        n=F("pages") * 3 - F("rating"), m=F("pages") + 1
    ).values_list("pk", "n", "m"),
    "parts of dates, computed": lambda books: books.values_list(
        "pk",
        ExtractYear("published"),
        ExtractMonth("published"),
        TruncYear("published"),
    ),
    "COALESCE, computed": lambda books: books.values_list(
        "pk", Coalesce("rating", Value(0.5))
    ),
    "ordered and limited": lambda books: (
        books.values("title")
        .annotate(n=Count("pk"), s=Avg("rating"))
        .order_by("-n", "title")[1:4]
    ),
}


def rounded(row):
    values = row.values() if isinstance(row, dict) else row
    return tuple(round(each, 9) if type(each) is float else each for each in values)


@pytest.mark.parametrize("name", QUERIES)
def test_mongodb_answers_as_sqlite_does(books, name):
    with timezone.override(UTC):
        compare(QUERIES[name](books))


def compare(query):
    assert query.explain().startswith("native"), query.explain()
    rows = sorted(map(rounded, query), key=repr)
    assert rows == sorted(map(rounded, query.using("oracle")), key=repr)
    assert rows


@pytest.mark.parametrize("found", [True, False])
def test_aggregates_of_all_rows_and_of_none(books, found):
    rows = books.filter(pages__gt=-9 if found else 9)
    wanted = {
        "n": Count("pk"),
        "kinds": Count("title", distinct=True),
        "s": Sum("pages"),
        "d": Sum("rating", default=1.5),
        "v": Variance("pages"),
        "top": Max("published"),
        "mean": Avg("price"),
    }
    here = rows.aggregate(**wanted)
    there = rows.using("oracle").aggregate(**wanted)
    assert here == {
        key: pytest.approx(value) if isinstance(value, float) else value
        for key, value in there.items()
    }


CHANGES = {
    "Counter": [
        {"value": F("value") * 2 + 1},
        {"value": Coalesce(F("value"), Value(4)), "name": F("name")},
        {
            "value": Case(
                When(value__gt=4, then=Value(1)),
                When(~Q(name="3"), then=F("value") - 7),
                default=Value(0),
            )
        },
    ],
    "Author": [
        {"email": F("name"), "name": "x"},
        {"email": Case(When(born__year=1972, then=F("name"))), "born": None},
        {"born": Case(When(email=None, then=F("born")), default=F("born"))},
    ],
}


@pytest.mark.parametrize(
    ("model", "change"),
    [(model, change) for model, changes in CHANGES.items() for change in changes],
    ids=str,
)
def test_an_update_by_expressions_is_one_command(books, library, model, change):
    rows = getattr(library, model).objects
    tables = [rows, rows.using("oracle")]
    if model == "Counter":
        for table in tables:
            table.bulk_create(
                [
                    rows.model(pk=number, name=str(number), value=number)
                    for number in range(9)
                ]
            )
    with CaptureQueriesContext(connection) as queries:
        assert tables[0].filter(pk__gt=2).update(**change) > 4
    assert len(queries) == 1 and "find(" in queries[0]["sql"]
    tables[1].filter(pk__gt=2).update(**change)
    here, there = (list(table.order_by("pk").values_list()) for table in tables)
    assert here == there


def test_null_computed_by_an_update_is_a_missing_field(books, library):
    library.Author.objects.update(born=Case(When(name="a1", then=F("born"))))
    documents = connection.database["library_author"]
    assert [each["name"] for each in documents.find({"born": {"$exists": 1}})] == ["a1"]


def test_a_sum_past_64_bits_is_an_error_and_nothing_is_written(library):
    counter = library.Counter.objects.create(name="a", value=4)
    with pytest.raises(DataError):
        library.Counter.objects.update(value=F("value") * 2**62)
    assert library.Counter.objects.get() == counter
    assert library.Counter.objects.get().value == 4


def test_what_mongodb_would_answer_otherwise_is_left_to_the_planner(books):
    for query in (
        books.annotate(half=F("pages") / 2),
        books.annotate(n=F("pages") + F("price")),
        books.values("notes").annotate(n=Count("pk")),
    ):
        assert not query.explain().startswith("native")
        list(query)


RELATED = {
    "counted": lambda authors: authors.annotate(n=Count("books")).order_by("pk"),
    "two aggregates, a filter, a slice": lambda authors: (
        authors.annotate(
            n=Count("books", filter=Q(books__pages__gt=0)),
            s=Sum("books__rating", default=0.5),
            top=Max("books__published"),
        )
        .filter(name__gt="a2")
        .order_by("-name")[1:4]
    ),
    "of links": lambda authors: authors.model.books.rel.related_model.objects.annotate(
        n=Count("genres", distinct=True)
    ).filter(pages__gt=1),
    "the first by count": lambda authors: (
        authors.annotate(n=Count("books"))
        .order_by("-n", "pk")
        .values_list("name", "n")[:3]
    ),
    "further on": lambda authors: (
        authors.annotate(top=Max("books__pages"))
        .order_by("-top", "-pk")
        .values_list("pk", "top")[1:4]
    ),
}


@pytest.mark.parametrize("name", RELATED)
def test_what_is_related_is_grouped_by_mongodb(books, library, name):
    query = RELATED[name](library.Author.objects)
    assert query.explain().startswith("native"), query.explain()
    there = list(query.using("oracle"))
    assert list(query) == there and there
    if not isinstance(there[0], tuple):
        columns = list(query.query.annotations)
        assert [[getattr(row, column) for column in columns] for row in query] == [
            [getattr(row, column) for column in columns] for row in there
        ]


def test_an_author_without_books_is_among_the_last_by_count(books, library):
    query = library.Author.objects.annotate(n=Count("books")).order_by("-n", "pk")
    for limit in (6, 7, 20):
        rows = list(query[:limit].values_list("pk", "n"))
        assert rows == list(query.using("oracle")[:limit].values_list("pk", "n"))
    assert rows[-1] == (7, 0)


def test_a_key_that_leads_nowhere_takes_no_place_among_the_first(books, library):
    library.Author.objects.filter(pk=2)._raw_delete("default")
    query = library.Author.objects.annotate(n=Count("books")).order_by("-n", "pk")[:3]
    assert list(query.values_list("pk", "n")) == [(3, 7), (4, 7), (1, 6)]


def test_a_group_by_coalesce_of_one_column_twice(library):
    library.Author.objects.create(name="Ann", email="a@x")
    authors = library.Author.objects.annotate(
        contact=Coalesce(Coalesce("email", "name"), "email")
    )
    assert list(authors.values_list("contact").annotate(n=Count("pk"))) == [("a@x", 1)]


def test_a_group_by_case_of_one_column_twice(books, library):
    case = Case(
        *(When(pages=pages, then=F("rating")) for pages in (1, 2, 3)),
        default=F("rating"),
    )
    for names, more in [(["r"], {"r": case}), (["author"], {}), (["pages"], {})]:
        query = library.Book.objects.annotate(**more).values(*names)
        query = query.annotate(n=Sum(case), m=Count(case, distinct=True)).order_by()
        assert query.explain().startswith("native")
        found, wanted = query.all(), query.using("oracle")
        assert sorted(map(str, found)) == sorted(map(str, wanted))
        assert len(found) > 2


def test_an_aggregate_may_be_filtered_by_a_json_key_across_a_key(library):
    author = library.Author.objects.create(name="Ann")
    book = library.Book.objects.create(author=author, pages=1, notes={"k": 1})
    library.Copy.objects.create(token=UUID(int=1), book=book)
    has_key = Q(book__notes__k__isnull=False)
    assert library.Copy.objects.aggregate(n=Count("pk", filter=has_key)) == {"n": 1}
