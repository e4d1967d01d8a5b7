"""raw_query() and partiql(): DynamoDB's own operations into instances."""

import pytest
from django.db import NotSupportedError, ProgrammingError

YEAR = {
    "IndexName": "by-year",
    "KeyConditionExpression": "#y = :y AND rating > :r",
    "ExpressionAttributeNames": {"#y": "year"},
}


def test_raw_query_finds_instances(music, calls):
    values = {":y": 1971, ":r": {"N": "1"}}
    found = music.Song.objects.raw_query(**YEAR, ExpressionAttributeValues=values)
    songs = list(found)
    assert [each.title for each in songs] == ["song 4", "song 7", "song 10"]
    assert songs[0].tags == {"kraut", "rock"}
    assert songs[0].label.name == "Spoon"
    assert songs[0].artist.country == "Germany"
    songs[0].plays = 3
    songs[0].save()
    assert music.Song.objects.get(plays=3) == songs[0]


def test_raw_query_without_a_key_condition_is_a_scan_in_pages(music, monkeypatch):
    from nonrel_backend.dynamodb.client import Client

    call, pages = Client.call, []

    def small(self, operation, **parameters):
        if operation == "scan":
            pages.append(parameters)
            parameters["Limit"] = 5
        return call(self, operation, **parameters)

    monkeypatch.setattr(Client, "call", small)
    assert len(list(music.Song.objects.raw_query())) == 12
    assert len(pages) == 3
    filtered = music.Song.objects.raw_query(
        FilterExpression="rating >= :r", ExpressionAttributeValues={":r": 10.0}
    )
    assert {each.title for each in filtered} == {"song 10", "song 11"}


def test_with_limit_raw_query_is_one_page(music):
    assert len(list(music.Song.objects.raw_query(Limit=3))) == 3


def test_fields_that_a_projection_lacks_are_deferred(music, calls):
    found = music.Song.objects.raw_query(ProjectionExpression="Artist, Title, plays")
    song = next(each for each in found if each.title == "song 2")
    assert song.get_deferred_fields() >= {"year", "rating", "tags"}
    assert song.year == 1972


def test_partiql_finds_instances(music):
    found = music.Song.objects.partiql(
        'SELECT * FROM {table} WHERE "Artist" = ? AND rating >= ?', ["Can", 10]
    )
    assert sorted(each.title for each in found) == ["song 10", "song 11"]
    found = music.Song.objects.partiql('SELECT "Artist", "Title" FROM {table}')
    assert all("year" in each.get_deferred_fields() for each in found)


def test_partiql_only_reads(music):
    with pytest.raises(NotSupportedError, match="SELECT"):
        list(music.Song.objects.partiql("DELETE FROM {table} WHERE x = 1"))
    with pytest.raises(ProgrammingError, match="ExecuteStatement"):
        list(music.Song.objects.partiql("SELECT * FROM"))


def test_raw_rows_are_of_the_part_of_the_table(music):
    assert {each.name for each in music.User.objects.raw_query()} == {"Ada", "Bob"}


def test_raw_rows_may_be_eventually_consistent(music, calls):
    list(music.Song.objects.eventually_consistent().raw_query())
    list(music.Song.objects.raw_query())
    read = [each["ConsistentRead"] for name, each in calls if name == "scan"]
    assert read == [False, True]


def test_rows_of_our_own_tables_are_raw_rows_too(library):
    from nonrel_backend.dynamodb.managers import DynamoDBQuerySet

    library.Author.objects.create(name="Ada")
    (found,) = DynamoDBQuerySet(library.Author).raw_query()
    assert found == library.Author.objects.get()
