"""Models of the tests, with all kinds of relations and keys."""

import uuid

from django.contrib.contenttypes.fields import GenericForeignKey
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import ValidationError
from django.core.validators import FileExtensionValidator
from django.db import models

from nonrel_backend.fields import ListField


class Author(models.Model):
    name = models.CharField(max_length=50, unique=True)
    born = models.DateField(null=True, blank=True)
    mentor = models.ForeignKey("self", models.SET_NULL, null=True, blank=True)

    class Meta:
        ordering = ["name"]


class Genre(models.Model):
    name = models.CharField(max_length=20, unique=True)


class LoudGenre(Genre):
    """A proxy, with signals of its own."""

    class Meta:
        proxy = True


class Note(models.Model):
    """The entry of the quick start, with columns of most types."""

    slug = models.SlugField(unique=True)
    title = models.CharField(max_length=30)
    content = models.TextField(blank=True)
    author = models.ForeignKey(Author, models.CASCADE, related_name="notes")
    genres = models.ManyToManyField(Genre, related_name="notes", blank=True)
    pages = models.IntegerField(default=0, help_text="How many there are.")
    rating = models.FloatField(null=True, blank=True)
    price = models.DecimalField(max_digits=8, decimal_places=2, null=True, blank=True)
    is_active = models.BooleanField(default=True)
    extra = models.JSONField(default=dict, blank=True)
    read_at = models.TimeField(null=True, blank=True)
    created = models.DateTimeField(null=True, blank=True)
    updated = models.DateTimeField(auto_now=True)

    def get_absolute_url(self):
        return f"/notes/{self.slug}/"

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(pages__gte=0), name="rest_note_pages"
            )
        ]


class Comment(models.Model):
    """A model that requires its relation."""

    note = models.ForeignKey(Note, models.CASCADE, related_name="comments")
    text = models.CharField(max_length=50)
    written = models.DateTimeField(auto_now_add=True)


class Token(models.Model):
    """A model whose key is not a number."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=20)


class Country(models.Model):
    """A model whose key is a string."""

    code = models.CharField(max_length=5, primary_key=True)
    name = models.CharField(max_length=50)


class Page(models.Model):
    """A model with a version field."""

    text = models.CharField(max_length=50)
    version = models.IntegerField(default=0, editable=False)


class Seat(models.Model):
    """A model with a composite key."""

    pk = models.CompositePrimaryKey("line", "number")
    line = models.CharField(max_length=2)
    number = models.IntegerField()
    taken = models.BooleanField(default=False)


class Job(models.Model):
    """A model that a OneToOneField leads to."""

    name = models.CharField(max_length=20, unique=True)


class Payment(models.Model):
    """A model with a OneToOneField that may be null."""

    job = models.OneToOneField(
        Job, models.CASCADE, related_name="payment", null=True, blank=True
    )
    amount = models.IntegerField()


class Badge(models.Model):
    """A model that requires its OneToOneField."""

    job = models.OneToOneField(Job, models.CASCADE, related_name="badge")
    color = models.CharField(max_length=20)


class Tour(models.Model):
    """A model with defaults that are empty, and a rule of its own."""

    name = models.CharField(max_length=20)
    note = models.CharField(max_length=20, blank=True)
    languages = models.JSONField(default=list)
    stops = ListField(models.CharField(max_length=10), default=list)
    first = models.IntegerField(default=1)
    last = models.IntegerField(default=1)
    guide = models.ForeignKey(Author, models.CASCADE, null=True, blank=True)

    def clean(self):
        self.note = self.note.strip()
        if self.last < self.first:
            raise ValidationError({"last": "It is before the first."})


class Paper(models.Model):
    """A model with a file."""

    name = models.CharField(max_length=20)
    scan = models.FileField(upload_to="papers", blank=True)


class Diary(Page):
    """A model with a parent."""

    owner = models.CharField(max_length=20)


class Mark(models.Model):
    """A model with a generic foreign key."""

    text = models.CharField(max_length=20)
    content_type = models.ForeignKey(ContentType, models.CASCADE)
    object_id = models.PositiveBigIntegerField()
    of = GenericForeignKey("content_type", "object_id")


class Photo(models.Model):
    """A model with an image and a file, for uploads."""

    name = models.CharField(max_length=20, unique=True)
    image = models.ImageField(upload_to="photos", width_field="width", max_length=60)
    width = models.IntegerField(null=True, blank=True, editable=False)
    notes = models.FileField(
        upload_to="notes", blank=True, validators=[FileExtensionValidator(["txt"])]
    )
    tags = models.JSONField(default=list, blank=True)
    taken = models.DateField(null=True, blank=True)
    rank = models.IntegerField(default=0)
    author = models.ForeignKey(Author, models.CASCADE, null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(rank__gte=0), name="rest_photo_rank"
            )
        ]
