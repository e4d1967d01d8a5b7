"""Embedded models with fields that forms do not show and that saving fills."""

from uuid import uuid4

from django.core.exceptions import ValidationError
from django.db import models

from nonrel_backend.fields import (
    DictField,
    EmbeddedModel,
    EmbeddedModelField,
    ListField,
)
from nonrel_backend.mongodb.fields import ObjectIdAutoField, ObjectIdField


class Location(EmbeddedModel):
    lat = models.FloatField(null=True, blank=True)
    lng = models.FloatField(null=True, blank=True)

    def clean(self):
        if (self.lat is None) != (self.lng is None):
            raise ValidationError("Give both, or none.")


class Line(EmbeddedModel):
    name = models.CharField(max_length=20, blank=True)
    amount = models.IntegerField(null=True, blank=True)
    serial = models.CharField(max_length=20, default="none", editable=False)
    key = models.UUIDField(default=uuid4, editable=False)
    created = models.DateTimeField(auto_now_add=True)
    changed = models.DateTimeField(auto_now=True)
    parts = ListField(EmbeddedModelField("Line"), blank=True)


class Customer(models.Model):
    name = models.CharField(max_length=20)
    location = EmbeddedModelField(Location, null=True, blank=True)


class Order(models.Model):
    customer = models.ForeignKey(Customer, models.CASCADE, null=True, blank=True)
    tags = ListField(models.CharField(max_length=20), blank=True)
    first = EmbeddedModelField(Line, null=True, blank=True)
    lines = ListField(EmbeddedModelField(Line), blank=True)
    named = DictField(EmbeddedModelField(Line), blank=True)
    total = models.IntegerField(default=0)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(total__gte=0), name="orders_order_total_chk"
            )
        ]


class Box(models.Model):
    """A model whose key is an ObjectId, on every store."""

    id = ObjectIdAutoField(primary_key=True)
    name = models.CharField(max_length=20)


class Thing(models.Model):
    id = ObjectIdAutoField(primary_key=True)
    box = models.ForeignKey(Box, models.CASCADE, null=True, related_name="things")
    other = ObjectIdField(null=True, db_index=True)
    boxes = ListField(ObjectIdField(), blank=True)
