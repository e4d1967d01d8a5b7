"""A model for transactions on two connections to one DynamoDB, and its fixtures."""

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from uuid import uuid4

import pytest
from django.db import connections, models
from django.test.utils import isolate_apps

OTHER = "other"


@isolate_apps("tests.library")
def declared():
    class Thing(models.Model):
        name = models.CharField(max_length=2000, unique=True, null=True)
        number = models.IntegerField(db_index=True, null=True)
        text = models.TextField(null=True)

        class Meta:
            app_label = "library"
            db_table = f"thing_{uuid4().hex[:8]}"

    class Part(models.Model):
        thing = models.ForeignKey(Thing, models.CASCADE, related_name="parts")

        class Meta:
            app_label = "library"
            db_table = f"part_{uuid4().hex[:8]}"

    Thing.part_model = Part
    return Thing


@contextmanager
def aliased(alias: str, **options: object) -> Iterator[None]:
    """Let `alias` be the database under test, with more OPTIONS."""
    settings = deepcopy(connections.settings["default"])
    settings["OPTIONS"] |= options
    connections.settings[alias] = settings
    try:
        yield
    finally:
        connections[alias].close()
        del connections[alias], connections.settings[alias]


@pytest.fixture
def things(databases):
    """Return the manager of a new table."""
    model = declared()
    tables = [model, model.part_model]
    with connections["default"].schema_editor() as editor:
        for each in tables:
            editor.create_model(each)
    yield model.objects
    with connections["default"].schema_editor() as editor:
        for each in reversed(tables):
            editor.delete_model(each)


@pytest.fixture
def other(things):
    """Return the manager of the same rows on another connection."""
    with aliased(OTHER):
        yield things.using(OTHER)
