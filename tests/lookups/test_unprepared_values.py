"""Values that Django hands to lookups as they were given, not as fields have them."""

from datetime import UTC, date, datetime
from uuid import UUID

import pytest
from django.apps.registry import Apps
from django.db import connection, models

TEXT = "00000000-0000-0000-0000-000000000007"


@pytest.fixture
def visit(library):
    from nonrel_backend.fields import ListField

    class Visit(models.Model):
        pk = models.CompositePrimaryKey("guest", "at")
        guest = models.UUIDField()
        at = models.DateTimeField()
        days = ListField(models.DateField(), default=list)

        class Meta:
            app_label = "library"
            apps = Apps()

    with connection.schema_editor() as editor:
        editor.create_model(Visit)
    Visit.objects.create(
        guest=UUID(TEXT), at=datetime(2020, 1, 2, tzinfo=UTC), days=[date(2020, 1, 2)]
    )
    yield Visit.objects
    with connection.schema_editor() as editor:
        editor.delete_model(Visit)


def test_a_composite_key_may_be_given_as_text(visit):
    key = (TEXT, "2020-01-02T00:00:00+00:00")
    assert visit.get(pk=key).guest == UUID(TEXT)
    assert visit.filter(pk__in=[key]).update(days=[]) == 1
    assert visit.filter(pk=key).delete()[0] == 1


def test_items_of_a_list_may_be_given_as_text(visit):
    assert visit.filter(days__contains=["2020-01-02"]).count() == 1
    assert visit.filter(days__contains=["2020-01-03"]).count() == 0
