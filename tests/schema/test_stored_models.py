"""Models of tables as the store describes them: nothing that a project would find."""

from django.apps import apps
from django.db import connection, models

from nonrel_backend.planner.tables import model_from_store

# Fields that a project may declare are in these packages.
PUBLIC = (
    "nonrel_backend.fields",
    "nonrel_backend.mongodb.fields",
    "nonrel_backend.riak",
)


def subclasses(of):
    for each in of.__subclasses__():
        yield each
        yield from subclasses(each)


def test_no_field_and_no_model_of_the_toolkit_is_found_by_packages(library):
    registered = set(apps.get_models(include_auto_created=True))
    table = library.Genre._meta.db_table
    library.Genre.objects.create(name="x")
    connection.ops.flush([table], reset_sequences=True)
    with connection.schema_editor() as editor:
        editor.alter_db_table(library.Genre, table, "other_genre")
        editor.alter_db_table(library.Genre, "other_genre", table)
    assert model_from_store(connection, table) is not None
    own = [
        f"{each.__module__}.{each.__name__}"
        for each in subclasses(models.Field)
        if each.__module__.startswith("nonrel_backend")
    ]
    assert [name for name in own if not name.startswith(PUBLIC)] == []
    assert not any(each.startswith("nonrel_backend.fields.model.") for each in own)
    assert set(apps.get_models(include_auto_created=True)) == registered
