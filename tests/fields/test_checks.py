"""System checks of declarations that could not work."""

import pytest
from django.db import models

NUMBER = iter(range(1000))


@pytest.fixture
def fields(databases):
    from django.apps import apps

    from nonrel_backend import fields

    waiting = dict(apps._pending_operations)
    yield fields
    # A wrong relation waits for a model that never comes.
    apps._pending_operations.clear()
    apps._pending_operations.update(waiting)


def embedded(fields, **attrs):
    """A new embedded model."""
    name = f"Checked{next(NUMBER)}"
    meta = type("Meta", (), {"app_label": "documents"})
    attrs = {"__module__": "tests.documents.models", "Meta": meta, **attrs}
    return type(name, (fields.EmbeddedModel,), attrs)


def found(field) -> list[str]:
    """The ids of what is wrong with a model that has the field."""
    from django.apps.registry import Apps

    meta = type("Meta", (), {"app_label": "documents", "apps": Apps()})
    attrs = {"__module__": __name__, "Meta": meta, "field": field}
    model = type(f"Holder{next(NUMBER)}", (models.Model,), attrs)
    return [each.id.removeprefix("nonrel_backend.") for each in model.check()]


def test_the_models_of_the_tests_are_right(documents):
    assert documents.City.check() == []
    assert documents.Sample.check() == []


def test_items_that_cannot_be_held(fields):
    for item in (
        models.ForeignKey("documents.Country", models.CASCADE),
        models.AutoField(primary_key=True),
        models.FileField(),
        models.ManyToManyField("documents.Country"),
        models.CharField(unique=True, max_length=5),
        "text",
    ):
        assert any("fields.E00" in each for each in found(fields.ListField(item)))


def test_items_within_items_are_looked_at(fields):
    field = fields.DictField(fields.ListField(models.FileField()))
    assert found(field) == ["fields.E003"]


def test_sets_hold_what_can_be_hashed(fields):
    assert found(fields.SetField(fields.ListField())) == ["fields.E006"]


def test_collections_are_not_unique(fields):
    assert found(fields.ListField(unique=True)) == ["fields.E001"]


def test_embedded_models_that_cannot_be_found(fields):
    assert found(fields.EmbeddedModelField("documents.Nothing")) == ["fields.E010"]
    assert found(fields.EmbeddedModelField()) == ["fields.E011"]


def test_models_with_tables_are_not_embedded(fields, documents):
    assert found(fields.EmbeddedModelField(documents.Country)) == ["fields.E012"]


@pytest.mark.parametrize(
    ("attrs", "number"),
    [
        ({"many": lambda: models.ManyToManyField("documents.Country")}, "E013"),
        ({"code": lambda: models.CharField(max_length=5, unique=True)}, "E014"),
        (
            {"one": lambda: models.OneToOneField("documents.Country", models.CASCADE)},
            "E014",
        ),
        ({"exact": lambda: models.IntegerField()}, "E015"),
        ({"name": lambda: models.IntegerField(db_column="a.b")}, "E015"),
        ({"upload": lambda: models.FileField()}, "E016"),
    ],
)
def test_what_an_embedded_model_cannot_have(fields, attrs, number):
    model = embedded(fields, **{name: make() for name, make in attrs.items()})
    assert found(fields.EmbeddedModelField(model)) == [f"fields.{number}"]
    outer = embedded(fields, inner=fields.EmbeddedModelField(model))
    assert found(fields.ListField(fields.EmbeddedModelField(outer))) == [
        f"fields.{number}"
    ]
