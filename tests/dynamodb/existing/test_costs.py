"""Warnings of scans of whole tables, and estimates of what a query will cost."""

import logging

import pytest

from nonrel_backend.dynamodb import costs


@pytest.fixture
def warnings(caplog, monkeypatch):
    """Return a function to the warnings since it was called last."""
    monkeypatch.setattr(costs, "warned", set())
    caplog.set_level(logging.WARNING, "nonrel_backend.dynamodb")

    def found():
        messages = [record.getMessage() for record in caplog.records]
        caplog.clear()
        return messages

    return found


def test_a_scan_of_a_whole_table_warns_once_for_each_shape(music, warnings):
    list(music.Song.objects.filter(plays=1, rating__gt=2))
    (warning,) = warnings()
    assert "Songs by plays__exact, rating__gt reads the whole table" in warning
    assert "global index on plays, rating" in warning
    list(music.Song.objects.filter(plays=2, rating__gt=3))
    assert warnings() == []
    list(music.Song.objects.filter(title__contains="x"))
    assert "No index can serve" in warnings()[0]


def test_other_queries_do_not_warn(music, warnings):
    list(music.Song.objects.all())
    list(music.Song.objects.filter(artist="Can").order_by("title"))
    list(music.Song.objects.eventually_consistent().filter(year=1970, rating=0))
    list(music.Song.objects.order_by("rating"))
    list(music.Band.objects.filter(name__in=map(str, range(2001))))
    music.Song.objects.filter(plays=1).explain()
    assert music.Song.objects.count() == 12
    assert warnings() == []


def test_an_index_is_what_our_own_tables_lack(library, warnings):
    list(library.Counter.objects.filter(value__gt=3))
    assert "Add db_index=True or a models.Index on value." in warnings()[0]
    list(library.Counter.objects.order_by("-value")[:3])
    assert "order of -value reads the whole table" in warnings()[0]


def test_explain_estimates_without_reading_rows(music, calls):
    songs = music.Song.objects
    assert "about 1 units in 1 requests for 12 rows" in songs.filter(plays=1).explain()
    one = songs.filter(pk=("Can", "song 1"))
    calls.clear()
    assert "about 1 units in 1 requests" in one.explain()
    assert [name for name, _ in calls] == ["describe_table"]
    assert "about 0.5 units in 1 requests" in one.eventually_consistent().explain()
    page = songs.filter(artist="Can").order_by("title")[:5]
    assert "about 1 units for 5 rows" in page.explain()


def test_explain_estimates_the_cost_of_entries(library):
    library.Author.objects.create(name="Ada")
    assert "units for each row" in library.Book.objects.filter(author=1).explain()
