"""Models of tables that other programs have made."""

from django.db import models

from nonrel_backend.dynamodb.managers import DynamoDBManager
from nonrel_backend.fields import EmbeddedModel, EmbeddedModelField, ListField, SetField


class Band(models.Model):
    name = models.CharField(max_length=50, primary_key=True)
    country = models.CharField(max_length=50, null=True)

    class Meta:
        app_label = "existing"
        managed = False
        db_table = "bands"


class Label(EmbeddedModel):
    name = models.TextField()
    city = models.TextField(null=True)

    class Meta:
        app_label = "existing"


class Song(models.Model):
    pk = models.CompositePrimaryKey("artist", "title")
    artist = models.ForeignKey(Band, models.DO_NOTHING, db_column="Artist")
    title = models.CharField(max_length=50, db_column="Title")
    year = models.IntegerField(null=True)
    rating = models.FloatField(null=True)
    plays = models.IntegerField(default=0)
    price = models.DecimalField(max_digits=8, decimal_places=2, null=True)
    tags = SetField(models.TextField(), null=True)
    sizes = SetField(models.IntegerField(), null=True)
    takes = ListField(models.IntegerField(), null=True)
    label = EmbeddedModelField(Label, null=True)
    data = models.JSONField(null=True)

    objects = DynamoDBManager()

    class Meta:
        app_label = "existing"
        managed = False
        db_table = "Songs"


class LateSong(Song):
    """Songs whose queries may be answered with what was lately."""

    objects = DynamoDBManager()

    class Meta:
        app_label = "existing"
        proxy = True

    class DynamoMeta:
        consistent = False


class User(models.Model):
    """A part of a table of several kinds of items."""

    pk = models.CompositePrimaryKey("owner", "kind")
    owner = models.CharField(max_length=50, db_column="PK")
    kind = models.CharField(max_length=50, db_column="SK")
    name = models.CharField(max_length=50)

    objects = DynamoDBManager()

    class Meta:
        app_label = "existing"
        managed = False
        db_table = "app_user"

    class DynamoMeta:
        table = "App"
        where = models.Q(owner__startswith="USER#", kind="PROFILE")


class Invoice(models.Model):
    """The other part: invoices of a user have his partition key."""

    pk = models.CompositePrimaryKey("owner", "number")
    owner = models.CharField(max_length=50, db_column="PK")
    number = models.CharField(max_length=50, db_column="SK")
    total = models.IntegerField()

    objects = DynamoDBManager()

    class Meta:
        app_label = "existing"
        managed = False
        db_table = "app_invoice"

    class DynamoMeta:
        table = "App"
        where = models.Q(number__startswith="INVOICE#")
