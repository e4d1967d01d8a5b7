"""Min and Max of an indexed column across a many-to-many relation."""

import pytest
from django.db.models import Count, Max, Min, Q

from nonrel_backend.planner.plans import related_extremes
from nonrel_backend.planner.refusal import OtherShape, Refused

from .test_rules import answer, planned


@pytest.fixture
def genres(library):
    """The last genre has no book, and one book is not there."""
    library.Author.objects.create(name="a")
    library.Genre.objects.bulk_create(library.Genre(name=f"g{n}") for n in range(5))
    genres = list(library.Genre.objects.order_by("name"))
    author = library.Author.objects.get()
    for n in range(30):
        book = library.Book.objects.create(title="t", author=author, pages=n * 7 % 30)
        book.genres.set(genres[: n % 3 if n < 20 else 4])
    link = library.Book.genres.through
    missing = genres[-1].pk
    link.objects.create(book_id=missing_key(missing), genre_id=missing)
    return library.Genre.objects


def missing_key(key):
    """A key of the type of another that no row has."""
    return type(key)("f" * 24) if isinstance(key, str) else 10**6


ROWS = {
    "greatest": lambda genres: genres.annotate(x=Max("book__pages")),
    "least": lambda genres: genres.annotate(x=Min("book__pages")),
    "default": lambda genres: genres.annotate(x=Max("book__pages", default=-1)),
    "some": lambda genres: genres.filter(name__gt="g1").annotate(x=Max("book__pages")),
}


@pytest.mark.parametrize("most", [20_000, 3])
@pytest.mark.parametrize("name", ROWS)
def test_the_walk_finds_what_all_rows_tell(genres, name, most, monkeypatch):
    monkeypatch.setattr(related_extremes, "FIRST_BATCH", 2)
    monkeypatch.setattr(related_extremes, "MOST_WALKED", most)
    rows = ROWS[name](genres).order_by("name").values_list("name", "x")
    expected = answer(rows, "local")
    assert len({value for _, value in expected}) > 1
    assert list(rows) == expected and list(rows[1:3]) == expected[1:3]


def test_a_store_that_orders_walks(genres):
    rows = ROWS["greatest"](genres)
    try:
        _, plan = planned(rows, "related_extremes")
    except Refused as refused:
        assert not isinstance(refused, OtherShape)
        return
    assert "until each has a value" in "\n".join(plan.explain(False))


@pytest.mark.parametrize(
    "rows",
    [
        lambda genres: genres.annotate(x=Max("book__pages", filter=Q(book__pages=3))),
        lambda genres: genres.annotate(x=Max("book__price")),
        lambda genres: genres.annotate(x=Max("book__pages"), n=Count("book")),
        lambda genres: genres.annotate(x=Max("book__pages")).filter(x__gt=3),
        lambda genres: genres.filter(book__pages__gt=3).annotate(x=Max("book__pages")),
        lambda genres: genres.values("name").annotate(x=Max("book__pages")),
    ],
    ids=["filter", "no index", "two", "having", "where", "other groups"],
)
def test_other_statements_are_not_walked(genres, rows):
    with pytest.raises(Refused):
        planned(rows(genres), "related_extremes")
