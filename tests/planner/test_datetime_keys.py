"""Datetimes as the keys that one scan gives another."""

from datetime import UTC, datetime, timedelta

import pytest
from django.apps.registry import Apps
from django.db import connection, models
from django.db.models import Exists, F, OuterRef, Q

MOMENT = datetime(2020, 1, 2, 10, 30, 0, 123456, UTC)


def made(name):
    """Return a model with a datetime."""
    meta = type("Meta", (), {"app_label": "library", "apps": Apps()})
    fields = {"at": models.DateTimeField(unique=True), "Meta": meta}
    return type(name, (models.Model,), {"__module__": __name__, **fields})


@pytest.fixture
def tables(library):
    found = made("Event"), made("Visit")
    with connection.schema_editor() as editor:
        for model in found:
            editor.create_model(model)
    yield found
    with connection.schema_editor() as editor:
        for model in found:
            editor.delete_model(model)


def test_a_subquery_finds_the_same_datetime(tables):
    event, visit = tables
    for number in range(3):
        event.objects.create(at=MOMENT + timedelta(microseconds=number))
    visit.objects.create(at=MOMENT + timedelta(microseconds=1))
    same = visit.objects.filter(at=OuterRef("at"))
    found = event.objects.filter(Q(pk=F("pk"))).annotate(is_there=Exists(same))
    assert [each.is_there for each in found.order_by("at")] == [False, True, False]
