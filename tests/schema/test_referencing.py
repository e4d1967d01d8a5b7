"""A key that takes another type takes the columns that refer to it along."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.db import connection, migrations, models

APP = "referencing"
NUMBER = models.IntegerField(primary_key=True)
TEXT = models.CharField(max_length=20, primary_key=True)


@pytest.fixture
def migrate(run_operations) -> Callable[..., Any]:
    """Run operations one after the other; return the models they lead to."""
    return partial(run_operations, APP)


def create(
    name: str, /, *, bases: tuple = (models.Model,), **fields: models.Field
) -> migrations.CreateModel:
    return migrations.CreateModel(name, list(fields.items()), bases=bases)


def create_child(name: str, parent: str, **fields: models.Field):
    """Create a child model with its parent link, as makemigrations writes it."""
    link = refer(
        models.OneToOneField,
        parent,
        auto_created=True,
        parent_link=True,
        primary_key=True,
        serialize=False,
    )
    bases = (f"{APP}.{parent}",)
    return create(name, bases=bases, **{f"{parent}_ptr": link}, **fields)


def refer(kind: type[models.ForeignKey], to: str, **options: Any) -> models.ForeignKey:
    return kind(f"{APP}.{to}", on_delete=models.CASCADE, **options)


def make_text(model: str, name: str, **options: Any) -> migrations.AlterField:
    field = models.CharField(max_length=20, **options)
    return migrations.AlterField(model, name, field)


def model_of(apps, name: str) -> Any:
    return apps.get_model(APP, name)


def values_of(apps, name: str, *columns: str) -> list:
    rows = model_of(apps, name).objects.order_by("pk")
    return list(rows.values_list(*columns, flat=len(columns) == 1))


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (models.CharField(max_length=20, primary_key=True), "7"),
        (models.BigIntegerField(primary_key=True), 7),
        (models.DecimalField(max_digits=9, decimal_places=0, primary_key=True), 7),
    ],
    ids=["text", "bigint", "decimal"],
)
def test_references_are_converted_through_two_one_to_one_keys(migrate, key, expected):
    apps = migrate(
        create("Account", id=NUMBER, name=models.TextField()),
        create(
            "Profile", account=refer(models.OneToOneField, "Account", primary_key=True)
        ),
        create(
            "Badge", profile=refer(models.OneToOneField, "Profile", primary_key=True)
        ),
        create(
            "Visit",
            id=NUMBER,
            badge=refer(models.ForeignKey, "Badge", null=True),
        ),
    )
    account = model_of(apps, "Account").objects.create(id=7, name="a")
    profile = model_of(apps, "Profile").objects.create(account=account)
    badge = model_of(apps, "Badge").objects.create(profile=profile)
    model_of(apps, "Visit").objects.create(id=1, badge=badge)
    model_of(apps, "Visit").objects.create(id=2)

    apps = migrate(migrations.AlterField("Account", "id", key))

    assert values_of(apps, "Account", "pk") == [expected]
    assert values_of(apps, "Profile", "pk") == [expected]
    assert values_of(apps, "Badge", "pk") == [expected]
    assert values_of(apps, "Visit", "badge_id") == [expected, None]
    for name in ("Account", "Profile", "Badge"):
        assert model_of(apps, name).objects.get(pk=expected).pk == expected
    visits = model_of(apps, "Visit").objects
    assert visits.get(badge_id=expected).pk == 1
    assert visits.get(badge__profile__account__name="a").pk == 1
    badge = model_of(apps, "Badge").objects.get()
    assert badge.profile.account.name == "a"
    visits.create(id=3, badge=badge)
    assert badge.visit_set.count() == 2


def test_a_key_of_text_becomes_numbers_with_its_references(migrate):
    apps = migrate(
        create("Account", id=TEXT),
        create(
            "Profile", account=refer(models.OneToOneField, "Account", primary_key=True)
        ),
        create("Note", id=NUMBER, profile=refer(models.ForeignKey, "Profile")),
    )
    account = model_of(apps, "Account").objects.create(id="7")
    profile = model_of(apps, "Profile").objects.create(account=account)
    model_of(apps, "Note").objects.create(id=1, profile=profile)

    apps = migrate(migrations.AlterField("Account", "id", NUMBER))

    assert values_of(apps, "Profile", "pk") == [7]
    assert values_of(apps, "Note", "profile_id") == [7]
    assert model_of(apps, "Note").objects.get(profile__account=7).pk == 1


def test_references_of_a_table_to_itself_are_converted(migrate):
    apps = migrate(
        create(
            "Person",
            id=NUMBER,
            parent=refer(models.ForeignKey, "Person", null=True),
        )
    )
    people = model_of(apps, "Person").objects
    parent = people.create(id=1)
    people.create(id=2, parent=parent)

    apps = migrate(make_text("Person", "id", primary_key=True))

    assert values_of(apps, "Person", "pk", "parent_id") == [("1", None), ("2", "1")]
    people = model_of(apps, "Person").objects
    assert people.get(parent_id="1").parent == people.get(pk="1")


def test_references_without_a_reverse_name_are_converted(migrate):
    apps = migrate(
        create("Account", id=NUMBER),
        create(
            "Profile",
            account=refer(
                models.OneToOneField, "Account", primary_key=True, related_name="+"
            ),
        ),
        create(
            "Note",
            id=NUMBER,
            profile=refer(models.ForeignKey, "Profile", related_name="+"),
        ),
    )
    account = model_of(apps, "Account").objects.create(id=7)
    profile = model_of(apps, "Profile").objects.create(account=account)
    model_of(apps, "Note").objects.create(id=1, profile=profile)

    apps = migrate(make_text("Account", "id", primary_key=True))

    assert values_of(apps, "Profile", "pk") == ["7"]
    assert values_of(apps, "Note", "profile_id") == ["7"]
    assert model_of(apps, "Note").objects.get(profile__account="7").pk == 1


@pytest.mark.parametrize("altered", ["Group", "Member"])
def test_tables_of_many_to_many_fields_are_converted(migrate, altered):
    apps = migrate(
        create("Group", id=NUMBER),
        create(
            "Member",
            id=NUMBER,
            groups=models.ManyToManyField(f"{APP}.Group", related_name="members"),
        ),
    )
    member = model_of(apps, "Member").objects.create(id=1)
    member.groups.add(model_of(apps, "Group").objects.create(id=7))

    apps = migrate(make_text(altered, "id", primary_key=True))

    group, member = (model_of(apps, name).objects.get() for name in ("Group", "Member"))
    assert list(member.groups.all()) == [group]
    assert list(group.members.all()) == [member]
    through = type(member).groups.through.objects
    assert through.get().group_id == group.pk == ("7" if altered == "Group" else 7)
    assert through.get().member_id == member.pk == ("1" if altered == "Member" else 1)
    member.groups.set([])
    assert not through.exists()


def test_the_table_of_a_many_to_many_field_to_its_own_model_is_converted(migrate):
    apps = migrate(
        create(
            "Person",
            id=NUMBER,
            friends=models.ManyToManyField(f"{APP}.Person"),
        )
    )
    people = model_of(apps, "Person").objects
    people.create(id=1).friends.add(people.create(id=2))

    apps = migrate(make_text("Person", "id", primary_key=True))

    people = model_of(apps, "Person").objects
    assert people.get(pk="1").friends.get().pk == "2"
    assert people.get(friends="2").pk == "1"


def test_tables_of_child_models_are_converted(migrate):
    apps = migrate(
        create("Place", id=NUMBER, name=models.TextField()),
        create_child("Cafe", "place", seats=models.IntegerField()),
        create_child("Bakery", "cafe", ovens=models.IntegerField()),
        create("Order", id=NUMBER, bakery=refer(models.ForeignKey, "Bakery")),
    )
    bakery = model_of(apps, "Bakery").objects.create(id=7, name="a", seats=2, ovens=3)
    model_of(apps, "Order").objects.create(id=1, bakery=bakery)

    apps = migrate(make_text("Place", "id", primary_key=True))

    bakery = model_of(apps, "Bakery").objects.get(name="a", seats=2)
    assert (bakery.pk, bakery.ovens) == ("7", 3)
    assert model_of(apps, "Cafe").objects.get(pk="7").place_ptr_id == "7"
    assert model_of(apps, "Order").objects.get(bakery__seats=2).bakery_id == "7"


def test_references_to_a_unique_column_are_converted_and_others_are_not(migrate):
    apps = migrate(
        create("Country", id=NUMBER, code=models.IntegerField(unique=True)),
        create(
            "Capital",
            id=NUMBER,
            country=refer(models.ForeignKey, "Country", to_field="code", unique=True),
        ),
        create(
            "Mayor",
            id=NUMBER,
            capital=refer(models.ForeignKey, "Capital", to_field="country"),
        ),
        create("City", id=NUMBER, country=refer(models.ForeignKey, "Country")),
    )
    country = model_of(apps, "Country").objects.create(id=1, code=81)
    capital = model_of(apps, "Capital").objects.create(id=2, country=country)
    model_of(apps, "Mayor").objects.create(id=3, capital=capital)
    model_of(apps, "City").objects.create(id=4, country=country)

    apps = migrate(make_text("Country", "code", unique=True))

    assert values_of(apps, "Country", "pk", "code") == [(1, "81")]
    assert values_of(apps, "Capital", "country_id") == ["81"]
    assert values_of(apps, "Mayor", "capital_id") == ["81"]
    assert values_of(apps, "City", "country_id") == [1]
    assert model_of(apps, "Mayor").objects.get(capital__country__code="81").pk == 3
    assert model_of(apps, "City").objects.get(country__code="81").pk == 4


def test_sql_reads_a_converted_reference_as_its_new_type(migrate):
    account = models.ForeignKey(f"{APP}.Account", on_delete=models.CASCADE)
    apps = migrate(
        migrations.CreateModel("Account", [("id", NUMBER)]),
        migrations.CreateModel("Note", [("account", account), ("id", NUMBER)]),
    )
    account = apps.get_model(APP, "Account").objects.create(id=7)
    apps.get_model(APP, "Note").objects.create(id=1, account=account)

    migrate(migrations.AlterField("Account", "id", TEXT))

    with connection.cursor() as cursor:
        cursor.execute("SELECT account_id, id FROM referencing_note")
        assert cursor.fetchall() == [("7", 1)]
