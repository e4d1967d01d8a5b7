"""Models with datetimes inside documents of every kind."""

from django.apps.registry import Apps
from django.db import models

from nonrel_backend.fields import (
    AddToSet,
    DictField,
    DocumentManager,
    EmbeddedModel,
    EmbeddedModelField,
    ListField,
    Pull,
    Push,
    RawField,
    SetField,
    SetKey,
)

__all__ = ["AddToSet", "Pull", "Push", "SetKey", "Stamp", "Stop", "Trip"]


class Stop(EmbeddedModel):
    name = models.CharField(max_length=20, blank=True)
    start = models.DateTimeField(null=True, blank=True)
    days = ListField(models.DateTimeField(), blank=True)
    inner = EmbeddedModelField("Stop", null=True, blank=True)

    class Meta:
        app_label = "library"


class Stamp(EmbeddedModel):
    made = models.DateTimeField(auto_now_add=True)
    changed = models.DateTimeField(auto_now=True)

    class Meta:
        app_label = "library"


class Trip(models.Model):
    name = models.CharField(max_length=20, blank=True)
    place = EmbeddedModelField(Stop, null=True, blank=True)
    stamp = EmbeddedModelField(Stamp, null=True, blank=True)
    some = EmbeddedModelField(models=[Stop, Stamp], null=True, blank=True)
    stops = ListField(EmbeddedModelField(Stop), blank=True)
    days = ListField(models.DateTimeField(null=True), null=True, default=list)
    grid = ListField(ListField(models.DateTimeField()), blank=True)
    kinds = SetField(models.DateTimeField(), blank=True)
    marks = DictField(models.DateTimeField(null=True), blank=True)
    plans = DictField(ListField(models.DateTimeField()), blank=True)
    tree = DictField(DictField(models.DateTimeField()), blank=True)
    counts = DictField(models.IntegerField(), blank=True)
    raw = RawField(null=True, blank=True)
    data = models.JSONField(null=True, blank=True)

    objects = DocumentManager()

    class Meta:
        app_label = "library"
        apps = Apps()
