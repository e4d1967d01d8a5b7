"""Models with every kind of column and relation."""

from django.db import models


class Author(models.Model):
    name = models.CharField(max_length=50, db_index=True)
    email = models.CharField(max_length=50, unique=True, null=True)
    born = models.DateField(null=True)
    mentor = models.ForeignKey("self", models.SET_NULL, null=True)


class Genre(models.Model):
    name = models.CharField(max_length=50, unique=True)


class Book(models.Model):
    title = models.CharField(max_length=100, db_index=True)
    author = models.ForeignKey(Author, models.CASCADE, related_name="books")
    editor = models.ForeignKey(Author, models.CASCADE, null=True, related_name="edited")
    genres = models.ManyToManyField(Genre)
    pages = models.IntegerField(db_index=True)
    rating = models.FloatField(null=True)
    price = models.DecimalField(max_digits=8, decimal_places=2, null=True)
    published = models.DateTimeField(null=True, db_index=True)
    in_print = models.BooleanField(default=True)
    notes = models.JSONField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(pages__gte=-1000), name="book_pages_not_absurd"
            )
        ]


class Novel(Book):
    series = models.CharField(max_length=50, null=True)


class Offer(models.Model):
    """A model with unique columns, constraints and a generated column."""

    code = models.CharField(max_length=20, unique=True, null=True)
    label = models.CharField(max_length=20, unique=True, null=True)
    seller = models.CharField(max_length=20)
    active = models.BooleanField(default=True)
    price = models.IntegerField()
    amount = models.IntegerField()
    total = models.GeneratedField(
        expression=models.F("price") * models.F("amount"),
        output_field=models.IntegerField(),
        db_persist=True,
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(price__lte=models.F("amount")),
                name="offer_price_at_most_amount",
            ),
            models.UniqueConstraint(
                fields=["seller"],
                condition=models.Q(active=True),
                name="offer_one_active_of_a_seller",
            ),
        ]


class Copy(models.Model):
    token = models.UUIDField(primary_key=True)
    book = models.ForeignKey(Book, models.SET_NULL, null=True, related_name="copies")
    shelf = models.TextField(null=True)
    bought = models.DateField(null=True)
    opened = models.TimeField(null=True)
    lent_for = models.DurationField(null=True)
    worth = models.BigIntegerField(null=True, db_index=True)
    seen = models.DateTimeField(null=True, unique=True)
    cover = models.BinaryField(null=True)


class Counter(models.Model):
    name = models.CharField(max_length=20, unique=True)
    value = models.IntegerField(default=0)
    other = models.IntegerField(default=0, null=True)


class Tag(models.Model):
    name = models.CharField(max_length=20, primary_key=True)


class Place(models.Model):
    pk = models.CompositePrimaryKey("room", "number")
    room = models.CharField(max_length=20)
    number = models.IntegerField()
    note = models.CharField(max_length=20, null=True)


class Specimen(models.Model):
    """A model with one column of every type that Django has."""

    big = models.BigIntegerField(null=True)
    binary = models.BinaryField(null=True, editable=True)
    boolean = models.BooleanField(null=True)
    char = models.CharField(max_length=100, null=True)
    date = models.DateField(null=True)
    datetime = models.DateTimeField(null=True)
    decimal = models.DecimalField(max_digits=8, decimal_places=2, null=True)
    duration = models.DurationField(null=True)
    email = models.EmailField(null=True)
    file = models.FileField(null=True)
    filepath = models.FilePathField(null=True)
    float = models.FloatField(null=True)
    foreign = models.ForeignKey("self", models.CASCADE, null=True)
    indexed = models.CharField(max_length=100, null=True, unique=True)
    integer = models.IntegerField(null=True)
    ip = models.GenericIPAddressField(null=True)
    json = models.JSONField(null=True)
    many = models.ManyToManyField("self", symmetrical=False, related_name="ynam")
    one = models.OneToOneField("self", models.CASCADE, null=True, related_name="eno")
    positive = models.PositiveIntegerField(null=True)
    positive_big = models.PositiveBigIntegerField(null=True)
    positive_small = models.PositiveSmallIntegerField(null=True)
    slug = models.SlugField(null=True)
    small = models.SmallIntegerField(null=True)
    text = models.TextField(null=True)
    time = models.TimeField(null=True)
    url = models.URLField(null=True)
    uuid = models.UUIDField(null=True)
