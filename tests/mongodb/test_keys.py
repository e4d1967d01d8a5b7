"""Keys of rows that were rolled back are given again, unless others follow them."""

from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
from django.db import connection, transaction

from nonrel_backend.transactions import retry_transaction


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


def test_a_row_of_a_new_key_is_one_command_in_a_block(library, commands):
    books = library.Book.objects
    with transaction.atomic():
        for number in range(10):
            books.create(title="t", pages=number, author_id=1)
        commands.clear()
        books.create(title="t", pages=1, author_id=1)
        books.bulk_create(library.Book(title="u", pages=2, author_id=1) for _ in "ab")
        assert commands == ["insert", "insert"]


def test_a_block_passes_by_keys_that_another_program_took(genres):
    connection.database[genres.model._meta.db_table].insert_many(
        {"_id": key, "name": str(key)} for key in (3, 30)
    )
    with transaction.atomic():
        genres.count()
        assert keys(genres) == 1
        assert keys(genres, 3) == [31, 32, 33]


def test_a_key_that_another_program_takes_meanwhile_is_a_conflict(genres):
    rows = connection.database[genres.model._meta.db_table]
    runs = []

    @retry_transaction
    def work():
        runs.append(keys(genres, 2))
        if len(runs) == 1:
            rows.insert_one({"_id": runs[0][-1] + 1, "name": "taken"})
        runs.append(keys(genres))

    work()
    made = [*runs[-2], runs[-1]]
    assert {*genres.values_list("pk", flat=True)} == {runs[0][-1] + 1, *made}
