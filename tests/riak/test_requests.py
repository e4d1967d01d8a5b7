"""How many requests the ORM sends, and how often it waits for the server."""

import pytest

from nonrel_backend.riak.client.connection import Connection

from .test_backend import author, books, sent


@pytest.fixture
def waits(monkeypatch, server):
    """Return a list of the bytes of each write to the server's socket."""
    found = []
    write = Connection.write

    def counted(self, data):
        if self.address.endswith(f":{server.port}"):
            found.append(len(data))
        return write(self, data)

    monkeypatch.setattr(Connection, "write", counted)
    return found


def test_a_get_by_key_is_one_request(store, server):
    manager = books(3)
    key = manager.first().pk
    assert sent(server, lambda: manager.get(pk=key)) == {"RpbGetReq": 1}


def test_a_new_row_is_one_request(store, server):
    author()
    assert sent(server, author) == {"RpbPutReq": 1}


def test_in_bulk_of_500_waits_once(store, server, waits):
    manager = books(500)
    keys = list(manager.values_list("pk", flat=True))
    waits.clear()
    found = sent(server, lambda: manager.in_bulk(keys))
    assert found == {"RpbGetReq": 500}
    assert len(waits) == 1


def test_an_indexed_filter_is_an_index_query_and_a_pipeline(store, server, waits):
    manager = books(20)
    writer = manager.first().author_id
    waits.clear()
    found = sent(server, lambda: list(manager.filter(author=writer)))
    assert found == {"RpbIndexReq": 1, "RpbGetReq": 20}
    assert len(waits) == 2


def test_select_related_of_100_rows_is_two_batches(store, server, waits):
    from tests.library.models import Book

    writers = [author(name=f"w{number}") for number in range(100)]
    manager = Book.objects.using("own")
    manager.bulk_create(
        Book(title=f"t{number}", author=writer, pages=1)
        for number, writer in enumerate(writers)
    )
    keys = list(manager.values_list("pk", flat=True))
    waits.clear()
    related = manager.select_related("author").filter(pk__in=keys)
    found = sent(server, lambda: [book.author.name for book in related])
    assert found == {"RpbGetReq": 200}
    assert len(waits) == 2


def test_keys_that_were_counted_are_not_asked_for_again(store, server, waits):
    manager = books(20)
    book = manager.first()
    both = manager.filter(author=book.author_id, pages=book.pages)
    waits.clear()
    found = sent(server, lambda: [each.pk for each in both])
    assert found == {"RpbIndexReq": 2, "RpbGetReq": 1}
    assert len(waits) == 2
