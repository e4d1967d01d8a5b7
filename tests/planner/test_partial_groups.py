"""GROUP BY over joins: the store groups the many rows, the local engine finishes."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.db import connection
from django.db.models import Avg, Count, F, IntegerField, Max, Min, Q, StdDev, Sum
from django.db.models.functions import Coalesce, TruncDate
from django.test.utils import CaptureQueriesContext

from nonrel_backend.planner.refusal import Refused
from nonrel_backend.planner.rules import partial_groups

from .test_rules import answer, rule_of


def store_groups():
    return connection.vendor == "mongodb"


@pytest.fixture
def models(library):
    """Authors without books and without a name of their own; books without an editor,
    and with one that is not there.
    """
    library.Author.objects.bulk_create(
        library.Author(name=f"a{n % 3}", email=f"{n}@x") for n in range(6)
    )
    library.Genre.objects.bulk_create(library.Genre(name=f"g{n}") for n in range(4))
    authors = list(library.Author.objects.order_by("email"))
    editors = [None, authors[0].pk, authors[5].pk, missing_key(authors[0].pk)]
    library.Book.objects.bulk_create(
        library.Book(
            title=f"t{n % 4}",
            author=authors[n % 4],
            editor_id=editors[n % 4],
            pages=n % 7,
            price=None if n % 5 == 0 else Decimal(n) / 100,
            rating=n / 10,
            published=datetime(2020, 1, 1 + n % 3, 23, 59, tzinfo=UTC),
        )
        for n in range(24)
    )
    genres = list(library.Genre.objects.order_by("name"))
    for n, book in enumerate(library.Book.objects.order_by("price", "pages")[:16]):
        book.genres.set(genres[n % 2 : 1 + n % 3])
    return library


def missing_key(key):
    """A key of the type of another that no row has."""
    return type(key)("f" * 24) if isinstance(key, str) else 10**6


QUERIES = {
    "forward": lambda m: m.Book.objects.values("author__name").annotate(
        n=Count("pk"), total=Sum("pages"), mean=Avg("pages"), low=Min("price")
    ),
    "outer": lambda m: m.Book.objects.values("editor__name").annotate(
        n=Count("*"), known=Count("editor__name"), most=Max("published")
    ),
    "reverse": lambda m: m.Author.objects.values("name").annotate(
        n=Count("books"), total=Sum("books__pages"), mean=Avg("books__price")
    ),
    "having": lambda m: (
        m.Author.objects.values("name")
        .annotate(n=Count("books"))
        .filter(Q(n__gt=11) | Q(name="a1"))
    ),
    "rows of an outer join": lambda m: m.Author.objects.values("name").annotate(
        n=Count("*"), mails=Count("email")
    ),
    "filtered": lambda m: m.Author.objects.values("name").annotate(
        n=Count("books", filter=Q(books__pages__gt=2)),
        dear=Sum("books__price", filter=Q(books__price__gte=Decimal("0.07"))),
        other=Count("pk", filter=Q(name="a1")),
    ),
    "filtered beside all": lambda m: m.Author.objects.values("name").annotate(
        n=Count("books"),
        some=Count("books", filter=Q(books__pages__gt=2)),
        few=Count("books", filter=Q(books__pages__gt=5)),
        low=Min("books__pages", filter=Q(books__pages__gt=2)),
        lowest=Min("books__pages"),
    ),
    "distinct": lambda m: m.Author.objects.values("name").annotate(
        n=Count("books__pages", distinct=True), rows=Count("books")
    ),
    "defaults": lambda m: m.Author.objects.values("email").annotate(
        total=Sum("books__pages", default=-1), low=Coalesce(Min("books__pages"), 9)
    ),
    "where": lambda m: (
        m.Book.objects.filter(pages__gt=1, author__name__in=["a0", "a1"])
        .values("author__email")
        .annotate(n=Count("pk"), mean=Avg("price"))
    ),
    "links": lambda m: m.Genre.objects.values("name").annotate(n=Count("book")),
    "days": lambda m: m.Book.objects.values(day=TruncDate("published")).annotate(
        n=Count("pk"), pages=Sum("pages")
    ),
    "dates": lambda m: m.Book.objects.values_list("author__name", "pages").distinct(),
    "weights": lambda m: m.Book.objects.values("pages").annotate(
        names=Count("author__name"), mean=Avg("author_id"), most=Max("author__name")
    ),
    "computed": lambda m: m.Book.objects.values("author__name").annotate(
        per_book=Sum("pages") * 10 + Count("pk")
    ),
}


@pytest.mark.parametrize("name", QUERIES)
def test_partial_groups_answer_as_rows_do(models, name):
    rows = QUERIES[name](models).order_by()
    expected = answer(rows.values_list(*fields_of(rows)), "local")
    found = [tuple(row) for row in rows.values_list(*fields_of(rows))]
    assert len(expected) > 1 and sorted(map(repr, found)) == sorted(map(repr, expected))


def fields_of(rows):
    """The names of the columns of values()."""
    return list(rows.query.values_select) + list(rows.query.annotation_select)


@pytest.mark.parametrize("name", ["forward", "reverse", "filtered", "where", "links"])
def test_a_store_that_groups_does_so_first(models, name):
    plan = rule_of(QUERIES[name](models).order_by())
    if not store_groups():
        assert "partial" not in plan.decision().partition(";")[0]
        return
    assert plan.decision().startswith("rule: partial_groups")
    text = "\n".join(plan.explain(False))
    assert "partial groups, finished locally" in text and "$group" in text


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        (
            lambda m: m.Author.objects.values("name").annotate(Avg("books__rating")),
            "Avg('rating') has no exact partial sums",
        ),
        (
            lambda m: m.Author.objects.values("name").annotate(StdDev("books__pages")),
            "StdDev('pages') has no partial aggregates",
        ),
        (
            lambda m: m.Author.objects.values("name").annotate(
                x=Sum(F("books__pages") * F("mentor_id"), output_field=IntegerField())
            ),
            "is of columns of several tables",
        ),
        (
            lambda m: m.Author.objects.values("name").annotate(
                Count("books"), Count("edited")
            ),
            "library_book is joined to itself",
        ),
        (
            lambda m: m.Genre.objects.values("name").annotate(Max("book__pages")),
            "each row of library_book_genres would be a group of its own",
        ),
    ],
)
def test_what_has_no_exact_partial_aggregates_is_finished_from_rows(
    models, rows, reason
):
    decision = rule_of(rows(models)).decision()
    assert decision.startswith("rule: local")
    if store_groups():
        assert reason in decision


OVER_GROUPS = {
    "count": lambda m: (
        m.Author.objects.values("name").annotate(n=Count("books")).filter(n=6).count()
    ),
    "aggregate": lambda m: (
        m.Author.objects.values("name")
        .annotate(n=Count("books"), low=Min("books__price"))
        .aggregate(most=Max("n"), mean=Avg("n"), least=Min("low"), rows=Count("*"))
    ),
    "filtered": lambda m: (
        m.Book.objects.filter(pages__gt=2)
        .values("author__name", "pages")
        .annotate(total=Sum("pages"))
        .aggregate(x=Sum("total", filter=Q(total__gt=4)))
    ),
    "distinct": lambda m: m.Book.objects.values("author__name").distinct().count(),
}


@pytest.mark.parametrize("name", OVER_GROUPS)
def test_aggregates_over_groups_answer_as_rows_do(models, name, monkeypatch):
    with CaptureQueriesContext(connection) as queries:
        found = OVER_GROUPS[name](models)
    assert not store_groups() or "$group" in queries[0]["sql"]

    def refuse(*arguments, **options):
        raise Refused("not here")

    monkeypatch.setattr(partial_groups, "plan", refuse)
    assert found and found == OVER_GROUPS[name](models)
