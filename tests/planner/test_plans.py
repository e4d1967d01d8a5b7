"""What is asked of any store for a query, and what is finished locally."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from django.apps.registry import Apps
from django.db import NotSupportedError, connection, connections, models
from django.db.models import Count, F, Value
from django.db.models.functions import TruncHour
from django.test.utils import CaptureQueriesContext

from nonrel_backend.planner import value_batches
from nonrel_backend.testing import forcing
from tests.tables import tables_of

from .test_related_extremes import missing_key


@pytest.fixture
def books(library):
    library.Author.objects.bulk_create(
        [library.Author(name=f"a{number}", email=f"{number}@x") for number in range(50)]
    )
    authors = list(library.Author.objects.order_by("pk"))
    library.Book.objects.bulk_create(
        [
            library.Book(title=f"t{number}", author=authors[number % 50], pages=number)
            for number in range(500)
        ]
    )
    return library.Book.objects


def test_a_filter_across_a_foreign_key_is_two_scans(books):
    plan = books.filter(author__name="a7").explain()
    first, second, decision = plan.splitlines()
    assert first.startswith("first") and "library_author" in first
    assert second.startswith("native") and "library_book" in second
    assert decision == "rule: rows"


def test_an_ordered_slice_is_the_stores(books):
    plan = books.order_by("pages")[:5].explain()
    assert plan.startswith("native") and "locally" not in plan


@pytest.mark.parametrize("rule", ["local", "streamed"])
def test_rows_of_a_composite_key_are_found_without_any_column(library, rule):
    library.Place.objects.create(room="a", number=1)
    library.Place.objects.create(room="a", number=2)
    with forcing.forced(rule):
        assert list(library.Place.objects.values_list(Value(7))) == [(7,), (7,)]
        assert library.Place.objects.count() == 2
        assert library.Place.objects.exists()


def test_every_plan_reads_datetimes_in_the_connections_time_zone(books, monkeypatch):
    book = books.filter(pages=7)
    book.update(published=datetime(2020, 1, 1, 12, tzinfo=UTC))
    known = vars(connections["default"])
    for name in ("UTC", "Asia/Tokyo"):
        zone = ZoneInfo(name)
        monkeypatch.setitem(known, "timezone", zone)
        monkeypatch.setitem(known, "timezone_name", name)
        for rule in ("rows", "streamed", "local"):
            with forcing.forced(rule):
                found = book.values_list("published", TruncHour("published"))
                assert set(*found) == {datetime(2020, 1, 1, 12, tzinfo=zone)}


def test_a_local_plan_that_takes_anothers_place_reads_the_related_rows(library):
    authors = library.Author.objects
    first = authors.create(name="first")
    second = authors.create(name="second", mentor=first)
    authors.create(name="a", mentor=second, born="2000-01-01")
    authors.create(name="b", mentor=second, born="2000-01-01")
    # The join repeats a row, which only its keys show.
    found = authors.filter(author__born="2000-01-01").select_related("mentor")
    assert [each.mentor for each in found] == [first, first]
    assert found.order_by("pk")[0].mentor == first


def test_a_relation_is_one_query_for_the_orm(books):
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert len(list(books.select_related("author")[:50])) == 50
    assert len(queries) == 1


def test_what_the_store_cannot_do_is_finished_locally(books):
    rows = books.annotate(double=F("pages") * 2).filter(double__gt=990)
    assert sorted(row.pages for row in rows) == [496, 497, 498, 499]
    assert "locally" in rows.explain()


def test_the_guard_names_the_scan(books, monkeypatch):
    monkeypatch.setitem(connection.settings_dict["OPTIONS"], "local_rows", 100)
    with pytest.raises(NotSupportedError, match="scan of library_book passed"):
        list(books.values("author__name").annotate(n=Count("title", distinct=True)))


def test_iterator_streams(books):
    assert sum(1 for _ in books.iterator(chunk_size=10)) == 500


def test_raw_sql_reads(books):
    with connection.cursor() as cursor:
        cursor.execute("SELECT COUNT(*) FROM library_book WHERE pages > %s", [489])
        assert cursor.fetchone() == (10,)


def test_more_keys_than_one_command_takes_are_joined_locally(books, monkeypatch):
    monkeypatch.setattr(value_batches, "MAX_VALUES", 5)
    inner = books.filter(pages__lt=20).values("author_id")
    for query in (
        books.filter(author__name__startswith="a1"),
        books.filter(author_id__in=inner),
    ):
        assert "locally" in query.explain(analyze=True)
        assert query.count() == len(query) > 50
    assert "locally" not in books.filter(author__name="a1").explain()


def test_a_query_of_nothing_answers_so(books):
    assert list(books.none()) == list(books.none().order_by("pk")) == []


def test_a_key_beyond_all_integers_is_none(books):
    assert list(books.filter(pk=2**70)) == list(books.filter(pk__lt=-(2**70))) == []


def test_a_row_without_its_related_one_takes_no_place_before_the_slice(books):
    key = missing_key(books.first().author_id)
    books.filter(pages__in=[0, 7]).update(author_id=key)
    rows = books.select_related("author").order_by("pages")
    for low, high, expected in (
        (0, 2, [1, 2]),
        (2, 4, [3, 4]),
        (5, 7, [6, 8]),
        (7, 8, [9]),
        (497, 600, [499]),
        (496, None, [498, 499]),
    ):
        assert [book.pages for book in rows[low:high]] == expected


def test_no_row_comes_in_the_order_of_an_index(library):
    class Event(models.Model):
        name = models.CharField(max_length=20)
        day = models.DateField(db_index=True)

        class Meta:
            app_label = "library"
            apps = Apps()

    with tables_of(Event):
        Event.objects.create(name="one", day=date(2020, 1, 1))
        assert Event.objects.filter(name="").order_by("day", "-pk").first() is None
