"""Document fields on SQL databases need the app; on a store they do not."""

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connections
from django.db.backends.signals import connection_created
from django.db.backends.sqlite3.base import DatabaseWrapper
from django.test import override_settings


@pytest.fixture
def without_app(documents):
    from django.conf import settings

    names = [name for name in settings.INSTALLED_APPS if name != "nonrel_backend"]
    with override_settings(INSTALLED_APPS=names):
        yield documents.City


def test_lookups_on_sqlite_without_the_app_are_an_error(without_app):
    cities = without_app.objects.using("oracle")
    for query in (
        cities.filter(address__city="x"),
        cities.filter(tags__contains="x"),
        cities.filter(tags__len=1),
    ):
        with pytest.raises(ImproperlyConfigured, match="INSTALLED_APPS"):
            query.count()


def test_migrations_of_sqlite_without_the_app_are_an_error(without_app):
    field = without_app._meta.get_field("address")
    with connections["oracle"].schema_editor(collect_sql=True) as editor:
        with pytest.raises(ImproperlyConfigured, match="INSTALLED_APPS"):
            editor.alter_field(without_app, field, field.clone())


def test_a_store_needs_no_app(without_app):
    without_app.objects.create(name="x", tags=["a"])
    assert without_app.objects.filter(tags__contains="a").count() == 1
    assert without_app.objects.filter(tags__len=1, name="x").count() == 1


def test_the_app_prepares_connections_as_they_are_made(databases):
    from nonrel_backend.documents.databases import DocumentEditing, prepare

    assert connection_created.has_listeners(DatabaseWrapper)
    editor = connections["oracle"].SchemaEditorClass
    assert issubclass(editor, DocumentEditing)
    prepare(None, connections["oracle"])
    assert connections["oracle"].SchemaEditorClass is editor
