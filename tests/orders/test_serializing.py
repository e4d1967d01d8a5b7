"""ObjectIds in Django REST framework's own serializers and in sessions."""

from importlib import import_module

import pytest
from bson import ObjectId
from django.test import override_settings


@pytest.fixture
def thing(orders):
    box = orders.Box.objects.create(name="a")
    return orders.Thing.objects.create(box=box, other=ObjectId())


@pytest.fixture
def ThingSerializer(orders):
    from rest_framework import serializers

    class ThingSerializer(serializers.ModelSerializer):
        class Meta:
            model = orders.Thing
            fields = "__all__"

    return ThingSerializer


def rendered(serializer):
    from rest_framework.renderers import JSONRenderer

    return JSONRenderer().render(serializer.data).decode()


def test_rest_frameworks_own_serializer(orders, thing, ThingSerializer):
    text = rendered(ThingSerializer(thing))
    for key in (thing.pk, thing.box_id, thing.other):
        assert f'"{key}"' in text
    data = {"box": str(thing.box_id), "other": str(thing.other)}
    serializer = ThingSerializer(data=data)
    assert serializer.is_valid(), serializer.errors
    made = serializer.save()
    assert (made.box, made.other) == (thing.box, thing.other)
    for name in ("box", "other"):
        serializer = ThingSerializer(data={**data, name: "no key"})
        assert not serializer.is_valid()
        assert list(serializer.errors) == [name]


SERIALIZER = "nonrel_backend.mongodb.converters.SessionSerializer"


@pytest.mark.parametrize("backend", ["db", "signed_cookies", "cache"])
def test_an_objectid_in_a_session(databases, backend):
    module = import_module(f"django.contrib.sessions.backends.{backend}")
    key, others = ObjectId(), {"$oid": 5, "text": "é", "$": [1]}
    with override_settings(SESSION_SERIALIZER=SERIALIZER):
        session = module.SessionStore()
        session.update({"seen": [key], "others": others})
        session.save()
        found = module.SessionStore(session.session_key)
        assert (found["seen"], found["others"]) == ([key], others)


def test_a_session_says_what_it_cannot_store():
    from nonrel_backend.mongodb.converters import SessionSerializer

    with pytest.raises(TypeError, match="is a set, which a session cannot store"):
        SessionSerializer().dumps({"a": {1}})
