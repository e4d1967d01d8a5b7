"""The models: authors, genres, books; published and pages are indexed."""

from django.db import models


class Author(models.Model):
    name = models.CharField(max_length=100, db_index=True)
    country = models.CharField(max_length=40, db_index=True)
    age = models.IntegerField()


class Genre(models.Model):
    name = models.CharField(max_length=40, unique=True)


class Book(models.Model):
    title = models.CharField(max_length=100)
    author = models.ForeignKey(Author, models.CASCADE)
    genres = models.ManyToManyField(Genre)
    pages = models.IntegerField(db_index=True)
    price = models.DecimalField(max_digits=8, decimal_places=2)
    published = models.DateField(db_index=True)
