"""Queries that only Django 6.1 has give what they give on SQLite."""

import sqlite3

import pytest
from django.core.exceptions import FieldFetchBlocked
from django.db import connection, models
from django.db.models import F, OuterRef, Q, Subquery, Value
from django.test.utils import CaptureQueriesContext

DATABASES = ("default", "oracle")


@pytest.fixture
def books(library):
    """Return the models, with three books by two authors in both databases."""
    for using in DATABASES:
        for number, name in enumerate("ab", 1):
            library.Author(pk=number, name=name, email=name).save(using=using)
        for pages, author in ((3, 1), (6, 1), (12, 2)):
            library.Book(
                pk=pages, title=f"t{pages}", author_id=author, pages=pages, notes=[1, 2]
            ).save(using=using)
        for number, room in ((1, "a"), (2, "a"), (1, "b")):
            place = library.Place(room=room, number=number, note=f"{room}{number}")
            place.save(using=using)
    return library


def on_both(query):
    """Return what query(using) returns for the backend; it is the same on SQLite."""
    answer, expected = (query(using) for using in DATABASES)
    assert answer == expected
    return answer


def test_peers_are_fetched_together(books):
    found = list(books.Book.objects.fetch_mode(models.FETCH_PEERS).order_by("pk"))
    with CaptureQueriesContext(connection) as captured:
        assert [book.author.name for book in found] == ["a", "a", "b"]
    assert len(captured) == 1
    found = list(books.Book.objects.fetch_mode(models.FETCH_PEERS).only("pk"))
    with CaptureQueriesContext(connection) as captured:
        assert sorted(book.title for book in found) == ["t12", "t3", "t6"]
    assert len(captured) == 1


def test_fetching_is_refused(books):
    book = books.Book.objects.fetch_mode(models.FETCH_RAISE).defer("notes").first()
    for name in ("author", "notes"):
        with pytest.raises(FieldFetchBlocked):
            getattr(book, name)
    assert book.title


def test_any_value(books):
    def query(using):
        groups = books.Book.objects.using(using).values("author__name")
        found = groups.annotate(
            email=models.AnyValue("author__email"),
            few=models.AnyValue("pages", filter=Q(pages__gt=10)),
        )
        return list(found.order_by("author__name").values_list("email", "few"))

    assert on_both(query) == [("a", None), ("b", 12)]


def test_bits(books):
    def query(using):
        return books.Book.objects.using(using).aggregate(
            all=models.BitAnd("pages"),
            any=models.BitOr("pages"),
            odd=models.BitXor("pages"),
        )

    assert on_both(query) == {"all": 0, "any": 15, "odd": 9}


@pytest.mark.skipif(sqlite3.sqlite_version_info < (3, 44), reason="no ORDER BY in them")
def test_texts_are_joined_in_an_order(books):
    def query(using):
        titles = models.StringAgg("title", delimiter=Value("; "), order_by="-pages")
        authors = books.Author.objects.using(using)
        joined = models.StringAgg(
            "books__title", delimiter=Value("/"), order_by="books__pages"
        )
        return (
            books.Book.objects.using(using).aggregate(all=titles)["all"],
            list(authors.annotate(titles=joined).order_by("pk").values("titles")),
        )

    joined, each = on_both(query)
    assert joined == "t12; t6; t3"
    assert each == [{"titles": "t3/t6"}, {"titles": "t12"}]


def test_texts_are_joined_in_groups(books):
    def query(using):
        joined = models.StringAgg("books__title", delimiter=Value("; "))
        found = books.Author.objects.using(using).annotate(titles=joined)
        texts = found.order_by("pk").values_list("titles", flat=True)
        return [sorted(text.split("; ")) for text in texts]

    assert on_both(query) == [["t3", "t6"], ["t12"]]


def test_distinct_texts_are_joined(books):
    def query(using):
        names = models.StringAgg("author__name", delimiter=Value(","), distinct=True)
        found = books.Book.objects.using(using).aggregate(all=names)["all"]
        return sorted(found.split(","))

    assert on_both(query) == ["a", "b"]


def test_composite_keys_in_lookups_of_subqueries(books):
    def query(using):
        places = books.Place.objects.using(using)
        first = books.Place.objects.using(using).filter(room="a").order_by("number")
        return [
            list(found.order_by("pk").values_list("note", flat=True))
            for found in (
                places.filter(pk__in=[("a", 2), ("b", 1)]),
                places.filter(pk__in=places.filter(number=1).values("pk")),
                places.filter(pk=first.values("pk")[:1]),
                places.filter(pk__gt=("a", 1)),
                places.exclude(pk__in=first.values("pk")),
                places.filter(
                    pk__in=books.Place.objects.using(using)
                    .filter(note=OuterRef("note"), number=2)
                    .values("pk")
                ),
            )
        ]

    assert on_both(query) == [
        ["a2", "b1"],
        ["a1", "b1"],
        ["a1"],
        ["a2", "b1"],
        ["b1"],
        ["a2"],
    ]


def test_composite_keys_in_raw_sql_and_in_bulk(books):
    def query(using):
        places = books.Place.objects.using(using)
        sql = "SELECT room, number, note FROM library_place WHERE number = %s"
        raw = places.raw(f"{sql} ORDER BY room", [1])
        return (
            [(place.pk, place.note) for place in raw],
            places.in_bulk([("a", 1), ("c", 1)]).keys(),
            places.values_list("note", flat=True).in_bulk([("a", 2)]),
        )

    raw, keys, values = on_both(query)
    assert raw == [(("a", 1), "a1"), (("b", 1), "b1")]
    assert list(keys) == [("a", 1)]
    assert values == {("a", 2): "a2"}


def test_composite_keys_of_subqueries_as_values(books):
    def query(using):
        others = books.Place.objects.using(using).filter(room=OuterRef("room"))
        found = books.Place.objects.using(using).annotate(
            highest=Subquery(others.order_by("-number").values("number")[:1])
        )
        return list(found.filter(number=F("highest")).values_list("pk").order_by("pk"))

    assert on_both(query) == [(("a", 2),), (("b", 1),)]


def test_json_null_and_the_last_of_a_list(books):
    for using in DATABASES:
        books.Book.objects.using(using).filter(pk=3).update(notes=models.JSONNull())

    def query(using):
        found = books.Book.objects.using(using).order_by("pk")
        return [
            list(found.filter(**{lookup: value}).values_list("pk", flat=True))
            for lookup, value in (
                ("notes", models.JSONNull()),
                ("notes__isnull", True),
                ("notes__-1", 2),
                ("notes__-2", 2),
            )
        ]

    assert on_both(query) == [[3], [], [6, 12], []]


def test_a_union_keeps_the_order_of_its_models(books):
    def query(using):
        found = books.Book.objects.using(using)
        both = found.filter(pages=3).union(found.filter(pages=12))
        return list(both.order_by("-pages").values_list("pages", flat=True))

    assert on_both(query) == [12, 3]
