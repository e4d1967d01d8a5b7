"""ObjectId keys: relations, lookups, the admin, fixtures, forms, migrations."""

import json
import pickle
from io import StringIO
from types import SimpleNamespace

import pytest
from bson import ObjectId
from django.apps.registry import Apps
from django.core import checks, serializers
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.db import DataError, connection, models
from django.db.migrations.writer import MigrationWriter
from django.db.models import (
    Case,
    Count,
    Exists,
    F,
    Max,
    Min,
    OuterRef,
    Q,
    Subquery,
    Value,
    When,
    Window,
)
from django.db.models.functions import Cast, Coalesce, FirstValue, Upper
from django.forms import modelform_factory
from django.test import Client, override_settings
from django.test.utils import setup_test_environment, teardown_test_environment
from django.urls import NoReverseMatch, reverse

from nonrel_backend.mongodb import forms
from nonrel_backend.mongodb.fields import ObjectIdAutoField, ObjectIdField

PATH = "nonrel_backend.mongodb.fields.ObjectIdAutoField"
ABSENT = ObjectId("0123456789abcdef01234567")


@pytest.fixture(params=["default", "oracle"])
def database(request):
    return request.param


@pytest.fixture
def shop(databases):
    """The models of tests.objectids, with no rows in either database."""
    from django.contrib.admin.models import LogEntry

    from tests.objectids import models as shop

    labelled = shop.Item.labels.through
    rows = [labelled, shop.Lamp, shop.Manual, shop.Item, shop.Shelf, shop.Label]
    for alias in databases:
        for model in (LogEntry, *rows, shop.Note, shop.User):
            model._base_manager.using(alias).all()._raw_delete(alias)
    return shop


@pytest.fixture
def shelves(shop, database):
    return shop.Shelf.objects.using(database)


def test_a_key_is_made_when_the_row_is_inserted(shop, shelves, database):
    shelf = shop.Shelf(name="a")
    assert shelf.pk is None
    shelf.save(using=database)
    assert type(shelf.pk) is ObjectId
    assert shelves.get() == shelf


def test_the_document_holds_an_objectid(shop):
    shelf = shop.Shelf.objects.create(name="a")
    item = shop.Item.objects.create(name="i", shelf=shelf)
    (document,) = connection.database["objectids_item"].find()
    assert document == {"_id": item.pk, "name": "i", "shelf_id": shelf.pk}
    assert connection.database["nonrel_sequences"].find_one("objectids_item") is None


def test_bulk_create_returns_the_keys(shop, shelves):
    given = shop.Shelf(pk=ABSENT, name="given")
    made = shelves.bulk_create([shop.Shelf(name="a"), given, shop.Shelf(name="b")])
    assert [type(each.pk) for each in made] == [ObjectId] * 3
    assert set(shelves.all()) == set(made)


def test_a_saved_row_is_updated_by_its_key(shelves):
    shelf = shelves.create(name="a")
    shelf.name = "b"
    shelf.save()
    assert shelves.get(pk=str(shelf.pk)).name == "b"
    assert shelves.count() == 1
    shelf.delete()
    assert not shelves.exists()


@pytest.mark.parametrize("key", ["abc", "", "1", "x" * 24])
def test_a_malformed_key_is_a_value_error(shop, shelves, key):
    with pytest.raises(ValueError, match="'id' expected an ObjectId but got"):
        shelves.get(pk=key)
    with pytest.raises(ValueError):
        shelves.filter(items__id__in=[key])
    with pytest.raises(ValueError):
        list(shop.Item.objects.filter(shelf_id=key))


def test_another_type_is_a_type_error(shelves):
    for key in (7, [], {"$gt": ""}):
        with pytest.raises(TypeError, match="expected an ObjectId"):
            shelves.get(pk=key)


def test_cleaning_a_malformed_value_is_a_validation_error(shop):
    with pytest.raises(ValidationError, match="is not a valid ObjectId"):
        shop.Item(name="i", seen_in="abc").clean_fields()
    assert ObjectIdAutoField().to_python(str(ABSENT)) == ABSENT


def test_comparisons_and_order_are_those_of_the_keys(shop, shelves):
    made = shelves.bulk_create(
        shop.Shelf(pk=ObjectId(f"{n:02x}" * 12), name=str(n)) for n in (9, 250, 16, 0)
    )
    ordered = sorted(made, key=lambda shelf: shelf.pk)
    assert list(shelves.order_by("pk")) == ordered
    assert list(shelves.order_by("-pk")) == ordered[::-1]
    middle = ordered[2].pk
    assert list(shelves.filter(pk__gt=middle)) == ordered[3:]
    assert set(shelves.filter(pk__lte=str(middle))) == set(ordered[:3])
    between = shelves.filter(pk__range=(ordered[1].pk, middle))
    assert set(between) == set(ordered[1:3])
    assert shelves.exclude(pk__in=[each.pk for each in made[1:]]).get() == made[0]
    assert shelves.filter(pk__isnull=False).count() == 4
    assert not shelves.filter(pk__isnull=True).exists()
    # Finished locally: the keys are text there.
    local = shelves.annotate(loud=Upper("name")).exclude(loud="x")
    assert list(local.filter(pk__gte=middle).order_by("pk")) == ordered[2:]
    assert shelves.aggregate(last=Max("pk")) == {"last": ordered[-1].pk}
    assert shelves.filter(pk__startswith="fa").get().name == "250"


def test_relations_lead_both_ways(shop, database):
    shelf, empty = (shop.Shelf.objects.using(database).create(name=n) for n in "se")
    items = shop.Item.objects.using(database)
    one, two = (items.create(name=name, shelf=shelf) for name in ("one", "two"))
    alone = items.create(name="alone")
    assert set(shelf.items.all()) == {one, two}
    assert items.select_related("shelf").get(name="one").shelf == shelf
    assert set(items.filter(shelf__name="s")) == {one, two}
    assert items.get(shelf=None) == alone
    shelves = shop.Shelf.objects.using(database)
    assert shelves.filter(items__name="one").get() == shelf
    found = shelves.prefetch_related("items").order_by("name")
    assert [len(each.items.all()) for each in found] == [0, 2]
    assert list(
        items.values_list("shelf").annotate(n=Count("pk")).order_by("shelf")
    ) == [(None, 1), (shelf.pk, 2)]
    counted = shelves.annotate(n=Count("items")).order_by("n")
    assert list(counted.values_list("pk", "n")) == [(empty.pk, 0), (shelf.pk, 2)]
    shelf.delete()
    assert items.get() == alone


def test_subqueries_of_keys(shop, database):
    shelves = shop.Shelf.objects.using(database)
    shelf, other = (shelves.create(name=name) for name in "so")
    items = shop.Item.objects.using(database)
    item = items.create(name="one", shelf=shelf, seen_in=other.pk)
    inner = items.filter(name="one")
    assert shelves.get(pk__in=inner.values("shelf")) == shelf
    assert shelves.exclude(pk__in=inner.values("shelf")).get() == other
    assert shelves.get(pk__in=inner.values("seen_in")) == other
    assert shelves.get(Exists(items.filter(shelf=OuterRef("pk")))) == shelf
    assert items.annotate(where=F("shelf__id")).get().where == shelf.pk
    assert items.values_list("seen_in", "shelf_id").get() == (other.pk, shelf.pk)
    assert shelves.filter(pk=shelf.pk).union(shelves.filter(pk=other.pk)).count() == 2
    items.update(seen_in=F("shelf_id"))
    assert items.get(pk=item.pk).seen_in == shelf.pk


def test_many_to_many(shop, database):
    item = shop.Item.objects.using(database).create(name="i")
    red, blue = (
        shop.Label.objects.using(database).create(name=name) for name in ("red", "blue")
    )
    item.labels.add(red, blue)
    item.labels.add(str(red.pk))
    assert set(item.labels.all()) == {red, blue}
    assert red.item_set.get() == item
    through = shop.Item.labels.through
    assert type(through._meta.pk) is ObjectIdAutoField
    assert type(through.objects.using(database).first().pk) is ObjectId
    item.labels.set([blue])
    assert shop.Item.objects.using(database).filter(labels=red).count() == 0


def test_inherited_tables_and_one_to_one_keys(shop, database):
    lamps = shop.Lamp.objects.using(database)
    lamp = lamps.create(name="l", watts=40)
    assert type(lamp.pk) is ObjectId
    assert lamps.get(pk=lamp.pk).name == "l"
    item = shop.Item.objects.using(database).get()
    assert item.lamp == lamp
    lamps.update(name="m", watts=60)
    assert lamps.values_list("name", "watts", "pk").get() == ("m", 60, lamp.pk)
    manual = shop.Manual.objects.using(database).create(item=item)
    assert manual.pk == lamp.pk
    assert item.manual == manual
    lamp.delete()
    assert not shop.Item.objects.using(database).exists()


def test_generic_relations_hold_the_text_of_the_key(shop, database):
    shelves = shop.Shelf.objects.using(database)
    shelf, other = (shelves.create(name=name) for name in "so")
    note = shop.Note.objects.using(database).create(text="dusty", subject=shelf)
    shop.Note.objects.using(database).create(
        text="not a key", content_type=note.content_type, object_id="12"
    )
    fetched = shop.Note.objects.using(database).get(text="dusty")
    assert fetched.object_id == str(shelf.pk)
    assert fetched.subject == shelf
    assert shelf.notes.get() == note
    assert not other.notes.exists()
    assert shelves.get(notes__text="dusty") == shelf
    assert not shelves.filter(notes__text="not a key").exists()
    found = shelves.prefetch_related("notes").order_by("-name")
    assert [[each.text for each in row.notes.all()] for row in found] == [["dusty"], []]
    counted = shelves.annotate(n=Count("notes")).order_by("-name")
    assert [each.n for each in counted] == [1, 0]
    shelf.delete()
    assert shop.Note.objects.using(database).get().text == "not a key"


@pytest.mark.parametrize("kind", ["json", "jsonl", "xml", "yaml"])
def test_fixtures_hold_the_text_of_the_key(shop, kind, tmp_path):
    shelf = shop.Shelf.objects.create(name="s")
    item = shop.Item.objects.create(name="i", shelf=shelf, seen_in=ABSENT)
    item.labels.add(shop.Label.objects.create(name="l"))
    path = tmp_path / f"shop.{kind}"
    models = ["objectids.Shelf", "objectids.Label", "objectids.Item"]
    call_command("dumpdata", *models, output=str(path), format=kind, verbosity=0)
    assert str(shelf.pk) in path.read_text()
    assert "ObjectId(" not in path.read_text()
    for model in (shop.Item, shop.Shelf, shop.Label):
        model.objects.all().delete()
    call_command("loaddata", str(path), verbosity=0)
    loaded = shop.Item.objects.get()
    assert (loaded.pk, loaded.shelf, loaded.seen_in) == (item.pk, shelf, ABSENT)
    assert loaded.labels.get().name == "l"


def test_rows_are_pickled_and_copied(shop):
    shelf = shop.Shelf.objects.create(name="s")
    again = pickle.loads(pickle.dumps(shelf))
    assert (again, again.pk) == (shelf, shelf.pk)
    queryset = pickle.loads(pickle.dumps(shop.Shelf.objects.filter(pk=shelf.pk).query))
    assert str(shelf.pk) in str(queryset)


def test_a_python_serializer_keeps_no_objectid(shop):
    shelf = shop.Shelf.objects.create(name="s")
    (data,) = serializers.serialize("python", [shelf])
    assert data["pk"] == str(shelf.pk)
    json.dumps(data)


def test_a_path_takes_an_objectid(shop):
    shelf = shop.Shelf.objects.create(name="s")
    path = reverse("shelf", args=[shelf.pk])
    assert path == f"/shelf/{shelf.pk}/"
    assert Client().get(path).json() == {"key": str(shelf.pk)}
    assert Client().get("/shelf/123/").status_code == 404
    with pytest.raises(NoReverseMatch):
        reverse("shelf", args=["123"])


def test_a_form_takes_24_digits(shop):
    form_class = modelform_factory(shop.Item, fields=["name", "shelf", "seen_in"])
    shelf = shop.Shelf.objects.create(name="s")
    data = {"name": "i", "shelf": str(shelf.pk), "seen_in": f" {ABSENT} "}
    item = form_class(data).save()
    assert (item.shelf, item.seen_in) == (shelf, ABSENT)
    form = form_class(data, instance=item)
    assert not form.has_changed()
    assert f'value="{ABSENT}"' in str(form_class(instance=item)["seen_in"])
    assert form_class({**data, "seen_in": ""}).save().seen_in is None
    wrong = form_class({"name": "i", "shelf": "7", "seen_in": "xyz"})
    assert set(wrong.errors) == {"shelf", "seen_in"}
    assert type(form.fields["seen_in"]) is forms.ObjectIdField


def test_it_may_be_the_projects_default(databases):
    with override_settings(DEFAULT_AUTO_FIELD=PATH):

        class Plain(models.Model):
            class Meta:
                app_label = "library"
                apps = Apps()

    assert type(Plain._meta.pk) is ObjectIdAutoField
    assert Plain.check() == []
    assert not checks.run_checks()


def test_migrations_name_it_by_its_path():
    text, imports = MigrationWriter.serialize(ObjectIdAutoField(primary_key=True))
    assert text == f"{PATH}(primary_key=True)"
    assert imports == {"import nonrel_backend.mongodb.fields"}
    text, _ = MigrationWriter.serialize(ObjectIdField(default=ObjectId))
    assert "default=bson.objectid.ObjectId" in text


def test_inspectdb_finds_the_keys(shop):
    out = StringIO()
    tables = ["objectids_item", "objectids_manual"]
    call_command("inspectdb", *tables, stdout=out)
    assert f"id = {PATH}(primary_key=True)" in out.getvalue()
    assert "shelf = models.ForeignKey('ObjectidsShelf'" in out.getvalue()
    assert (
        "seen_in = nonrel_backend.mongodb.fields.ObjectIdField(blank=True, null=True)"
        in out.getvalue()
    )


def test_inspectdb_finds_the_keys_of_another_clients_documents(shop):
    strange = connection.database["strange"]
    strange.insert_one({"_id": ABSENT, "other": ABSENT})
    connection.known_unique_indexes.clear()
    try:
        out = StringIO()
        call_command("inspectdb", "strange", stdout=out)
        assert f"id = {PATH}(primary_key=True)" in out.getvalue()
        assert "other = nonrel_backend.mongodb.fields.ObjectIdField(" in out.getvalue()
        with connection.cursor() as cursor:
            cursor.execute("SELECT id FROM strange WHERE other = %s", [ABSENT])
            assert cursor.fetchall() == [(str(ABSENT),)]
    finally:
        strange.drop()


@pytest.fixture
def browser(shop):
    setup_test_environment()
    shop.User.objects.create_superuser("ann", "ann@example.com", "secret")
    browser = Client()
    assert not browser.login(username="ann", password="wrong")
    answer = browser.post(
        "/admin/login/?next=/admin/", {"username": "ann", "password": "secret"}
    )
    assert answer.status_code == 302
    yield browser
    teardown_test_environment()


def test_users_with_objectids_log_in_and_have_permissions(shop, browser):
    from django.contrib.auth.models import Group, Permission

    user = shop.User.objects.get()
    assert browser.session["_auth_user_id"] == str(user.pk)
    assert browser.get("/admin/").context["user"] == user
    ben = shop.User.objects.create_user("ben", password="secret")
    group = Group.objects.create(name="editors")
    changing = {"codename": "change_shelf", "content_type__app_label": "objectids"}
    group.permissions.add(Permission.objects.get(**changing))
    ben.groups.add(group)
    assert ben.has_perm("objectids.change_shelf")
    assert not ben.has_perm("objectids.add_shelf")
    assert shop.User.objects.with_perm("objectids.change_shelf").count() == 2
    group.delete()


def test_the_admin_adds_changes_and_deletes(shop, browser):
    inline = {"items-TOTAL_FORMS": "1", "items-INITIAL_FORMS": "0"}
    page = "/admin/objectids/shelf/"
    data = {"name": "first", **inline, "items-0-name": "lamp"}
    answer = browser.post(f"{page}add/", data)
    assert answer.status_code == 302, answer.context["errors"]
    shelf = shop.Shelf.objects.get()
    item = shelf.items.get()
    assert f"{page}{shelf.pk}/change/" in browser.get(page).content.decode()
    change = f"{page}{shelf.pk}/change/"
    assert str(item.pk) in browser.get(change).content.decode()
    inline = {"items-TOTAL_FORMS": "2", "items-INITIAL_FORMS": "1"}
    data = {
        "name": "changed",
        **inline,
        "items-0-id": str(item.pk),
        "items-0-shelf": str(shelf.pk),
        "items-0-name": "big lamp",
    }
    answer = browser.post(change, data)
    assert answer.status_code == 302, answer.context["errors"]
    assert shop.Item.objects.get(shelf__name="changed").name == "big lamp"
    assert browser.get(f"{page}{shelf.pk}/history/").status_code == 200
    assert browser.get(f"{page}abc/change/").status_code == 302
    assert browser.get(f"{page}{ABSENT}/change/").status_code == 302
    assert "big lamp" in browser.get(f"{page}{shelf.pk}/delete/").content.decode()
    answer = browser.post(f"{page}{shelf.pk}/delete/", {"post": "yes"})
    assert answer.status_code == 302
    assert not shop.Item.objects.exists()


def test_the_admins_filters_searches_and_actions(shop, browser):
    shelf = shop.Shelf.objects.create(name="first")
    label = shop.Label.objects.create(name="red")
    page = "/admin/objectids/item/"
    data = {"name": "lamp", "shelf": str(shelf.pk), "labels": [str(label.pk)]}
    answer = browser.post(f"{page}add/", data)
    assert answer.status_code == 302, answer.context["errors"]
    item = shop.Item.objects.get()
    assert item.labels.get() == label
    filtered = browser.get(f"{page}?shelf__id__exact={shelf.pk}")
    assert list(filtered.context["cl"].queryset) == [item]
    assert browser.get(f"{page}?shelf__id__exact=abc").status_code == 302
    query = "?term=fir&app_label=objectids&model_name=item&field_name=shelf"
    found = browser.get(f"/admin/autocomplete/{query}").json()["results"]
    assert found == [{"id": str(shelf.pk), "text": "first"}]
    data = {
        "action": "delete_selected",
        "_selected_action": [str(item.pk)],
        "post": "yes",
    }
    assert browser.post(page, data).status_code == 302
    assert not shop.Item.objects.exists()


QUERIES = {
    "cast": lambda shop: shop.Shelf.annotate(t=Cast("pk", models.CharField())).values(
        "t", "pk"
    ),
    "constant": lambda shop: shop.Shelf.annotate(
        x=Value(ABSENT, output_field=ObjectIdField())
    ).values("x"),
    "case": lambda shop: shop.Shelf.annotate(
        x=Case(When(name="s0", then=F("pk")), default=Value(None))
    ).values("name", "x"),
    "coalesce": lambda shop: shop.Item.annotate(x=Coalesce("shelf", "seen_in")).values(
        "name", "x"
    ),
    "columns": lambda shop: shop.Item.filter(shelf_id=F("seen_in")).values("name"),
    "unequal": lambda shop: shop.Item.exclude(shelf_id=F("seen_in")).values("name"),
    "greater": lambda shop: shop.Item.filter(seen_in__gt=F("shelf_id")).values("name"),
    "distinct": lambda shop: shop.Item.values("shelf").distinct(),
    "count distinct": lambda shop: (
        shop.Item.annotate(one=Value(1))
        .values("one")
        .annotate(n=Count("shelf", distinct=True))
        .values("n")
    ),
    "extremes": lambda shop: shop.Item.values("shelf").annotate(
        low=Min("seen_in"), high=Max("pk"), text=Max(Cast("pk", models.TextField()))
    ),
    "having": lambda shop: (
        shop.Item.values("shelf")
        .annotate(n=Count("pk"), high=Max("pk"))
        .filter(n__gt=1, high__gt=ABSENT)
    ),
    "union": lambda shop: shop.Item.values_list("shelf_id").union(
        shop.Shelf.values_list("pk")
    ),
    "window": lambda shop: shop.Item.annotate(
        first=Window(FirstValue("pk"), partition_by="shelf", order_by="pk")
    ).values("name", "first"),
    "subquery": lambda shop: shop.Shelf.annotate(
        newest=Subquery(
            shop.Item.filter(shelf=OuterRef("pk")).order_by("-pk").values("pk")[:1]
        )
    ).values("name", "newest"),
    "in subquery": lambda shop: shop.Item.filter(
        shelf__in=shop.Shelf.filter(name__gt="s1")
    ).values("name"),
    "not in subquery": lambda shop: shop.Item.exclude(
        shelf__in=shop.Shelf.filter(name__gt="s1").values("pk")
    ).values("name"),
    "null": lambda shop: shop.Item.filter(
        Q(shelf=None) | Q(shelf__name="s2", seen_in__isnull=False)
    ).values("name"),
    "many": lambda shop: shop.Item.filter(
        labels__name="l1", shelf__isnull=False
    ).values("pk", "labels__pk"),
    "text": lambda shop: shop.Item.filter(shelf__pk__icontains="91").values("name"),
}


@pytest.mark.parametrize("name", QUERIES)
def test_queries_answer_as_on_sqlite(shop, name):
    keys = [ObjectId(f"{number:02x}" * 12) for number in range(7, 250, 9)]
    answers = []
    for alias in ("default", "oracle"):
        managers = SimpleNamespace(
            **{
                model.__name__: model.objects.using(alias)
                for model in (shop.Shelf, shop.Item, shop.Label)
            }
        )
        shelves = [shop.Shelf(pk=keys[n], name=f"s{n}") for n in range(4)]
        managers.Shelf.bulk_create(shelves)
        labels = [shop.Label(pk=keys[n], name=f"l{n}") for n in range(3)]
        managers.Label.bulk_create(labels)
        for number, key in enumerate(keys[:16]):
            item = managers.Item.create(
                pk=key,
                name=f"i{number}",
                shelf_id=[None, *keys[:3]][number % 4],
                seen_in=[None, keys[1], key][number % 3],
            )
            item.labels.set(labels[: number % 3])
        rows = QUERIES[name](managers)
        answers.append(sorted(map(repr, rows)))
    assert answers[0] == answers[1]
    assert answers[0]


def test_bulk_update_finds_rows_by_their_keys(shop):
    made = shop.Shelf.objects.bulk_create(shop.Shelf(name=name) for name in "abc")
    for shelf in made:
        shelf.name *= 2
    assert shop.Shelf.objects.bulk_update(made, ["name"]) == 3
    assert set(shop.Shelf.objects.values_list("name", flat=True)) == {"aa", "bb", "cc"}
    found = shop.Shelf.objects.in_bulk([str(made[0].pk)])
    assert found == {made[0].pk: made[0]}


def test_a_column_of_text_becomes_one_of_objectids(shop):
    class Strange(models.Model):
        name = models.CharField(max_length=24)

        class Meta:
            app_label = "objectids"
            apps = Apps()

    key = ObjectIdField()
    key.set_attributes_from_name("name")
    key.model = Strange
    text = Strange._meta.get_field("name")
    with connection.schema_editor() as editor:
        editor.create_model(Strange)
    try:
        row = Strange.objects.create(name=str(ABSENT))
        with connection.schema_editor() as editor:
            editor.alter_field(Strange, text, key)
        (document,) = connection.database["objectids_strange"].find()
        assert document == {"_id": row.pk, "name": ABSENT}
        with connection.schema_editor() as editor:
            editor.alter_field(Strange, key, text)
        assert Strange.objects.get().name == str(ABSENT)
        Strange.objects.update(name="abc")
        with pytest.raises(DataError, match="'abc' does not convert"):
            with connection.schema_editor() as editor:
                editor.alter_field(Strange, text, key)
    finally:
        with connection.schema_editor() as editor:
            editor.delete_model(Strange)


def test_integer_keys_are_not_taken_for_objectids(databases):
    class Numbered(models.Model):
        id = models.BigAutoField(primary_key=True)

        class Meta:
            app_label = "objectids"
            apps = Apps()

    key = ObjectIdAutoField(primary_key=True)
    key.set_attributes_from_name("id")
    key.model = Numbered
    number = Numbered._meta.get_field("id")
    with connection.schema_editor() as editor:
        editor.create_model(Numbered)
    try:
        row = Numbered.objects.create()
        with pytest.raises(DataError, match="does not convert"):
            with connection.schema_editor() as editor:
                editor.alter_field(Numbered, number, key)
        assert Numbered.objects.get() == row
        row.delete()
        with connection.schema_editor() as editor:
            editor.alter_field(Numbered, number, key)
    finally:
        with connection.schema_editor() as editor:
            editor.delete_model(Numbered)
