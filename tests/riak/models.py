"""Models with Riak counters and sets."""

from django.db import models

from nonrel_backend.fields import DocumentManager
from nonrel_backend.riak.fields import CounterField, RiakSetField


class Page(models.Model):
    name = models.CharField(max_length=50, db_index=True)
    score = models.IntegerField(default=0)
    visits = CounterField()
    tags = RiakSetField(models.CharField(max_length=20), blank=True)
    years = RiakSetField(models.IntegerField(), blank=True)

    objects = DocumentManager()

    class Meta:
        app_label = "riak"
