"""Reads that are eventually consistent, and DynamoDB's own indexes for these."""

import pytest
from django.apps.registry import Apps
from django.core.exceptions import ImproperlyConfigured
from django.db import models, transaction


@pytest.fixture
def reads(calls, music):
    """Return a function: what a query asks for, as (operation, index, consistent)."""
    # The catalog's entry is read first, and cached.
    music.Song.objects.count()

    def asked(query):
        calls.clear()
        list(query)
        return [
            (name, each.get("IndexName"), each["ConsistentRead"])
            for name, each in calls
            if name in ("get_item", "query", "scan")
        ]

    return asked


def test_queries_are_consistent_by_default(music, reads):
    assert reads(music.Song.objects.filter(artist="Can")) == [("query", None, True)]
    assert reads(music.LateSong.objects.consistent()[:1]) == [("scan", None, True)]


def test_a_query_and_a_model_may_ask_for_old_rows(music, reads):
    late = music.Song.objects.eventually_consistent()
    assert reads(late.filter(artist="Can")) == [("query", None, False)]
    assert reads(late.filter(pk=("Can", "song 1"))) == [("get_item", None, False)]
    assert reads(music.LateSong.objects.all()[:1]) == [("scan", None, False)]


def test_a_connection_may_ask_for_old_rows(music, store, reads, monkeypatch):
    options = {**store.settings_dict["OPTIONS"], "consistent": False}
    monkeypatch.setitem(store.settings_dict, "OPTIONS", options)
    assert reads(music.Song.objects.all()[:1]) == [("scan", None, False)]
    assert reads(music.Song.objects.consistent()[:1]) == [("scan", None, True)]


def test_native_indexes_are_used_where_old_rows_will_do(music, reads):
    query = music.Song.objects.filter(year=1971, rating__gte=2).order_by("-rating")
    assert [("scan", None, True)] == reads(query)
    late = query.eventually_consistent()
    assert reads(late) == [("query", "by-year", False)]
    assert [each.title for each in late] == ["song 10", "song 7", "song 4"]


def test_one_query_with_a_limit_finds_a_page_of_an_index(music, calls):
    query = music.Song.objects.eventually_consistent().filter(year=1970, rating__lt=9)
    assert query.order_by("rating").count() == 3
    calls.clear()
    assert [each.title for each in query.order_by("rating")[:2]] == ["song 0", "song 3"]
    ((name, parameters),) = calls
    assert (name, parameters["Limit"]) == ("query", 2)


def test_an_index_that_may_lack_rows_is_not_used(music, store, reads):
    from .conftest import ITEMS, put

    item = {name: ITEMS[0][name] for name in ("Artist", "year")}
    put(store, "Songs", {**item, "Title": {"S": "unrated"}})
    query = music.Song.objects.eventually_consistent().filter(year=1970)
    assert "unrated" in {each.title for each in query}
    assert reads(query.all()) == [("scan", None, False)]
    assert query.filter(rating__isnull=True).get().title == "unrated"
    assert query.filter(rating__isnull=False).count() == 4
    assert reads(query.filter(rating__isnull=False)) == [("query", "by-year", False)]


def test_writes_read_rows_as_they_are(music, calls):
    late = music.LateSong.objects.filter(year=1971)
    calls.clear()
    assert late.update(plays=1) == 4
    assert late.filter(title="song 1").delete()[0] == 1
    late.get_or_create(artist_id="Can", title="song 4")
    assert {
        each["ConsistentRead"] for _, each in calls if "ConsistentRead" in each
    } == {True}


def test_transactions_read_old_rows_only_if_a_query_asks(music, reads):
    with transaction.atomic():
        assert reads(music.LateSong.objects.all()[:1]) == [("scan", None, True)]
        late = music.LateSong.objects.eventually_consistent()
        assert reads(late[:1]) == [("scan", None, False)]
        # What the block has written is seen all the same.
        song = music.LateSong.objects.get(title="song 1")
        song.year = 1990
        song.save()
        assert late.get(year=1990) == song
        locked = late.select_for_update().filter(title="song 2")
        assert reads(locked) == [("scan", None, True)]


def test_a_union_is_eventually_consistent_if_all_its_parts_are(music, reads):
    late = music.Song.objects.eventually_consistent().filter(artist="Can")
    assert {each[2] for each in reads(late.union(late.all()))} == {False}
    both = late.union(music.Song.objects.filter(artist="Can"))
    assert {each[2] for each in reads(both)} == {True}


def test_explain_says_that_a_query_is_eventually_consistent(music):
    query = music.Song.objects.filter(year=1971, rating=1)
    assert "eventually consistent" not in query.explain()
    assert "eventually consistent [index by-" in query.eventually_consistent().explain()


@pytest.fixture
def made(databases):
    """Return a model of a table of ours, with a global and a local index."""
    from nonrel_backend.dynamodb.indexes import GlobalIndex, LocalIndex
    from nonrel_backend.dynamodb.managers import DynamoDBManager

    class Visit(models.Model):
        pk = models.CompositePrimaryKey("page", "at")
        page = models.CharField(max_length=20)
        at = models.IntegerField()
        seconds = models.IntegerField()
        country = models.CharField(max_length=20, null=True)
        objects = DynamoDBManager()

        class Meta:
            app_label = "existing"
            apps = Apps()
            indexes = [
                GlobalIndex(
                    fields=["country", "seconds"], name="by_country", projection="keys"
                ),
                LocalIndex(fields=["page", "seconds"], name="by_seconds"),
            ]

    store = databases["default"]
    with store.schema_editor() as editor:
        editor.create_model(Visit)
    yield Visit
    with store.schema_editor() as editor:
        editor.delete_model(Visit)


def test_indexes_of_our_own_tables_are_used(made, calls):
    rows = [
        made(page=page, at=at, seconds=10 - at, country=country)
        for at in range(4)
        for page, country in (("a", "de"), ("b", None))
    ]
    made.objects.bulk_create(rows)
    late = made.objects.eventually_consistent()

    def asked(query):
        calls.clear()
        found = [(each.page, each.at) for each in query]
        return found, [(name, each.get("IndexName")) for name, each in calls]

    by_seconds = late.filter(page="a").order_by("seconds")[:2]
    assert asked(by_seconds) == ([("a", 3), ("a", 2)], [("query", "by_seconds")])
    # Of the index are the keys only.
    found, requests = asked(late.filter(country="de").order_by("-seconds")[:2])
    assert found == [("a", 0), ("a", 1)]
    assert requests == [("query", "by_country"), ("batch_get_item", None)]
    found, requests = asked(late.filter(country__isnull=True))
    assert len(found) == 4 and requests[0][0] == "scan"
    assert made.objects.filter(country="de").update(seconds=1) == 4
    assert late.filter(country="de", seconds=1).count() == 4


def test_options_of_unmanaged_models_are_refused_for_others(made):
    class DynamoMeta:
        where = models.Q(page="a")

    made.DynamoMeta = DynamoMeta
    with pytest.raises(ImproperlyConfigured, match="managed = False"):
        made.objects.count()
