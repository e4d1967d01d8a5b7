"""Rows of tables that other programs have made and write."""

import pytest
from django.db import DatabaseError, IntegrityError, transaction
from django.db.models import Count, F

from .conftest import ITEMS, put

WRITES = ("update_item", "put_item", "delete_item", "transact_write_items")


def written(calls):
    return [name for name, _ in calls if name in WRITES]


@pytest.mark.parametrize("is_in_block", [False, True])
def test_save_of_an_untouched_object_changes_nothing(is_in_block, music, item):
    song = music.Song.objects.get(title="song 1")
    with transaction.atomic() if is_in_block else pytest.MonkeyPatch.context():
        song.save()
    assert item("song 1") == ITEMS[1]


@pytest.mark.parametrize("is_in_block", [False, True])
def test_save_changes_what_was_changed(is_in_block, music, item):
    song = music.Song.objects.get(title="song 1")
    song.plays, song.tags, song.data = 3, {"jazz"}, {"b": [1.0, 2.5, None], "a": "x"}
    with transaction.atomic() if is_in_block else pytest.MonkeyPatch.context():
        song.save()
    assert item("song 1") == {
        **ITEMS[1],
        "plays": {"N": "3"},
        "tags": {"SS": ["jazz"]},
        "data": {
            "M": {
                "b": {"L": [{"N": "1"}, {"N": "2.5"}, {"NULL": True}]},
                "a": {"S": "x"},
            }
        },
    }
    song.tags = None
    song.save(update_fields=["tags"])
    assert "tags" not in item("song 1")
    assert item("song 1")["owner"] == ITEMS[1]["owner"]


def test_attributes_inside_of_maps_that_a_model_lacks_are_kept(music, item):
    song = music.Song.objects.get(title="song 1")
    song.label.city = "Cologne"
    song.save()
    label = item("song 1")["label"]["M"]
    assert label["city"] == {"S": "Cologne"}
    assert label["since"] == {"N": "1979"}


def test_save_is_one_request(music, calls):
    song = music.Song.objects.get(title="song 1")
    song.rating = 5
    calls.clear()
    song.save()
    assert [name for name, _ in calls] == ["update_item"]


def test_an_item_that_is_there_is_not_created_again(music, item):
    with pytest.raises(IntegrityError):
        music.Song.objects.create(artist_id="Can", title="song 1", year=1)
    assert item("song 1") == ITEMS[1]
    music.Song(artist_id="Can", title="song 99", year=1980).save()
    assert item("song 99")["year"] == {"N": "1980"}
    assert "_v" not in item("song 99")


def test_a_change_of_another_program_is_no_lost_update(music, store, item):
    from nonrel_backend.transactions import TransactionConflict

    with pytest.raises(TransactionConflict):
        with transaction.atomic():
            song = music.Song.objects.get(title="song 1")
            put(store, "Songs", {**ITEMS[1], "plays": {"N": "100"}})
            song.plays += 1
            song.save()
    assert item("song 1")["plays"] == {"N": "100"}
    music.Song.objects.filter(title="song 1").update(plays=F("plays") + 1)
    assert item("song 1")["plays"] == {"N": "101"}


def test_changes_of_unknown_attributes_are_no_conflict(music, store, item):
    with transaction.atomic():
        song = music.Song.objects.get(title="song 1")
        put(store, "Songs", {**ITEMS[1], "owner": {"S": "somebody"}})
        song.plays += 1
        song.save()
    assert item("song 1")["owner"] == {"S": "somebody"}
    assert item("song 1")["plays"] == {"N": "1"}


def test_a_page_of_a_hash_is_one_query(music, calls):
    songs = music.Song.objects.filter(artist="Can")
    assert songs.count() == 12
    calls.clear()
    found = list(songs.order_by("title")[:10])
    ((name, parameters),) = calls
    assert (name, parameters["Limit"]) == ("query", 10)
    assert [each.title for each in found] == sorted(
        each["Title"]["S"] for each in ITEMS
    )[:10]
    calls.clear()
    after = songs.filter(title__gt=found[-1].title).order_by("title")[:10]
    assert [each.title for each in after] == ["song 8", "song 9"]
    assert [name for name, _ in calls] == ["query"]
    calls.clear()
    assert [each.title for each in songs.order_by("-title")[:1]] == ["song 9"]
    assert [name for name, _ in calls] == ["query"]


def test_filters_and_joins_are_answered(music):
    songs = music.Song.objects
    assert songs.filter(year__in=[1970, 1972], rating__gt=5).count() == 4
    assert songs.exclude(year=1970).count() == 8
    assert songs.filter(artist__country="Germany").count() == 12
    assert songs.filter(tags__contains=["rock"]).count() == 12
    assert songs.filter(label__name="Spoon").count() == 12
    bands = songs.values("artist__country").annotate(n=Count("title"))
    assert list(bands) == [{"artist__country": "Germany", "n": 12}]
    years = songs.values("year").annotate(n=Count("pk")).order_by("year")
    assert [(each["year"], each["n"]) for each in years] == [
        (1970, 4),
        (1971, 4),
        (1972, 4),
    ]


def test_optional_and_null_attributes_are_null(music, store, item):
    key = {"Artist": {"S": "Can"}, "Title": {"S": "bare"}}
    put(store, "Songs", {**key, "price": {"NULL": True}, "plays": {"N": "1"}})
    bare = music.Song.objects.get(title="bare")
    assert (bare.year, bare.tags, bare.price) == (None, None, None)
    assert list(music.Song.objects.filter(year__isnull=True)) == [bare]
    assert bare in music.Song.objects.filter(price__isnull=True)
    assert bare in music.Song.objects.exclude(year=1970)
    assert bare not in music.Song.objects.filter(year__lt=1972)
    bare.plays = 2
    bare.save()
    assert item("bare")["plays"] == {"N": "2"}


def test_a_value_of_another_type_is_an_error_that_names_it(music, store):
    key = {"Artist": {"S": "Can"}, "Title": {"S": "odd"}}
    put(store, "Songs", {**key, "plays": {"S": "long ago"}})
    with pytest.raises(DatabaseError, match="Songs.plays.*'long ago'"):
        music.Song.objects.get(pk=("Can", "odd"))


def test_sets_of_numbers_and_lists_are_native(music, item):
    music.Song.objects.filter(title="song 1").update(sizes={7, 12}, takes=[3, 1, 3])
    found = item("song 1")
    assert sorted(found["sizes"]["NS"]) == ["12", "7"]
    assert found["takes"] == {"L": [{"N": "3"}, {"N": "1"}, {"N": "3"}]}
    song = music.Song.objects.get(title="song 1")
    assert (song.sizes, song.takes) == ({7, 12}, [3, 1, 3])
    song.sizes = set()
    song.save()
    assert music.Song.objects.get(title="song 1").sizes == set()
    assert item("song 1")["sizes"] == {"L": []}


def test_large_commits_leave_nothing_in_the_items(music, store):
    new = [music.Song(artist_id="Can", title=f"take {n}") for n in range(120)]
    with transaction.atomic():
        music.Song.objects.bulk_create(new)
        music.Song.objects.filter(rating__gte=0).update(plays=9)
    name = store.prefix + "Songs"
    found = store.db_connection.call("scan", TableName=name)["Items"]
    assert len(found) == 132
    known = {*ITEMS[0], "plays"}
    assert all(each.keys() <= known for each in found)
