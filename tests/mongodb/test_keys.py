"""Keys of rows that were rolled back are given again, unless others follow them."""

from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
from django.db import connection, transaction


@pytest.fixture
def genres(library):
    connection.sequences.reset([library.Genre._meta.db_table])
    return library.Genre.objects


def keys(genres, count=1):
    made = [genres.create(name=uuid4().hex[:20]).pk for _ in range(count)]
    return made if count > 1 else made[0]


def test_a_rollback_gives_its_keys_back(genres):
    for _ in range(3):
        with transaction.atomic():
            assert keys(genres, 20) == [*range(1, 21)]
            transaction.set_rollback(True)
    assert keys(genres) == 1


def test_a_commit_keeps_them(genres):
    with transaction.atomic():
        assert keys(genres) == 1
    with transaction.atomic():
        assert keys(genres) == 2
        transaction.set_rollback(True)
    assert keys(genres) == 2
    assert {*genres.values_list("pk", flat=True)} == {1, 2}


def test_a_savepoint_gives_back_its_own(genres):
    with transaction.atomic():
        assert keys(genres) == 1
        for _ in range(2):
            with transaction.atomic():
                assert keys(genres, 2) == [2, 3]
                with transaction.atomic():
                    assert keys(genres) == 4
                transaction.set_rollback(True)
        assert keys(genres) == 2
    assert {*genres.values_list("pk", flat=True)} == {1, 2}


def test_keys_that_others_follow_are_not_given_again(genres):
    def other():
        try:
            return keys(genres)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            assert keys(genres) == 1
            assert pool.submit(other).result() == 2
            transaction.set_rollback(True)
        assert keys(genres) == 3


def test_keys_of_another_process_are_never_given(genres):
    table = genres.model._meta.db_table
    sequences = connection.database.nonrel_sequences
    with transaction.atomic():
        assert keys(genres) == 1
        # What another process does.
        last = sequences.find_one({"_id": table})["value"]
        theirs = {*range(last + 1, last + 501)}
        sequences.update_one({"_id": table}, {"$inc": {"value": 500}})
        assert not theirs & {*keys(genres, 200)}
        transaction.set_rollback(True)
    found = keys(genres, 200)
    assert len({*found}) == 200
    assert not theirs & {*found}
