"""Models whose foreign keys leave rows that refer to the database."""

from django.db import models


class Shelf(models.Model):
    name = models.CharField(max_length=10, unique=True)


class Box(models.Model):
    shelf = models.ForeignKey(Shelf, models.DB_CASCADE)
    within = models.ForeignKey("self", models.DB_CASCADE, null=True)


class Label(models.Model):
    box = models.ForeignKey(Box, models.DB_SET_NULL, null=True)
    shelf = models.ForeignKey(
        Shelf, models.DB_SET_DEFAULT, to_field="name", db_default="spare"
    )


class Loose(models.Model):
    shelf = models.ForeignKey(Shelf, models.DB_CASCADE, db_constraint=False)
