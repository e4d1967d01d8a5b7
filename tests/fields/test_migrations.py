"""Migrations: how fields are written, and how each change converts the rows."""

import pytest
from django.db import IntegrityError, NotSupportedError, connections, migrations, models
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.state import ModelState, ProjectState
from django.db.migrations.writer import MigrationWriter

ALIASES = ["default", "lmdb", "oracle"]
APP = "documents"


@pytest.fixture
def fields(databases):
    from nonrel_backend import fields

    return fields


def address(fields, **more):
    """Return a field that embeds an address with these fields."""
    found = {"street": models.CharField(max_length=50), **more}
    return fields.EmbeddedModelField(
        "documents.OldAddress",
        null=True,
        schema={"documents.OldAddress": list(found.items())},
    )


def state(**columns) -> ProjectState:
    found = ProjectState()
    key = ("id", models.BigAutoField(primary_key=True))
    found.add_model(ModelState(APP, "House", [key, *columns.items()]))
    return found


class Table:
    """A table of houses that is migrated from state to state."""

    def __init__(self, alias: str, **columns):
        self.alias = alias
        self.state = state(**columns)
        self.apply(lambda editor: editor.create_model(self.model))

    @property
    def model(self):
        return self.state.apps.get_model(APP, "House")

    @property
    def rows(self):
        return self.model.objects.using(self.alias)

    def apply(self, work):
        with connections[self.alias].schema_editor() as editor:
            work(editor)

    def migrate(self, operation):
        before, self.state = self.state, self.state.clone()
        operation.state_forwards(APP, self.state)
        self.apply(
            lambda editor: operation.database_forwards(APP, editor, before, self.state)
        )

    def alter(self, name, field):
        self.migrate(migrations.AlterField("House", name, field))


@pytest.fixture(params=ALIASES)
def houses(databases, request):
    made = []

    def make(**columns):
        made.append(Table(request.param, **columns))
        return made[-1]

    yield make
    for table in made:
        table.apply(lambda editor, table=table: editor.delete_model(table.model))


def detected(before: ProjectState, after: ProjectState) -> list:
    changes = MigrationAutodetector(before, after)._detect_changes()
    return [each for found in changes.values() for each in found[0].operations]


def loaded(operation):
    """Return an operation that was written into a migration and read back."""
    migration = type("Migration", (migrations.Migration,), {"operations": [operation]})
    text = MigrationWriter(migration("0001", APP)).as_string()
    scope: dict = {}
    exec(text, scope)
    return scope["Migration"].operations[0]


def test_models_are_written_and_read_back(documents):
    for model in (documents.City, documents.Sample):
        made = ModelState.from_model(model)
        operation = migrations.CreateModel(made.name, list(made.fields.items()))
        again = loaded(operation)
        before, after = ProjectState(), ProjectState()
        operation.state_forwards(APP, before)
        again.state_forwards(APP, after)
        assert detected(after, before) == []


def test_embedded_models_have_no_table(documents, databases):
    tables = databases["default"].introspection.table_names()
    assert "documents_city" in tables
    assert not {"documents_address", "documents_comment"} & set(tables)
    from django.apps import apps

    assert documents.Address not in apps.get_models()


def test_a_field_added_to_an_embedded_model_is_detected(fields):
    more = {"country": models.CharField(max_length=2, default="JP")}
    before, after = state(at=address(fields)), state(at=address(fields, **more))
    (operation,) = detected(before, after)
    assert isinstance(operation, migrations.AlterField)
    assert (
        "country"
        in MigrationWriter(
            type("M", (migrations.Migration,), {"operations": [operation]})("1", APP)
        ).as_string()
    )
    assert detected(after, after.clone()) == []


def test_a_field_added_to_an_embedded_model_is_filled(fields, houses):
    table = houses(at=address(fields))
    table.rows.create(at={"street": "a"})
    table.rows.create(at=None)
    table.alter("at", address(fields, country=models.CharField(default="JP")))
    found = list(table.rows.order_by("id"))
    assert found[0].at.country == "JP"
    assert found[0].at.street == "a"
    assert found[1].at is None
    assert table.rows.filter(at__country="JP").count() == 1


def test_a_field_inside_lists_and_dictionaries_is_filled(fields, houses):
    old = fields.ListField(fields.DictField(address(fields)))
    table = houses(at=old)
    table.rows.create(at=[{"x": {"street": "a"}, "none": None}, {}])
    more = address(fields, number=models.IntegerField(default=7))
    table.alter("at", fields.ListField(fields.DictField(more)))
    (found,) = table.rows.get().at[:1]
    assert found["x"].number == 7
    assert found["none"] is None


def test_a_null_is_not_filled(fields, houses):
    number = models.IntegerField(null=True, default=1)
    table = houses(at=address(fields, number=number))
    table.rows.create(at={"street": "a", "number": None})
    table.alter("at", address(fields, number=number, n=models.IntegerField(default=2)))
    found = table.rows.get().at
    assert (found.number, found.n) == (None, 2)


def test_a_field_removed_from_an_embedded_model_is_gone(fields, houses):
    table = houses(at=address(fields, city=models.CharField(max_length=9)))
    table.rows.create(at={"street": "a", "city": "b"})
    table.alter("at", address(fields))
    table.alter("at", address(fields, city=models.CharField(null=True)))
    assert table.rows.get().at.city is None
    assert table.rows.get().at.street == "a"


def test_keys_that_no_model_knew_are_kept_or_become_a_new_fields(fields, houses):
    known = {"zip": models.IntegerField(null=True)}
    table = houses(address=address(fields, **known))
    table.rows.create(address={"street": "a", "zip": 1, "geo": [1], "built": "1"})
    built = models.IntegerField(default=5)
    table.alter("address", address(fields, built=built))
    house = table.rows.get()
    assert house.address.built == 1
    house.save()
    table.alter("address", fields.DictField())
    wanted = {"street": "a", "geo": [1], "built": 1}
    assert table.rows.get().address == {**wanted, "_model": "documents.OldAddress"}


def test_a_field_renamed_with_its_old_column_keeps_its_values(fields, houses):
    table = houses(at=address(fields, city=models.CharField(max_length=9)))
    table.rows.create(at={"street": "a", "city": "Nara"})
    town = models.CharField(max_length=9, db_column="city")
    table.alter("at", address(fields, town=town))
    assert table.rows.get(at__town="Nara").at.town == "Nara"
    table.rows.create(at={"street": "b", "town": "Kobe"})
    assert table.rows.filter(at__town__in=["Nara", "Kobe"]).count() == 2


def test_a_field_is_renamed_in_two_steps(fields, houses):
    city = models.CharField(max_length=9)
    town = models.CharField(max_length=9, null=True)
    table = houses(at=address(fields, city=city))
    table.rows.create(at={"street": "a", "city": "Nara"})
    table.rows.create(at=None)
    table.alter("at", address(fields, city=city, town=town))
    old = table.rows.filter(at__isnull=False, at__town=None)
    assert old.update(at__town=models.F("at__city")) == 1
    table.alter("at", address(fields, town=town))
    assert [each.at and each.at.town for each in table.rows.order_by("id")] == [
        "Nara",
        None,
    ]


def test_a_field_of_another_type_is_converted(fields, houses):
    table = houses(at=address(fields, number=models.IntegerField()))
    table.rows.create(at={"street": "a", "number": 5})
    table.alter("at", address(fields, number=models.CharField()))
    assert table.rows.get().at.number == "5"
    assert table.rows.filter(at__number="5").exists()


def test_items_of_another_type_are_converted(fields, houses):
    table = houses(numbers=fields.ListField(models.IntegerField()))
    table.rows.create(numbers=[1, None, 3])
    table.alter("numbers", fields.ListField(models.CharField(max_length=5)))
    assert table.rows.get().numbers == ["1", None, "3"]
    assert table.rows.filter(numbers__contains="3").exists()


def test_a_list_becomes_a_set(fields, houses):
    table = houses(words=fields.ListField(models.CharField(max_length=5)))
    table.rows.create(words=["a", "b", "a"])
    table.alter("words", fields.SetField(models.CharField(max_length=5)))
    assert table.rows.get().words == {"a", "b"}


def test_a_column_is_added_and_removed(fields, houses):
    table = houses(name=models.CharField(max_length=5))
    table.rows.create(name="a")
    words = fields.ListField(models.CharField(max_length=5))
    table.migrate(migrations.AddField("House", "words", words))
    assert table.rows.get().words == []
    assert table.rows.filter(words__len=0).exists()
    table.migrate(migrations.RemoveField("House", "words"))
    assert table.rows.get().name == "a"


def test_a_nullable_column_becomes_required(fields, houses):
    words = fields.ListField(models.CharField(max_length=5, null=True), null=True)
    table = houses(words=words)
    table.rows.create(words=None)
    table.rows.create(words=[None])
    table.alter("words", fields.ListField(models.CharField(max_length=5, null=True)))
    assert [each.words for each in table.rows.order_by("id")] == [[], [None]]


@pytest.mark.native_documents("text has no index on a path")
def test_a_column_is_renamed_with_its_indexes(fields, houses):
    table = houses(at=address(fields))
    if table.alias == "oracle":
        pytest.skip("SQLite has no indexes on paths.")
    table.rows.create(at={"street": "a"})
    index = fields.PathIndex("at__street", name="house_street")
    table.migrate(migrations.AddIndex("House", index))
    assert "index house_street" in table.rows.filter(at__street="a").explain()
    table.migrate(migrations.RenameField("House", "at", "place"))
    assert table.rows.get(place__street="a").place.street == "a"
    assert "index house_street" in table.rows.filter(place__street="a").explain()
    table.migrate(migrations.RemoveIndex("House", "house_street"))
    assert "index house_street" not in table.rows.filter(place__street="a").explain()


def test_an_index_follows_the_type_of_its_path(fields, houses):
    table = houses(at=address(fields, number=models.IntegerField()))
    for number in (5, 40):
        table.rows.create(at={"street": "a", "number": number})
    index = fields.PathIndex("at__number", name="house_number")
    table.migrate(migrations.AddIndex("House", index))
    table.alter("at", address(fields, number=models.CharField()))
    assert [each.at.number for each in table.rows.filter(at__number="40")] == ["40"]
    assert table.rows.filter(at__number__gt="1").count() == 2
    table.rows.create(at={"street": "a", "number": "x"})
    assert table.rows.filter(at__number__startswith="x").count() == 1


def test_a_column_is_removed_with_its_indexes(fields, houses):
    table = houses(at=address(fields), n=models.IntegerField())
    index = fields.PathIndex("at__street", name="house_street")
    table.migrate(migrations.AddIndex("House", index))
    table.rows.create(at={"street": "a"}, n=1)
    table.migrate(migrations.RemoveIndex("House", "house_street"))
    table.migrate(migrations.AddIndex("House", index))
    with connections[table.alias].schema_editor() as editor:
        editor.remove_field(table.model, table.model._meta.get_field("at"))
    with connections[table.alias].cursor() as cursor:
        known = connections[table.alias].introspection.get_constraints(
            cursor, "documents_house"
        )
    assert "house_street" not in known


def test_json_becomes_a_dictionary(fields, houses):
    table = houses(extra=models.JSONField())
    table.rows.create(extra={"a": 1})
    table.alter("extra", fields.DictField(models.IntegerField()))
    assert table.rows.get().extra == {"a": 1}
    assert table.rows.filter(extra__a=1).exists()


def test_an_index_is_written_and_read_back(fields):
    index = fields.PathIndex("address__city", "-population", name="x")
    again = loaded(migrations.AddIndex("City", index))
    assert again.index == index


def test_a_path_is_unique(fields, houses):
    table = houses(at=address(fields), numbers=fields.DictField(null=True))
    street = models.UniqueConstraint(models.F("at__street"), name="unique_street")
    table.migrate(migrations.AddConstraint("House", street))
    table.rows.create(at={"street": "a"})
    table.rows.create(at=None)
    table.rows.create(at=None)
    with pytest.raises(IntegrityError):
        table.rows.create(at={"street": "a"})
    other = table.rows.create(at={"street": "b"})
    with pytest.raises(IntegrityError):
        table.rows.filter(pk=other.pk).update(at__street="a")
    with pytest.raises(IntegrityError):
        table.rows.bulk_create([table.model(at={"street": s}) for s in ("c", "b")])
    assert table.rows.filter(at__street="c").count() == 0
    assert table.rows.filter(pk=other.pk).update(at__street="c") == 1
    table.migrate(migrations.RemoveConstraint("House", "unique_street"))
    table.rows.create(at={"street": "a"})


def test_nulls_at_a_unique_path_are_not_equal(fields, houses):
    table = houses(numbers=fields.DictField(models.IntegerField()))
    key = models.UniqueConstraint(models.F("numbers__key"), name="unique_key")
    table.migrate(migrations.AddConstraint("House", key))
    for numbers in ({"key": None}, {"key": None}, {}, {}, {"key": 1}):
        table.rows.create(numbers=numbers)
    with pytest.raises(IntegrityError):
        table.rows.create(numbers={"key": 1})


def test_a_constraint_that_rows_violate_is_refused(fields, houses):
    table = houses(at=address(fields))
    table.rows.bulk_create([table.model(at={"street": "a"}) for _ in range(2)])
    street = models.UniqueConstraint(models.F("at__street"), name="unique_street")
    with pytest.raises(IntegrityError):
        table.migrate(migrations.AddConstraint("House", street))


def test_unique_constraints_on_items_are_refused(fields, houses):
    table = houses(at=fields.ListField(address(fields)))
    street = models.UniqueConstraint(models.F("at__street"), name="unique_street")
    with pytest.raises(NotSupportedError):
        table.migrate(migrations.AddConstraint("House", street))
