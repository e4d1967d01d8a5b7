"""check_constraints() finds each foreign key without its row, whenever it is asked."""

import os

import pytest
from django.apps.registry import Apps
from django.db import IntegrityError, connection, models, transaction

from nonrel_backend.dml import foreign_keys

BACKEND = os.environ.get("NONREL_ENGINE", "lmdb")
pytestmark = pytest.mark.skipif(BACKEND == "sqlite", reason="It enforces foreign keys.")


def is_right():
    try:
        connection.check_constraints()
    except IntegrityError:
        return False
    return True


@pytest.fixture
def book(library):
    author = library.Author.objects.create(name="a", email="a@x")
    yield library.Book.objects.create(title="t", author=author, pages=1)


def test_a_key_that_is_changed_after_a_check_is_found(library, book):
    for _ in range(2):
        assert is_right()
        library.Book.objects.update(author_id=999)
        assert not is_right()
        assert not is_right()
        library.Book.objects.update(author_id=book.author_id)
    assert is_right()


def test_a_row_that_is_deleted_after_a_check_is_missed(library, book):
    assert is_right()
    authors = library.Author.objects.all()
    authors._raw_delete(authors.db)
    assert not is_right()
    book.author.save(force_insert=True)
    assert is_right()


def test_new_rows_are_checked_after_a_check_of_none(library):
    assert is_right()
    library.Book.objects.create(title="t", author_id=999, pages=1)
    assert not is_right()


def test_a_block_is_checked_as_it_stands(library, book):
    if not connection.features.supports_transactions:
        pytest.skip("Nothing is rolled back.")
    assert is_right()
    with transaction.atomic():
        library.Book.objects.update(author_id=999)
        assert not is_right()
        with transaction.atomic():
            library.Book.objects.update(author_id=book.author_id)
            assert is_right()
            transaction.set_rollback(True)
        assert not is_right()
        transaction.set_rollback(True)
    assert is_right()


@pytest.mark.skipif(BACKEND != "lmdb", reason="Other stores cannot tell.")
def test_tables_that_have_not_changed_are_not_read_again(library, book, monkeypatch):
    looked_at = []
    real = foreign_keys.dangling_keys_of

    def noted(store, model, field):
        looked_at.append(field.name)
        return real(store, model, field)

    monkeypatch.setattr(foreign_keys, "dangling_keys_of", noted)
    assert is_right()
    looked_at.clear()
    assert is_right()
    assert looked_at == []
    library.Author.objects.update(name="b")
    assert is_right()
    assert {"author", "editor", "mentor"} <= {*looked_at}
    assert "content_type" not in looked_at


def test_a_key_of_a_model_that_is_not_installed_is_not_looked_at(library, monkeypatch):
    class Guest(models.Model):
        host = models.ForeignKey("remote.Host", models.CASCADE)

        class Meta:
            app_label = "library"
            apps = Apps()

    monkeypatch.setattr(
        foreign_keys, "registered_models", lambda: {Guest._meta.db_table: Guest}
    )
    assert is_right()
