"""Countries, cities, and the travellers who visit them."""

from django.db import models

from nonrel_backend.fields import (
    EmbeddedModel,
    EmbeddedModelField,
    ListField,
    PathIndex,
)


class Country(models.Model):
    code = models.CharField(max_length=2, primary_key=True)
    name = models.CharField(max_length=100, unique=True)
    continent = models.CharField(max_length=2, db_index=True)
    capital = models.CharField(max_length=100, blank=True)
    area = models.DecimalField("area in km²", max_digits=12, decimal_places=2)
    population = models.BigIntegerField()
    languages = models.JSONField(default=list)

    class Meta:
        ordering = ["name"]
        verbose_name_plural = "countries"

    def __str__(self) -> str:
        return self.name


class Location(EmbeddedModel):
    """A place on the earth. It is stored in the row of what is there."""

    latitude = models.FloatField()
    longitude = models.FloatField()

    def __str__(self) -> str:
        return f"{self.latitude:.4f}, {self.longitude:.4f}"


class City(models.Model):
    id = models.IntegerField("GeoNames number", primary_key=True)
    name = models.CharField(max_length=200, db_index=True)
    country = models.ForeignKey(
        Country, on_delete=models.CASCADE, related_name="cities"
    )
    population = models.IntegerField(db_index=True)
    location = EmbeddedModelField(Location, null=True, blank=True)
    alternate_names = ListField(models.CharField(max_length=200), blank=True)
    timezone = models.CharField(max_length=50)

    class Meta:
        ordering = ["name"]
        verbose_name_plural = "cities"
        indexes = [
            models.Index(fields=["country", "-population"], name="atlas_city_largest"),
            models.Index(fields=["alternate_names"], name="atlas_city_other_names"),
            PathIndex("location__latitude", name="atlas_city_latitude"),
        ]

    def __str__(self) -> str:
        return self.name


class Tag(models.Model):
    name = models.SlugField(unique=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Traveller(models.Model):
    name = models.CharField(max_length=100, unique=True)
    home = models.ForeignKey(
        City, on_delete=models.SET_NULL, null=True, related_name="natives"
    )
    born = models.DateField(null=True, blank=True)
    tags = models.ManyToManyField(Tag, blank=True, related_name="travellers")

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Visit(models.Model):
    traveller = models.ForeignKey(
        Traveller, on_delete=models.CASCADE, related_name="visits"
    )
    city = models.ForeignKey(City, on_delete=models.CASCADE, related_name="visits")
    arrived = models.DateTimeField(db_index=True)
    nights = models.PositiveSmallIntegerField(default=1)
    spent = models.DecimalField(max_digits=10, decimal_places=2, null=True, blank=True)

    class Meta:
        ordering = ["-arrived"]
        constraints = [
            models.UniqueConstraint(
                fields=["traveller", "arrived"], name="atlas_one_place_at_a_time"
            ),
            models.CheckConstraint(
                condition=models.Q(nights__gte=1),
                name="atlas_at_least_one_night",
                violation_error_message="A visit is at least one night long.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.traveller} in {self.city}"
