"""Fields: convert, clean, dehydrate and hydrate."""

import datetime
import uuid
from decimal import Decimal

import pytest

from nonrel_backend.rest import fields
from nonrel_backend.rest.bundle import Bundle
from nonrel_backend.rest.exceptions import ApiFieldError


class Thing:
    """An object with one attribute."""

    value = None

    def __init__(self, value=None):
        if value is not None:
            self.value = value


def named(field):
    field.contribute_to_class(Thing, "value")
    return field


def hydrated(field, data, **attributes):
    bundle = Bundle(obj=Thing(), data=data)
    for name, value in attributes.items():
        setattr(bundle, name, value)
    return named(field).hydrate(bundle)


UTC = datetime.UTC
KEY = uuid.UUID("6fa459ea-ee8a-3ca4-894e-db77e160355e")


@pytest.mark.parametrize(
    ("field", "value", "shown"),
    [
        (fields.BooleanField("value"), True, True),
        (fields.CharField("value"), "ä", "ä"),
        (fields.DateField("value"), datetime.date(2020, 1, 2), "2020-01-02"),
        (
            fields.DateTimeField("value"),
            datetime.datetime(2020, 1, 2, 3, 4, 5, 678, tzinfo=UTC),
            "2020-01-02T03:04:05.000678Z",
        ),
        (fields.DecimalField("value"), Decimal("19.90"), "19.90"),
        (fields.DictField("value"), {"a": [1]}, {"a": [1]}),
        (fields.FloatField("value"), 1.5, 1.5),
        (fields.IntegerField("value"), 2**70, 2**70),
        (fields.ListField("value"), [1, "a", None], [1, "a", None]),
        (fields.ListField("value", of=fields.IntegerField()), [1, None], [1, None]),
        (fields.SetField("value", of=fields.CharField()), {"b", "a"}, ["a", "b"]),
        (fields.DictField("value", of=fields.DecimalField()), {"a": Decimal("1.0")},
         {"a": "1.0"}),
        (fields.TimeField("value"), datetime.time(1, 2, 3), "01:02:03"),
        (fields.DurationField("value"), datetime.timedelta(1, 2), "P1DT00H00M02S"),
        (fields.UUIDField("value"), KEY, str(KEY)),
        (fields.BinaryField("value"), b"\xff\x00", "/wA="),
        (fields.JSONField("value"), {"a": [None, True]}, {"a": [None, True]}),
    ],
)  # fmt: skip
def test_values_round_trip(databases, field, value, shown):
    from nonrel_backend.rest.serializers import Serializer

    data = named(field).dehydrate(Bundle(obj=Thing(value)))
    simple = Serializer().to_simple(data)
    assert simple == shown
    found = hydrated(field, {"value": simple})
    assert found == value and type(found) is type(value)


def test_files_are_shown_by_their_url(databases):
    class File:
        url = "/media/a.png"

    thing = Thing(File())
    field = named(fields.FileField("value", null=True))
    assert field.dehydrate(Bundle(obj=thing)) == "/media/a.png"
    unchanged = Bundle(obj=thing, data={"value": "/media/a.png"})
    assert field.hydrate(unchanged) is fields.NOT_PROVIDED
    with pytest.raises(ApiFieldError):
        field.hydrate(Bundle(obj=thing, data={"value": "../../etc/passwd"}))


def test_defaults(databases):
    for default in ("x", lambda: "x"):
        field = fields.CharField("value", default=default)
        assert hydrated(field, {}) == "x"
        assert field.dehydrate(Bundle(obj=Thing())) == "x"
        assert field.dehydrate(Bundle(obj=Thing("y"))) == "y"
        assert hydrated(field, {}, is_new=False) is fields.NOT_PROVIDED
    assert named(fields.CharField("value", default="x")).schema()["default"] == "x"


def test_null_and_blank(databases):
    with pytest.raises(ApiFieldError, match="value"):
        hydrated(fields.CharField("value"), {"value": None})
    with pytest.raises(ApiFieldError, match="value"):
        hydrated(fields.CharField("value"), {})
    assert hydrated(fields.CharField("value", null=True), {"value": None}) is None
    assert hydrated(fields.CharField("value", null=True), {}) is None
    blank = fields.CharField("value", blank=True)
    assert hydrated(blank, {}) is fields.NOT_PROVIDED
    readonly = fields.CharField("value", readonly=True)
    assert hydrated(readonly, {"value": "x"}) is fields.NOT_PROVIDED


def test_use_in_is_validated():
    with pytest.raises(Exception, match="use_in"):
        fields.CharField("value", use_in="sometimes")


def test_typed_data_is_typed_in_the_schema(databases):
    place = fields.EmbeddedField(
        "value",
        fields={
            "city": fields.CharField(),
            "spots": fields.ListField(of=fields.FloatField(), null=True),
        },
    )
    schema = named(place).schema()
    assert schema["type"] == "dict"
    assert schema["fields"]["city"]["type"] == "string"
    assert schema["fields"]["spots"]["items"]["type"] == "float"
    assert place.json_schema()["properties"]["spots"] == {
        "anyOf": [{"type": "array", "items": {"type": "number"}}, {"type": "null"}]
    }


@pytest.mark.parametrize(
    ("data", "place"),
    [
        ({"city": 1, "spots": [1, "x"]}, "value.spots.1"),
        ({"city": []}, "value.city"),
        ({"spots": []}, "value.city"),
        ({"city": "a", "town": "b"}, "town"),
        ([], "value"),
    ],
)
def test_errors_in_nested_data_name_the_field(databases, data, place):
    field = fields.EmbeddedField(
        "value",
        fields={
            "city": fields.CharField(),
            "spots": fields.ListField(of=fields.FloatField(), null=True),
        },
    )
    with pytest.raises(ApiFieldError) as caught:
        hydrated(field, {"value": data})
    assert place in str(caught.value)
