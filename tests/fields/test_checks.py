"""System checks of fields and embedded models that are not supported."""

import pytest
from django.db import models

NUMBER = iter(range(1000))


@pytest.fixture
def fields(databases):
    from django.apps import apps

    from nonrel_backend import fields

    waiting = dict(apps._pending_operations)
    yield fields
    # An invalid relation waits for a model that does not exist.
    apps._pending_operations.clear()
    apps._pending_operations.update(waiting)


def embedded(fields, **attrs):
    """Return a new embedded model."""
    name = f"Checked{next(NUMBER)}"
    meta = type("Meta", (), {"app_label": "documents"})
    attrs = {"__module__": "tests.documents.models", "Meta": meta, **attrs}
    return type(name, (fields.EmbeddedModel,), attrs)


def found(field) -> list[str]:
    """Return the ids of the errors of a model that has the field."""
    from django.apps.registry import Apps

    meta = type("Meta", (), {"app_label": "documents", "apps": Apps()})
    attrs = {"__module__": __name__, "Meta": meta, "field": field}
    model = type(f"Holder{next(NUMBER)}", (models.Model,), attrs)
    return [each.id.removeprefix("nonrel_backend.") for each in model.check()]


def test_supported_models_have_no_errors(documents):
    assert documents.City.check() == []
    assert documents.Sample.check() == []


def test_unsupported_item_fields_are_errors(fields):
    for item in (
        models.ForeignKey("documents.Country", models.CASCADE),
        models.AutoField(primary_key=True),
        models.FileField(),
        models.ManyToManyField("documents.Country"),
        models.CharField(unique=True, max_length=5),
        "text",
    ):
        assert any(each.startswith("E00") for each in found(fields.ListField(item)))


def test_items_at_any_depth_are_checked(fields):
    field = fields.DictField(fields.ListField(models.FileField()))
    assert found(field) == ["E003"]


def test_sets_of_unhashable_items_are_errors(fields):
    assert found(fields.SetField(fields.ListField())) == ["E006"]


def test_unique_collections_are_errors(fields):
    assert found(fields.ListField(unique=True)) == ["E001"]


def test_missing_embedded_models_are_errors(fields):
    assert found(fields.EmbeddedModelField("documents.Nothing")) == ["E010"]
    assert found(fields.EmbeddedModelField()) == ["E011"]


def test_embedding_a_model_with_a_table_is_an_error(fields, documents):
    assert found(fields.EmbeddedModelField(documents.Country)) == ["E012"]


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
def test_unsupported_fields_of_embedded_models_are_errors(fields, attrs, number):
    model = embedded(fields, **{name: make() for name, make in attrs.items()})
    assert found(fields.EmbeddedModelField(model)) == [number]
    outer = embedded(fields, inner=fields.EmbeddedModelField(model))
    assert found(fields.ListField(fields.EmbeddedModelField(outer))) == [number]
