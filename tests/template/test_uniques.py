"""How unique values are looked for in stores that have no unique indexes."""

import pytest
from django.db import IntegrityError

from nonrel_backend.catalog import unique
from nonrel_backend.catalog.rows import Rows


def test_many_new_rows_are_looked_for_in_batches(library, monkeypatch):
    monkeypatch.setattr(unique, "MOST_VALUES", 3)
    authors = library.Author.objects
    authors.bulk_create(library.Author(pk=n, name=f"a{n}") for n in range(1, 11))
    found = []
    stored = Rows.stored

    def counted(self, fetched):
        rows = stored(self, fetched)
        if self.model is library.Author:
            found.append(len(rows))
        return rows

    monkeypatch.setattr(Rows, "stored", counted)
    authors.bulk_create(library.Author(pk=n, name=f"a{n}") for n in range(11, 21))
    assert found and not any(found)
    with pytest.raises(IntegrityError):
        authors.bulk_create(library.Author(pk=n, name="b") for n in (*range(21, 30), 5))
    assert authors.count() == 20
