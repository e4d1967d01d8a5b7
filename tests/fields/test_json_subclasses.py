"""Fields of a project's own that hold JSON: their from_db_value() gets text, as from
the drivers of SQL databases.
"""

import json

import pytest
from django.apps.registry import Apps
from django.core.serializers.json import DjangoJSONEncoder
from django.db import connections, models
from django.db.models import F, Max
from django.db.models.fields.json import KT

from tests.tables import tables_of


class Listed(models.JSONField):
    """A JSONField whose values are read by Django's own from_db_value()."""

    def from_db_value(self, value, expression, connection):
        return {"read": super().from_db_value(value, expression, connection)}


class Stream(models.Field):
    """A field that writes and reads JSON text itself, as a CMS's."""

    def get_internal_type(self):
        return "JSONField"

    def get_prep_value(self, value):
        return None if value is None else json.dumps(value, cls=DjangoJSONEncoder)

    def to_python(self, value):
        return json.loads(value) if isinstance(value, str) else value

    def from_db_value(self, value, expression, connection):
        assert value is None or isinstance(value, str), value
        return self.to_python(value)


VALUES = [[1, 2], {"a": "é"}, "7", 7, "", True, 1.5, [], {"b": None}, None]


@pytest.fixture(params=["default", "oracle"])
def page(request, library):
    class Page(models.Model):
        listed = Listed(null=True)
        stream = Stream(null=True)

        class Meta:
            app_label = "library"
            apps = Apps()

    with tables_of(Page, using=request.param):
        yield Page.objects.using(request.param)


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_values_are_read_as_they_were_given(page, value):
    row = page.create(listed=value, stream=value)
    found = page.get(pk=row.pk)
    assert found.listed == {"read": value} and found.stream == value
    assert page.values_list("listed", "stream").get() == ({"read": value}, value)
    local = page.annotate(again=F("stream"), highest=Max("pk")).get()
    assert (local.again, local.stream, local.listed) == (value, value, {"read": value})
    page.bulk_create([page.model(stream=value)])
    page.update(stream=[value], listed=value)
    assert {repr(each.stream) for each in page.all()} == {repr([value])}
    row.stream = {"x": value}
    row.save()
    page.bulk_update([row], ["stream"])
    assert page.get(pk=row.pk).stream == {"x": value}


def test_keys_of_a_subclass_are_found(page):
    page.create(listed={"a": {"b": "c"}}, stream=1)
    assert page.filter(listed__a__b="c").count() == 1
    assert page.filter(listed={"a": {"b": "c"}}).count() == 1
    assert page.annotate(b=KT("listed__a__b")).get().b == "c"
    assert page.filter(stream__isnull=False).count() == 1


def test_rows_get_the_default_of_a_field_that_is_added(page):
    row = page.create()
    field = Stream(default={"a": [1]})
    field.contribute_to_class(page.model, "added")
    with connections[page.db].schema_editor() as editor:
        editor.add_field(page.model, field)
    assert page.get(pk=row.pk).added == {"a": [1]}
