"""Models with ObjectId keys in every kind of relation, the project's users too."""

from django.contrib.auth.models import AbstractUser
from django.contrib.contenttypes.fields import GenericForeignKey, GenericRelation
from django.contrib.contenttypes.models import ContentType
from django.db import models

from nonrel_backend.mongodb.fields import ObjectIdField


class User(AbstractUser):
    pass


class Note(models.Model):
    """Refers to anything by the text of its key."""

    text = models.CharField(max_length=50)
    content_type = models.ForeignKey(ContentType, models.CASCADE)
    object_id = models.CharField(max_length=24)
    subject = GenericForeignKey()


class Label(models.Model):
    name = models.CharField(max_length=50)


class Shelf(models.Model):
    name = models.CharField(max_length=50)
    notes = GenericRelation(Note)

    def __str__(self):
        return self.name


class Item(models.Model):
    name = models.CharField(max_length=50)
    shelf = models.ForeignKey(Shelf, models.CASCADE, null=True, related_name="items")
    labels = models.ManyToManyField(Label)
    seen_in = ObjectIdField(null=True, blank=True)

    def __str__(self):
        return self.name


class Lamp(Item):
    watts = models.IntegerField()


class Manual(models.Model):
    item = models.OneToOneField(Item, models.CASCADE, primary_key=True)
