"""The models: authors and their books, with the indexes that the operations need."""

from django.db import models


class Author(models.Model):
    name = models.CharField(max_length=100)
    country = models.CharField(max_length=40, db_index=True)


class Book(models.Model):
    title = models.CharField(max_length=100)
    author = models.ForeignKey(Author, models.CASCADE)
    shelf = models.IntegerField()
    pages = models.IntegerField()
    price = models.DecimalField(max_digits=8, decimal_places=2)
    published = models.DateField()
    stock = models.IntegerField(default=0)

    class Meta:
        indexes = [models.Index(fields=["shelf", "published"], name="by_shelf")]
