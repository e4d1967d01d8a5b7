"""ObjectId keys on every store: made by the client where the store has no such type."""

import json
import pickle

import pytest
from bson import ObjectId
from django.core import serializers
from django.db import IntegrityError
from django.db.models import Case, Count, F, Value


@pytest.fixture(params=["default", "lmdb", "oracle"])
def boxes(orders, request):
    orders.Thing.objects.using(request.param).all().delete()
    orders.Box.objects.using(request.param).all().delete()
    return orders.Box.objects.using(request.param)


@pytest.fixture
def things(orders, boxes):
    return orders.Thing.objects.using(boxes.db)


def test_keys_are_made_and_found(boxes):
    box = boxes.create(name="a")
    assert type(box.pk) is ObjectId
    assert boxes.get(pk=box.pk) == boxes.get(pk=str(box.pk)) == box
    assert type(boxes.get().pk) is ObjectId
    box.name = "b"
    box.save()
    assert boxes.get().name == "b"
    with pytest.raises(TypeError, match="expected an ObjectId"):
        boxes.get(pk=1)


def test_many_rows_and_given_keys(boxes):
    Box = boxes.model
    given = ObjectId()
    made = boxes.bulk_create([Box(name="a"), Box(pk=given, name="b"), Box(name="c")])
    assert given in {each.pk for each in made}
    assert {type(each.pk) for each in made} == {ObjectId}
    assert set(boxes.all()) == set(made)
    assert list(boxes.order_by("pk")) == sorted(made, key=lambda each: each.pk)
    with pytest.raises(IntegrityError):
        boxes.create(pk=given, name="again")


def test_relations(boxes, things):
    box, other = boxes.create(name="a"), boxes.create(name="b")
    thing = things.create(box=box, other=other.pk)
    things.create(box=None)
    assert things.get(box__name="a") == thing == things.get(box=box)
    assert things.select_related("box").get(other=str(other.pk)).box == box
    assert box.things.get() == thing
    counts = boxes.annotate(n=Count("things")).order_by("name").values_list("n")
    assert list(counts) == [(1,), (0,)]
    assert things.filter(other__in=boxes.values("pk")).get() == thing
    assert things.filter(box=F("other")).count() == 0
    rows = things.order_by(Case(default=Value(1)), "-box_id").values_list(
        "box", "other"
    )
    assert (box.pk, other.pk) in list(rows)
    box.delete()
    assert things.count() == 1


def test_fixtures_and_pickles(boxes):
    box = boxes.create(name="a")
    text = serializers.serialize("json", boxes.all())
    assert json.loads(text)[0]["pk"] == str(box.pk)
    assert pickle.loads(pickle.dumps(box)).pk == box.pk


def test_lists_of_them_are_read_filtered_and_finished_locally(things):
    key, other = ObjectId(), ObjectId()
    things.create(boxes=[key, other])
    things.create(boxes=[])
    locally = things.order_by(Case(default=Value(1)))
    for rows in (things.all(), locally):
        assert sorted(row.boxes for row in rows) == [[], [key, other]]
    assert things.filter(boxes__contains=[key]).count() == 1
    assert things.filter(boxes=[key, other]).count() == 1
    assert locally.filter(boxes__contains=[str(other)]).get().boxes[1] == other
    assert list(things.filter(boxes__0=key).values_list("boxes__1")) == [(other,)]
    text = serializers.serialize("json", things.all())
    (first, _) = serializers.deserialize("json", text)
    assert first.object.boxes in ([key, other], [])
