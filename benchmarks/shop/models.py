"""The benchmarks' models: authors, books, genres, readings."""

from django.db import models


class Author(models.Model):
    name = models.CharField(max_length=100, db_index=True)
    email = models.EmailField(unique=True)
    country = models.CharField(max_length=40, db_index=True)


class Genre(models.Model):
    name = models.CharField(max_length=40, unique=True)


class Book(models.Model):
    title = models.CharField(max_length=100, db_index=True)
    subtitle = models.CharField(max_length=100, null=True)
    author = models.ForeignKey(Author, models.CASCADE, related_name="books")
    price = models.DecimalField(max_digits=8, decimal_places=2)
    published = models.DateField(db_index=True)
    created = models.DateTimeField(db_index=True)
    rating = models.IntegerField(db_index=True)
    pages = models.IntegerField()
    shelf = models.IntegerField(db_index=True)
    stock = models.IntegerField(default=0)
    data = models.JSONField()
    genres = models.ManyToManyField(Genre, related_name="books")


class Reading(models.Model):
    """A model with a million rows, to measure the memory of `iterator()`."""

    name = models.CharField(max_length=40)
    value = models.IntegerField()
    price = models.DecimalField(max_digits=8, decimal_places=2)
    taken = models.DateTimeField()
