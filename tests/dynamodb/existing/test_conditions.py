"""condition(): what is written only if the rows satisfy a Q."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import F, Q

from nonrel_backend.kv.conditional_writes import ConditionFailed

WRITES = ("update_item", "put_item", "delete_item", "transact_write_items")


@pytest.fixture
def one(music):
    """Return the songs that are "song 1", of 1971; the catalog is read."""
    return music.Song.objects.filter(pk=music.Song.objects.get(title="song 1").pk)


def test_a_row_is_updated_in_one_request_if_it_satisfies_a_condition(one, item, calls):
    query = one.condition(Q(plays__lt=3, year=1971))
    calls.clear()
    assert query.update(plays=F("plays") + 2) == 1
    assert [name for name, _ in calls] == ["update_item"]
    assert query.update(plays=F("plays") + 2) == 1
    with pytest.raises(ConditionFailed, match="song 1"):
        query.update(plays=F("plays") + 2, rating=9)
    assert item("song 1")["plays"] == {"N": "4"}
    assert item("song 1")["rating"] == {"N": "1"}


CONDITIONS = [
    (Q(year=1971), True),
    (Q(year=1970), False),
    (~Q(year=1970), True),
    (~Q(year=1971), False),
    (Q(year__in=[1970, 1971]), True),
    (~Q(year__in=[1970, 1971]), False),
    (Q(year__range=(1960, 1971)), True),
    (Q(year__gt=1971) | Q(plays=0), True),
    (Q(year__gt=1971) | Q(plays__gt=0), False),
    (Q(price__isnull=True), True),
    (Q(price__isnull=False), False),
    (Q(year__isnull=False), True),
    (~Q(year__isnull=True), True),
    # Neither is true: there is no price.
    (Q(price__gt=1), False),
    (~Q(price__gt=1), True),  # Django's ~Q() takes NULL for no match
    (Q(price__lt=1) | Q(price__gte=1), False),
    # Those are no ConditionExpression.
    (Q(rating=1.0), True),
    (Q(rating__gt=1.0), False),
    (Q(year=F("year")), True),
    (Q(year__lt=F("plays")), False),
    (Q(label__name="Spoon"), True),
    (Q(tags__contains=["rock"]), True),
    (Q(artist__country="Germany"), True),
    (Q(artist__country="France"), False),
]


@pytest.mark.parametrize("required, is_met", CONDITIONS)
@pytest.mark.parametrize("is_in_block", [False, True])
def test_conditions_are_exact(required, is_met, is_in_block, one, item):
    def written():
        with transaction.atomic() if is_in_block else pytest.MonkeyPatch.context():
            return one.condition(required).update(takes=[1])

    if is_met:
        assert written() == 1
    else:
        with pytest.raises(ConditionFailed):
            written()
    assert ("takes" in item("song 1")) is is_met


def test_decimals_are_compared_by_value(one, calls):
    one.update(price="12.50")
    calls.clear()
    assert one.condition(Q(price__gte="12.5", price__lt="100")).update(year=1) == 1
    assert [name for name, _ in calls] == ["update_item"]
    with pytest.raises(ConditionFailed):
        one.condition(Q(price__lt="9.99")).update(year=2)


def test_all_rows_of_an_update_must_satisfy_it(music, item):
    songs = music.Song.objects.filter(year=1971)
    with pytest.raises(ConditionFailed, match="1 of 4 rows"):
        songs.condition(Q(rating__gt=1)).update(plays=1)
    assert item("song 4")["plays"] == {"N": "0"}
    assert songs.condition(Q(rating__gt=0)).update(plays=F("plays") + 1) == 4
    assert music.Song.objects.filter(year=1).condition(Q(plays=0)).update(plays=1) == 0


def test_a_row_is_deleted_in_one_request_if_it_satisfies_a_condition(one, item, calls):
    with pytest.raises(ConditionFailed):
        one.condition(Q(plays__gt=0)).delete()
    assert item("song 1")
    calls.clear()
    assert one.condition(Q(plays=0)).delete() == (1, {"existing.Song": 1})
    assert [name for name, _ in calls] == ["delete_item"]
    assert item("song 1") is None
    assert one.condition(Q(plays=0)).delete()[0] == 0


def test_a_slice_is_not_deleted(music):
    with pytest.raises(TypeError, match="limit"):
        music.Song.objects.condition(Q(plays=0))[:2].delete()


def test_races_do_not_pass_a_condition(one, item):
    def take(_):
        try:
            return one.condition(Q(plays__lt=5)).update(plays=F("plays") + 1)
        except ConditionFailed:
            return 0
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(take, range(16)))
    assert sum(taken) == 5
    assert item("song 1")["plays"] == {"N": "5"}


def test_a_deletion_with_cascades_is_on_condition(library):
    library.Author.objects.create(name="a")
    kept = library.Author.objects.create(name="b")
    from nonrel_backend.dynamodb.managers import DynamoDBQuerySet

    authors = DynamoDBQuerySet(library.Author)
    with pytest.raises(ConditionFailed):
        authors.condition(Q(name="a")).delete()
    assert authors.filter(name="a").condition(~Q(name="b")).delete()[0] == 1
    assert library.Author.objects.get() == kept


def test_save_is_on_condition(music, one, item, calls):
    song, other = one.get(), one.get()
    song.rating = other.rating = 4.5
    song.plays = 1
    calls.clear()
    music.Song.objects.condition(Q(plays=0)).save(song)
    assert [name for name, _ in calls] == ["update_item"]
    with pytest.raises(ConditionFailed):
        music.Song.objects.condition(Q(plays=0)).save(other)
    assert item("song 1")["plays"] == {"N": "1"}
    other.save()
    assert item("song 1")["plays"] == {"N": "0"}


def test_a_row_of_our_own_tables_is_written_in_one_request(library, calls):
    from nonrel_backend.dynamodb.managers import DynamoDBQuerySet

    counter = library.Counter.objects.create(name="visits", value=5)
    counters = DynamoDBQuerySet(library.Counter).filter(pk=counter.pk)
    calls.clear()
    assert counters.condition(Q(value=5)).update(value=6) == 1
    assert [name for name, _ in calls] == ["update_item"]
    with pytest.raises(IntegrityError):
        counters.condition(Q(value=5)).delete()
    assert counters.condition(Q(value=6)).delete()[0] == 1
    assert not library.Counter.objects.exists()


def test_a_row_and_the_entry_of_its_key_are_deleted_in_one_request(library, calls):
    library.Tag.objects.create(name="old")
    calls.clear()
    assert library.Tag.objects.filter(name="old").delete()[0] == 1
    assert [name for name, _ in calls if name in WRITES] == ["transact_write_items"]
    assert library.Tag.objects.count() == 0
