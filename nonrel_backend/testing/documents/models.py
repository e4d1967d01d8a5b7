"""Models with every kind of collection and embedded model."""

from typing import Any

from django.db import models

from ...fields import (
    BlobField,
    DictField,
    EmbeddedModel,
    EmbeddedModelField,
    ListField,
    PathIndex,
    RawField,
    SetField,
)


class Country(models.Model):
    name = models.CharField(max_length=50)


class Place(EmbeddedModel):
    lat = models.FloatField(null=True, blank=True)
    lng = models.FloatField(null=True, blank=True)


class Address(EmbeddedModel):
    street = models.CharField(max_length=50, blank=True)
    city = models.CharField(max_length=50, null=True, blank=True)
    zip = models.IntegerField(null=True, blank=True)
    since = models.DateField(null=True, blank=True)
    country = models.ForeignKey(Country, models.CASCADE, null=True, blank=True)
    place = EmbeddedModelField(Place, null=True, blank=True)
    phones = ListField(models.CharField(max_length=20), blank=True)


class Comment(EmbeddedModel):
    author = models.CharField(max_length=20)
    stars = models.IntegerField(null=True, blank=True)
    at = models.DateTimeField(null=True, blank=True)
    labels = ListField(models.CharField(max_length=20), blank=True)
    replies = ListField(EmbeddedModelField("Comment"), blank=True)


class Shape(EmbeddedModel):
    name = models.CharField(max_length=20)

    class Meta:
        abstract = True


class Circle(Shape):
    radius = models.FloatField()


class Square(Shape):
    side = models.FloatField()


class City(models.Model):
    name = models.CharField(max_length=50)
    population = models.IntegerField(default=0)
    tags = ListField(models.CharField(max_length=20), blank=True)
    kinds = SetField(models.CharField(max_length=20), blank=True)
    years = ListField(models.IntegerField(), null=True, blank=True)
    sizes = DictField(models.IntegerField(), blank=True)
    attributes = DictField(blank=True)
    address = EmbeddedModelField(Address, null=True, blank=True)
    comments = ListField(EmbeddedModelField(Comment), blank=True)
    shapes = ListField(EmbeddedModelField(Shape), blank=True)
    shape = EmbeddedModelField(models=["Circle", "Square"], null=True)
    raw = RawField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["tags"], name="city_tags"),
            models.Index(fields=["kinds"], name="city_kinds"),
            PathIndex("address__city", "-population", name="city_address_city"),
            PathIndex("comments__author", name="city_comment_author"),
            PathIndex("sizes__height", name="city_height"),
        ]


VALUES = [
    models.BigIntegerField,
    models.BooleanField,
    models.DateField,
    models.DateTimeField,
    models.DurationField,
    models.FloatField,
    models.TextField,
    models.TimeField,
    models.UUIDField,
]


def items() -> dict[str, Any]:
    """Return a field of every type that a collection may hold, by name."""
    found = {kind.__name__[:-5].lower(): kind(null=True) for kind in VALUES}
    found["decimal"] = models.DecimalField(max_digits=30, decimal_places=10, null=True)
    found["binary"] = models.BinaryField(null=True)
    found["raw"] = RawField(null=True)
    return found


class Leaves(EmbeddedModel):
    """An embedded model with a field of every type."""

    locals().update(items())


class Sample(models.Model):
    """A model with every collection of every type."""

    leaves = EmbeddedModelField(Leaves, null=True)
    blob = BlobField(null=True)
    nested = ListField(DictField(ListField(models.IntegerField())), null=True)
    tree = EmbeddedModelField(Comment, null=True)
    for name, field in items().items():
        locals()[f"list_{name}"] = ListField(field, null=True)
        locals()[f"dict_{name}"] = DictField(field, null=True)
        if name not in ("raw",):
            locals()[f"set_{name}"] = SetField(field, null=True)
    del name, field
