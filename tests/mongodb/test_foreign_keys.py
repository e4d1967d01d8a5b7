"""Keys that other programs chose: of several types, as text, and compound ones."""

import pickle
import uuid

import pytest
from bson import Binary, ObjectId
from django.apps.registry import Apps
from django.db import connection, models
from django.db.models import Case, Value, When

from tests.adopted import made_by_others

OBJECT_ID, TOKEN = ObjectId(), uuid.uuid4()


def created(*made):
    with connection.schema_editor() as editor:
        for model in made:
            editor.create_model(model)
            model.collection = connection.database[model._meta.db_table]
            made_by_others(model)
    yield made[0] if len(made) == 1 else made
    with connection.schema_editor() as editor:
        for model in reversed(made):
            editor.delete_model(model)


@pytest.fixture
def mixed(library):
    """Return models of text keys and of references, with keys of five types."""
    registry = Apps()

    class Mixed(models.Model):
        code = models.CharField(primary_key=True, max_length=40)
        name = models.CharField(max_length=9)

        class Meta:
            app_label = "library"
            apps = registry

    class Referring(models.Model):
        mixed = models.ForeignKey(Mixed, models.CASCADE, related_name="referring")

        class Meta:
            app_label = "library"
            apps = registry

    for made in created(Mixed, Referring):
        keys = ["ac3", OBJECT_ID, 7, 8.0, Binary.from_uuid(TOKEN), "9"]
        Mixed.collection.insert_many(
            {"_id": key, "name": f"n{number}"} for number, key in enumerate(keys)
        )
        Referring.collection.insert_many(
            {"_id": number, "mixed_id": key} for number, key in enumerate(keys)
        )
        yield made


@pytest.fixture
def tokens(library):
    class Token(models.Model):
        id = models.UUIDField(primary_key=True)
        name = models.CharField(max_length=9)

        class Meta:
            app_label = "library"
            apps = Apps()

    for made in created(Token):
        keys = [str(uuid.uuid4()), uuid.uuid4().hex, Binary.from_uuid(TOKEN)]
        made.collection.insert_many({"_id": key, "name": "a"} for key in keys)
        yield made


@pytest.fixture
def totals(library):
    """Return a model with a composite key over documents of both layouts."""

    class Total(models.Model):
        pk = models.CompositePrimaryKey("day", "country")
        day = models.CharField(max_length=10)
        country = models.CharField(max_length=2)
        total = models.IntegerField()

        class Meta:
            app_label = "library"
            apps = Apps()

    for made in created(Total):
        made.collection.insert_many(
            [
                {"_id": {"day": "1", "country": "AT"}, "total": 1},
                {"_id": {"country": "DE", "day": "1"}, "total": 2},
            ]
        )
        made.objects.create(day="2", country="AT", total=3)
        yield made


def rows(model):
    return list(model.collection.find())


def locally(queryset):
    return queryset.order_by(Case(When(name="n2", then=Value(1)), default=Value(0)))


def test_saving_rows_with_keys_of_other_types_makes_no_duplicates(mixed):
    model, _ = mixed
    before = rows(model)
    for each in [*model.objects.all(), *locally(model.objects.all())]:
        each.save()
    assert rows(model) == before


def test_a_key_of_another_type_is_found_by_itself_and_by_its_text(mixed):
    model, _ = mixed
    texts = ["ac3", str(OBJECT_ID), "7", "8", str(TOKEN), "9"]
    assert sorted(model.objects.values_list("pk", flat=True)) == sorted(texts)
    for each in model.objects.all():
        each.refresh_from_db()
        assert model.objects.get(pk=each.pk).name == each.name
        assert model.objects.get(pk=str(each.pk)).name == each.name
    assert model.objects.filter(pk__in=texts).count() == len(texts)
    assert model.objects.exclude(pk__in=texts[1:]).get().pk == "ac3"


def test_an_integer_and_its_text_are_two_keys(mixed):
    model, _ = mixed
    model.collection.insert_one({"_id": "7", "name": "text"})
    for each in model.objects.all():
        each.name += "!"
        each.save()
    assert model.collection.find_one({"_id": 7})["name"] == "n2!"
    assert model.collection.find_one({"_id": "7"})["name"] == "text!"


def test_foreign_keys_of_other_types_join(mixed):
    model, referring = mixed
    names = {f"n{number}" for number in range(6)}
    every = referring.objects
    assert {each.mixed.name for each in every.all()} == names
    assert {each.mixed.name for each in every.select_related("mixed")} == names
    assert {each.mixed.name for each in every.prefetch_related("mixed")} == names
    assert [each.referring.count() for each in model.objects.all()] == [1] * 6
    assert every.filter(mixed__name="n1").get().mixed_id == str(OBJECT_ID)


def test_saving_a_reference_keeps_its_type(mixed):
    _, referring = mixed
    before = rows(referring)
    for each in referring.objects.all():
        each.save()
    assert rows(referring) == before


def test_rows_are_deleted_by_a_key_of_another_type(mixed):
    model, referring = mixed
    found = model.objects.get(pk=str(OBJECT_ID))
    found.referring.all().delete()
    found.delete()
    assert model.collection.count_documents({}) == 5
    assert referring.collection.count_documents({}) == 5


def test_a_key_keeps_its_type_in_a_pickle(mixed):
    model, _ = mixed
    before = rows(model)
    for each in pickle.loads(pickle.dumps([each.pk for each in model.objects.all()])):
        assert model.objects.filter(pk=each).update(name="a") == 1
    assert [each["_id"] for each in rows(model)] == [each["_id"] for each in before]


def test_uuid_keys_as_text_are_found_and_saved(tokens):
    before = rows(tokens)
    for each in tokens.objects.all():
        each.save()
        each.refresh_from_db()
        plain = uuid.UUID(str(each.pk))
        assert tokens.objects.filter(pk=plain).count() == 1
        assert tokens.objects.filter(pk__in=[plain]).count() == 1
    for each in locally(tokens.objects.all()):
        each.save()
    assert rows(tokens) == before


def test_compound_keys_are_read_filtered_and_saved(totals):
    before = rows(totals)
    assert [each.pk for each in totals.objects.all()] == [
        ("1", "AT"),
        ("1", "DE"),
        ("2", "AT"),
    ]
    for each in totals.objects.all():
        each.save()
        each.refresh_from_db()
        assert totals.objects.get(pk=each.pk).total == each.total
    assert rows(totals) == before
    assert totals.objects.filter(day="1").count() == 2
    assert totals.objects.exclude(country="AT").get().total == 2
    assert totals.objects.filter(day__gt="1").get().total == 3
    by_country = totals.objects.order_by("-country", "day")
    assert [each.total for each in by_country] == [2, 1, 3]
    sums = totals.objects.values("day").annotate(sum=models.Sum("total"))
    assert sorted((each["day"], each["sum"]) for each in sums) == [("1", 3), ("2", 3)]


def test_compound_keys_are_updated_and_deleted(totals):
    every = list(totals.objects.all())
    for each in every:
        each.total += 10
    assert totals.objects.bulk_update(every, ["total"]) == 3
    assert [each["total"] for each in rows(totals)] == [11, 12, 13]
    totals.objects.get(country="DE").delete()
    assert totals.objects.filter(day="1").delete()[0] == 1
    assert [each["total"] for each in rows(totals)] == [13]


def test_the_log_describes_an_update_by_a_composite_key(library):
    class Pair(models.Model):
        pk = models.CompositePrimaryKey("a", "b")
        a = models.IntegerField()
        b = models.IntegerField()
        name = models.CharField(max_length=9)

        class Meta:
            app_label = "library"
            apps = Apps()

    for _ in created(Pair):
        connection.force_debug_cursor = True
        try:
            pair = Pair.objects.create(a=1, b=2, name="x")
            pair.save()
            assert "_id" in connection.queries[-1]["sql"]
        finally:
            connection.force_debug_cursor = False
