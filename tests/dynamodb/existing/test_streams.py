"""watch(), connection.client and DynamoMeta.ttl."""

import pytest
from django.apps.registry import Apps
from django.core.exceptions import ImproperlyConfigured
from django.db import NotSupportedError, models, transaction

from nonrel_backend.dynamodb import options, ttl


def watched(manager, *arguments, **options):
    """Return watch(); skip the test on a stand-in that has no streams."""
    try:
        return manager.watch(*arguments, **options)
    except NotSupportedError as error:
        pytest.skip(str(error))


def test_watch_yields_changes_from_now_on(music):
    songs = music.Song.objects
    changes = watched(songs, seconds=0.5)
    song = songs.get(title="song 1")
    song.plays = 7
    song.save()
    songs.create(artist_id="Can", title="new", year=1980)
    songs.filter(title="song 2").delete()
    found = list(changes)
    assert [(operation, key) for operation, _, key in found] == [
        ("update", ("Can", "song 1")),
        ("insert", ("Can", "new")),
        ("delete", ("Can", "song 2")),
    ]
    assert [each.plays for _, each, _ in found] == [7, 0, 0]
    assert found[0][1].tags == {"kraut", "rock"}


def test_watch_yields_old_changes_if_asked(music):
    music.User.objects.create(owner="USER#old", kind="PROFILE", name="Cy")
    changes = watched(music.User.objects, "oldest", seconds=0)
    assert ("insert", ("USER#old", "PROFILE")) in [
        (name, key) for name, _, key in changes
    ]


def test_watch_yields_each_change_of_a_large_commit_once(music):
    songs = music.Song.objects
    changes = watched(songs, seconds=0.5)
    new = [music.Song(artist_id="Can", title=f"take {n}") for n in range(120)]
    with transaction.atomic():
        songs.filter(title="song 1").update(plays=5)
        songs.bulk_create(new)
    found = [(operation, each.title) for operation, each, _ in changes]
    assert sorted(found) == sorted(
        [("update", "song 1"), *(("insert", each.title) for each in new)]
    )


def test_watch_needs_a_stream(library):
    from nonrel_backend.dynamodb.managers import DynamoDBQuerySet

    with pytest.raises(NotSupportedError, match="update_table.*StreamSpecification"):
        DynamoDBQuerySet(library.Author).watch()


def test_the_client_is_that_of_boto3(store):
    (item,) = store.client.scan(TableName=store.physical("bands"))["Items"]
    assert item["name"] == {"S": "Can"}
    with pytest.raises(store.client.exceptions.ResourceNotFoundException):
        store.client.describe_table(TableName="nothing-like-it")


def model_with(**attributes):
    class Meta:
        app_label = "existing"
        apps = Apps()

    class DynamoMeta:
        ttl = "expires"

    attributes = {"expires": models.BigIntegerField(), **attributes}
    names = {"__module__": __name__, "Meta": Meta, "DynamoMeta": DynamoMeta}
    return type("Ticket", (models.Model,), {**names, **attributes})


class App:
    def __init__(self, model):
        self.models = [model]

    def get_models(self):
        return self.models


@pytest.fixture
def tickets(store, monkeypatch):
    model = model_with()
    table = model._meta.db_table
    monkeypatch.setattr(options, "expiring_tables", lambda: {table})
    from nonrel_backend.dynamodb import catalog

    monkeypatch.setattr(catalog, "expiring_tables", lambda: {table})
    with store.schema_editor() as editor:
        editor.create_model(model)
    yield model
    with store.schema_editor() as editor:
        editor.delete_model(model)


def test_migrate_enables_the_time_to_live(tickets, store):
    for _ in range(2):
        ttl.enable(App(tickets), "default")
    name = store.physical(tickets._meta.db_table)
    found = store.client.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    assert (found["TimeToLiveStatus"], found["AttributeName"]) == ("ENABLED", "expires")


def test_rows_that_dynamodb_has_deleted_are_not_found(tickets, store):
    first, second = (tickets.objects.create(expires=n) for n in (1, 2))
    store.client.delete_item(
        TableName=store.physical(tickets._meta.db_table),
        Key={"id": {"N": str(first.pk)}},
    )
    assert tickets.objects.count() == 1
    assert list(tickets.objects.order_by("pk")) == [second]
    assert tickets.objects.order_by("pk").first() == second


@pytest.mark.parametrize(
    "fields, message",
    [
        ({"expires": models.DateTimeField()}, "seconds since 1970"),
        ({"name": models.CharField(max_length=9, unique=True)}, "unique values"),
    ],
)
def test_a_time_to_live_that_cannot_be_is_refused(fields, message, store):
    with pytest.raises(ImproperlyConfigured, match=message):
        ttl.enable(App(model_with(**fields)), "default")
