"""Schema changes on DynamoDB: tables, indexes, rewritten rows, next keys, flushing."""

from contextlib import contextmanager
from uuid import uuid4

import pytest
from django.apps.registry import Apps
from django.core.exceptions import ImproperlyConfigured
from django.db import (
    DataError,
    IntegrityError,
    NotSupportedError,
    OperationalError,
    ProgrammingError,
    connections,
    models,
)

from nonrel_backend.dynamodb.indexes import GlobalIndex, LocalIndex


@pytest.fixture
def open_database(databases, dynamodb):
    """Return a function that opens the database "own", empty, with OPTIONS."""
    from nonrel_backend.dynamodb.base import DatabaseWrapper

    name = f"own_{uuid4().hex[:8]}"

    def opened(**options):
        common = {"endpoint_url": dynamodb, "region": "us-east-1", "schema_wait": 0}
        settings = {
            **connections["default"].settings_dict,
            "ENGINE": "nonrel_backend.dynamodb",
            "NAME": name,
            "OPTIONS": {**common, "keys": "sequence", **options},
        }
        if "own" in connections.databases:
            connections["own"].close()
        connections.databases["own"] = settings
        connections["own"] = DatabaseWrapper(settings, "own")
        return connections["own"]

    yield opened
    if "own" in connections.databases:
        connections["own"].creation._destroy_test_db(name, 0)
        del connections["own"], connections.databases["own"]


@pytest.fixture
def store(open_database):
    return open_database()


@contextmanager
def failing(operation, after, monkeypatch):
    """Let calls of an operation fail after some have been carried out."""
    from nonrel_backend.dynamodb.client import Client
    from nonrel_backend.dynamodb.errors import Unavailable

    left, call = [None] * after, Client.call

    def failing(self, name, **parameters):
        if name == operation:
            if not left:
                raise Unavailable("the test")
            left.pop()
        return call(self, name, **parameters)

    with monkeypatch.context() as patch:
        patch.setattr(Client, "call", failing)
        with pytest.raises(OperationalError, match="the test"):
            yield


def model_with(table="things", indexes=(), constraints=(), managed=True, **fields):
    meta = {
        **{"apps": Apps(), "app_label": "tests", "db_table": table},
        **{"indexes": indexes, "constraints": constraints, "managed": managed},
    }
    fields.setdefault("number", models.IntegerField(null=True))
    attributes = {"__module__": __name__, "Meta": type("Meta", (), meta), **fields}
    return type("Thing", (models.Model,), attributes)


def create(store, model):
    with store.schema_editor() as editor:
        editor.create_model(model)
    return model.objects.using("own")


def made(store, rows=0, **fields):
    """Return (model, its manager); there are so many rows, with numbers from 0 on."""
    model = model_with(**fields)
    manager = create(store, model)
    manager.bulk_create([model(number=number) for number in range(rows)])
    return model, manager


def named(model, name, field):
    field.set_attributes_from_name(name)
    field.model = model
    return field


def alter(store, model, name, field, new_name=None):
    old = model._meta.get_field(name)
    with store.schema_editor() as editor:
        editor.alter_field(model, old, named(model, new_name or name, field))


def entries(store):
    """Return the partitions of all entries, with repetitions."""
    found = store.db_connection.call("scan", TableName=store.physical("nonrel_index"))
    return sorted(item["h"]["S"] for item in found["Items"])


def items(store, table="things"):
    name = store.catalog.table(table).physical
    return store.db_connection.call("scan", TableName=name)["Items"]


def described(store, table="things"):
    name = store.catalog.table(table).physical
    return store.db_connection.call("describe_table", TableName=name)["Table"]


# --- tables ---


def test_a_table_is_on_demand_and_has_the_key_of_the_model(store):
    made(store)
    found = described(store)
    assert found["KeySchema"] == [{"AttributeName": "id", "KeyType": "HASH"}]
    types = [{"AttributeName": "id", "AttributeType": "N"}]
    assert found["AttributeDefinitions"] == types
    assert found["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"


def test_options_are_those_of_new_tables(open_database, calls):
    store = open_database(
        billing={"read": 3, "write": 2}, tags={"team": "a"}, encryption_key="k"
    )
    try:
        made(store)
    except ProgrammingError:
        pass  # a server for tests may not take all of them
    parameters = next(p for name, p in calls if name == "create_table")
    assert parameters["BillingMode"] == "PROVISIONED"
    assert parameters["ProvisionedThroughput"] == {
        "ReadCapacityUnits": 3,
        "WriteCapacityUnits": 2,
    }
    assert parameters["Tags"] == [{"Key": "team", "Value": "a"}]
    assert parameters["SSESpecification"]["KMSMasterKeyId"] == "k"


def test_an_unknown_billing_is_refused(open_database):
    store = open_database(billing="cheap")
    with pytest.raises(ImproperlyConfigured, match="billing"):
        made(store)


def test_a_dropped_table_leaves_no_entries(store):
    model, _ = made(store, 30, number=models.IntegerField(db_index=True))
    assert len(entries(store)) == 60
    with store.schema_editor() as editor:
        editor.delete_model(model)
    assert entries(store) == []
    assert store.catalog.names() == []
    assert not any(name.endswith("things") for name in store.catalog.native.names())


def test_renaming_a_table_moves_nothing(store, calls):
    model, manager = made(store, 3, number=models.IntegerField(unique=True))
    calls.clear()
    with store.schema_editor() as editor:
        editor.alter_db_table(model, "things", "objects")
    assert not {"create_table", "delete_table"} & {name for name, _ in calls}
    renamed = model_with("objects", number=models.IntegerField(unique=True))
    assert renamed.objects.using("own").get(number=2).pk == 3
    with pytest.raises(IntegrityError):
        renamed.objects.using("own").create(number=2)
    assert renamed.objects.using("own").create(number=4).pk > 3
    # A new table with the old name has rows and unique values of its own.
    assert create(store, model).count() == 0
    assert manager.create(number=2).pk == 1
    assert renamed.objects.using("own").count() == 4
    assert store.check_store() == []


def test_an_interrupted_renaming_goes_on(store, monkeypatch):
    model, _ = made(store, 3)

    def rename():
        with store.schema_editor() as editor:
            editor.alter_db_table(model, "things", "objects")

    with failing("delete_item", 0, monkeypatch):
        rename()
    rename()
    assert store.catalog.names() == ["objects"]
    assert model_with("objects").objects.using("own").count() == 3


def test_an_empty_table_that_is_there_is_taken_over(store):
    made(store)
    store.catalog.tables.remove("things")
    store.catalog.cache.clear()
    _, manager = made(store, 2)
    assert manager.count() == 2


def test_a_table_with_items_is_not_taken_over(store):
    made(store, 1)
    store.catalog.tables.remove("things")
    store.catalog.cache.clear()
    with pytest.raises(ProgrammingError, match="with items"):
        made(store)


# --- unique constraints and indexes ---


def test_a_unique_constraint_on_repeated_values_leaves_nothing(store):
    model, manager = made(store, 120)
    manager.filter(number=119).update(number=0)
    before = entries(store)
    constraint = models.UniqueConstraint(fields=["number"], name="once")
    for _ in range(2):
        with pytest.raises(IntegrityError, match="number"):
            with store.schema_editor() as editor:
                editor.add_constraint(model, constraint)
    assert entries(store) == before
    assert store.catalog.entry("things")["indexes"] == []
    assert not store.catalog.entry("things")["building"]
    manager.filter(pk=120).update(number=119)
    with store.schema_editor() as editor:
        editor.add_constraint(model, constraint)
    with pytest.raises(IntegrityError, match="number"):
        manager.create(number=5)
    assert store.check_store() == []


def test_an_interrupted_index_goes_on(store, calls, monkeypatch):
    model, manager = made(store, 200)
    index = models.Index(fields=["number"], name="by_number")

    def add_index():
        with store.schema_editor() as editor:
            editor.add_index(model, index)

    with failing("transact_write_items", 2, monkeypatch):
        add_index()
    assert "by_number" not in manager.filter(number=3).explain()
    manager.create(number=3)
    add_index()
    assert "by_number" in manager.filter(number=3).explain()
    assert manager.filter(number=3).count() == 2
    assert store.check_store() == []


def test_rows_get_the_entries_of_an_index_in_batches_of_the_store(store, calls):
    model, _ = made(store, 200)
    calls.clear()
    with store.schema_editor() as editor:
        editor.add_index(model, models.Index(fields=["number"], name="by_number"))
    sizes = [len(p["TransactItems"]) for name, p in calls if "transact" in name]
    assert sum(sizes) == 400
    assert max(sizes) <= 100


def test_renaming_an_index_rewrites_nothing(store):
    index = models.Index(fields=["number"], name="by_number")
    model, manager = made(store, 5, indexes=[index])
    before = entries(store)
    new = models.Index(fields=["number"], name="numbers")
    with store.schema_editor() as editor:
        editor.rename_index(model, index, new)
    assert entries(store) == before
    assert "numbers" in manager.filter(number=3).explain()
    with store.schema_editor() as editor:
        editor.add_index(model, index)
        editor.remove_index(model, new)
    assert manager.filter(number=3).count() == 1
    assert "by_number" in manager.filter(number=3).explain()
    assert store.check_store() == []


def test_a_removed_index_leaves_no_entries(store):
    index = models.Index(fields=["number"], name="by_number")
    model, _ = made(store, 5, indexes=[index])
    with store.schema_editor() as editor:
        editor.remove_index(model, index)
    assert {each.partition(".")[2] for each in entries(store)} == {"primary-key#0"}


def test_entries_are_in_as_many_partitions_as_set(open_database):
    store = open_database(buckets=3)
    _, manager = made(store, 30, number=models.IntegerField(db_index=True))
    assert {each[-2:] for each in entries(store)} == {"#0", "#1", "#2"}
    assert list(manager.order_by("-number").values_list("number", flat=True)[:3]) == [
        29,
        28,
        27,
    ]
    assert [each.number for each in manager.filter(number__range=(4, 6))] == [4, 5, 6]


# --- columns ---


def test_a_new_column_has_its_default_in_all_rows(store, monkeypatch):
    model, _ = made(store, 120)
    field = named(model, "shelf", models.IntegerField(default=7))

    def add_field():
        with store.schema_editor() as editor:
            editor.add_field(model, field)

    with failing("transact_write_items", 1, monkeypatch):
        add_field()
    add_field()
    assert [each["shelf"] for each in items(store)] == [{"N": "7"}] * 120
    with pytest.raises(ProgrammingError, match="duplicate column"):
        add_field()


def test_a_removed_column_leaves_no_values_and_entries(store):
    model, _ = made(store, 5, number=models.IntegerField(db_index=True))
    with store.schema_editor() as editor:
        editor.remove_field(model, model._meta.get_field("number"))
    assert all("number" not in each for each in items(store))
    assert {each.partition(".")[2] for each in entries(store)} == {"primary-key#0"}


@pytest.mark.parametrize("new_name", ["number", "count"])
def test_an_interrupted_change_of_a_column_goes_on(store, monkeypatch, new_name):
    model, _ = made(store, 200, number=models.IntegerField(db_index=True))

    def change():
        field = models.CharField(max_length=9, db_index=True)
        alter(store, model, "number", field, new_name)

    with failing("transact_write_items", 2, monkeypatch):
        change()
    change()
    assert {each[new_name]["S"] for each in items(store)} == {
        str(number) for number in range(200)
    }
    fields = {new_name: models.CharField(max_length=9, db_index=True)}
    if new_name == "count":
        assert all("number" not in each for each in items(store))
        fields["number"] = None
    manager = model_with(**fields).objects.using("own")
    assert manager.filter(**{new_name: "17"}).count() == 1
    assert store.check_store() == []


def test_renaming_a_column_writes_no_entries(store, calls):
    model, _ = made(store, 40, number=models.IntegerField(db_index=True))
    before = entries(store)
    calls.clear()
    alter(store, model, "number", models.IntegerField(db_index=True), "count")
    named_tables = {
        next(iter(each.values()))["TableName"]
        for name, parameters in calls
        if name == "transact_write_items"
        for each in parameters["TransactItems"]
    }
    assert entries(store) == before or store.physical("nonrel_index") in named_tables
    assert {each["count"]["N"] for each in items(store)} == {str(n) for n in range(40)}
    assert store.check_store() == []


def test_a_value_that_does_not_convert_changes_nothing(store):
    model, manager = made(store, 3, number=models.CharField(max_length=9))
    manager.filter(pk=2).update(number="many")
    with pytest.raises(DataError, match="many"):
        alter(store, model, "number", models.IntegerField())
    assert {each["number"]["S"] for each in items(store)} == {"0", "many", "2"}
    assert store.catalog.table("things").db_type("number") == "string"


# --- keys ---


def test_a_key_of_another_type_gets_a_new_table(store):
    model, manager = made(store, 120, number=models.IntegerField(unique=True))
    before = described(store)["TableName"]
    alter(store, model, "id", models.CharField(max_length=9, primary_key=True))
    assert described(store)["TableName"] != before
    assert before not in set(store.catalog.native.names())
    assert {each["id"]["S"] for each in items(store)} == {
        str(number) for number in range(1, 121)
    }
    assert len(entries(store)) == 240
    assert store.check_store() == []


def test_keys_that_would_be_equal_change_nothing(store):
    model, manager = made(store, id=models.CharField(max_length=9, primary_key=True))
    manager.bulk_create([model(id="1"), model(id="01")])
    before, tables = entries(store), set(store.catalog.native.names())
    field = models.IntegerField(primary_key=True)
    with pytest.raises(IntegrityError, match=r"things\.id"):
        alter(store, model, "id", field)
    assert entries(store) == before
    assert set(store.catalog.native.names()) == tables
    assert {each["id"]["S"] for each in items(store)} == {"1", "01"}


def test_an_interrupted_change_of_the_key_begins_again(store, monkeypatch):
    model, _ = made(store, 200)

    def change():
        key = models.CharField(max_length=9, primary_key=True)
        alter(store, model, "id", key)

    with failing("transact_write_items", 2, monkeypatch):
        change()
    tables = set(store.catalog.native.names())
    change()
    assert len(set(store.catalog.native.names())) == len(tables)
    assert len(entries(store)) == 200
    assert store.check_store() == []


# --- DynamoDB's own indexes ---


def test_a_global_index_is_made_with_the_table_or_later(store):
    first = GlobalIndex(fields=["number", "id"], name="by_number")
    model, _ = made(store, 3, indexes=[first])
    (found,) = described(store)["GlobalSecondaryIndexes"]
    assert [each["AttributeName"] for each in found["KeySchema"]] == ["number", "id"]
    second = GlobalIndex(fields=["number"], name="numbers", projection="keys")
    with store.schema_editor() as editor:
        editor.add_index(model, second)
    found = {
        each["IndexName"]: each for each in described(store)["GlobalSecondaryIndexes"]
    }
    assert found["numbers"]["Projection"]["ProjectionType"] == "KEYS_ONLY"
    assert found["numbers"]["IndexStatus"] == "ACTIVE"
    with store.schema_editor() as editor:
        editor.remove_index(model, first)
    (found,) = described(store)["GlobalSecondaryIndexes"]
    assert found["IndexName"] == "numbers"
    assert [each["name"] for each in store.catalog.entry("things")["indexes"]] == [
        "numbers"
    ]
    with pytest.raises(NotSupportedError, match="Remove the index"):
        alter(store, model, "number", models.CharField(max_length=9))


def test_a_local_index_is_made_with_its_table_only(store):
    fields = {
        "pk": models.CompositePrimaryKey("place", "at"),
        "place": models.CharField(max_length=9),
        "at": models.IntegerField(),
    }
    local = LocalIndex(fields=["place", "number"], name="local")
    model, _ = made(store, indexes=[local], **fields)
    (found,) = described(store)["LocalSecondaryIndexes"]
    assert found["IndexName"] == "local"
    with pytest.raises(NotSupportedError, match="together with their table"):
        with store.schema_editor() as editor:
            other = LocalIndex(fields=["place", "number"], name="other")
            editor.add_index(model, other)
    with pytest.raises(NotSupportedError, match="without"):
        with store.schema_editor() as editor:
            editor.remove_index(model, local)


def test_an_index_that_dynamodb_cannot_keep_names_the_field(store):
    price = models.DecimalField(max_digits=9, decimal_places=2)
    index = GlobalIndex(fields=["price"], name="by_price")
    with pytest.raises(NotSupportedError, match=r"Thing\.price.*db_index"):
        made(store, price=price, indexes=[index])
    local = LocalIndex(fields=["number", "id"], name="local")
    with pytest.raises(NotSupportedError, match="CompositePrimaryKey"):
        made(store, indexes=[local])
    with pytest.raises(ValueError, match="descending"):
        GlobalIndex(fields=["-number"], name="down")
    with pytest.raises(ValueError, match="projection"):
        GlobalIndex(fields=["number"], name="some", projection="some")


def test_a_native_index_is_deconstructed_with_its_projection():
    index = GlobalIndex(fields=["number"], name="some", projection=["id"])
    path, arguments, options = index.deconstruct()
    assert path == "nonrel_backend.dynamodb.indexes.GlobalIndex"
    assert GlobalIndex(*arguments, **options) == index
    assert options["projection"] == ["id"]


# --- tables that migrate did not make ---


def existing_table(store, name, key, **item):
    types = {"S": "S", "N": "N"}
    store.db_connection.call(
        "create_table",
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[
            {"AttributeName": each, "KeyType": kind}
            for each, kind in zip(key, ("HASH", "RANGE"), strict=False)
        ],
        AttributeDefinitions=[
            {"AttributeName": each, "AttributeType": types[next(iter(item[each]))]}
            for each in key
        ],
    )
    store.db_connection.call("put_item", TableName=name, Item=item)


@pytest.fixture
def unmanaged(monkeypatch):
    """Return a function that makes the model of an existing table known."""
    from nonrel_backend.dynamodb import catalog

    def known(model):
        known = {model._meta.db_table: model}
        monkeypatch.setattr(catalog, "unmanaged_models", lambda: known)
        return model.objects.using("own")

    return known


def test_an_existing_table_is_used_by_an_unmanaged_model(store, unmanaged):
    name = store.prefix + "Old-orders"
    item = {"customer": {"S": "a"}, "at": {"N": "3"}, "other": {"BOOL": True}}
    existing_table(store, name, ("customer", "at"), **item)
    manager = unmanaged(
        model_with(
            "Old-orders",
            pk=models.CompositePrimaryKey("customer", "at"),
            customer=models.CharField(max_length=9),
            at=models.IntegerField(),
            managed=False,
        )
    )
    (found,) = manager.filter(customer="a")
    assert found.at == 3
    found.number = 5
    found.save(using="own")
    (stored,) = store.db_connection.call("scan", TableName=name)["Items"]
    assert stored == {**item, "number": {"N": "5"}}
    assert entries(store) == [] if store.catalog.cache.is_made else True
    store.db_connection.call("delete_table", TableName=name)


def test_an_existing_table_with_another_key_is_refused(store, unmanaged):
    name = store.prefix + "orders"
    existing_table(store, name, ("customer",), customer={"S": "a"})
    manager = unmanaged(model_with("orders", managed=False))
    with pytest.raises(ImproperlyConfigured, match=r"customer \(S\).*id \(N\)"):
        manager.count()


def test_an_existing_table_without_a_model_is_inspected_by_its_key(store, capsys):
    from django.core.management import call_command

    key = {"customer": {"S": "a"}, "at": {"N": "3"}}
    existing_table(store, store.prefix + "Orders", ("customer", "at"), **key)
    made(store)
    assert store.introspection.table_names() == ["Orders", "things"]
    call_command("inspectdb", database="own")
    found = capsys.readouterr().out
    assert "pk = models.CompositePrimaryKey('customer', 'at')" in found
    assert "customer = models.CharField(max_length=2048)" in found
    assert "at = models.BigIntegerField()" in found
    assert "The fields are inferred from 1 item." in found
    with pytest.raises(ProgrammingError, match="no such table: missing"):
        store.introspection.get_table_description(None, "missing")
    name = store.prefix + "Orders"
    store.db_connection.call("delete_table", TableName=name)


def test_there_is_no_table_without_migrate(store):
    model = model_with()
    with pytest.raises(ProgrammingError, match="run migrate"):
        model.objects.using("own").count()
    assert store.introspection.table_names() == []


# --- keys of AutoField ---


def test_keys_are_a_sequence_that_follows_keys_that_were_given(store, calls):
    model, manager = made(store)
    assert [manager.create().pk for _ in range(2)] == [1, 2]
    manager.create(pk=10)
    calls.clear()
    manager.create(pk=5)
    sequence = store.physical("nonrel_sequences")
    assert sequence not in {p.get("TableName") for _, p in calls}
    assert manager.create().pk == 11
    # Another process does not know the last key.
    store.catalog.cache.clear()
    manager.create(pk=7)
    assert manager.create().pk == 12


def test_no_key_is_left_after_the_largest(store):
    _, manager = made(store, id=models.AutoField(primary_key=True))
    manager.create(pk=2**31 - 1)
    with pytest.raises(DataError, match="no key left"):
        manager.create()


def test_keys_are_taken_outside_of_the_transaction(store):
    from django.db import transaction

    _, manager = made(store)
    with pytest.raises(ZeroDivisionError), transaction.atomic("own"):
        assert manager.create().pk == 1
        raise ZeroDivisionError
    assert manager.create().pk == 2


# --- flushing, and databases of tests ---


def test_a_flush_deletes_rows_entries_and_last_keys(store):
    model, manager = made(store, 60, number=models.IntegerField(unique=True))
    other, others = made(store, 2, table="others")
    sql = store.ops.sql_flush(None, ["things", "missing"], reset_sequences=True)
    store.ops.execute_sql_flush(sql)
    assert (manager.count(), others.count()) == (0, 2)
    assert entries(store) == ["others.primary-key#0"] * 2
    assert manager.create(number=1).pk == 1
    assert store.check_store() == []


def test_a_database_of_tests_deletes_only_its_own_tables(store, open_database):
    made(store, 1)
    longer = store.settings_dict["NAME"] + ".more"
    own = store.settings_dict["NAME"]
    store.creation.drop_tables(longer)
    assert "things" in store.catalog.names()
    store.settings_dict["NAME"] = longer
    store.catalog.cache.clear()
    try:
        made(store, 1)
        store.settings_dict["NAME"] = own
        store.creation.drop_tables(own)
        assert store.catalog.names() == []
        store.settings_dict["NAME"] = longer
        assert store.catalog.names() == ["things"]
    finally:
        store.creation.drop_tables(longer)
        store.settings_dict["NAME"] = own


def test_long_values_of_an_index_are_noted_before_they_are_shortened(store):
    text = models.TextField(db_index=True)
    _, manager = made(store, text=text, number=models.IntegerField(null=True))
    manager.create(text="a" * 2000 + "b")
    (index,) = store.catalog.entry("things")["indexes"]
    assert index["truncated"]
    manager.create(text="a" * 2000 + "a")
    found = manager.order_by("text").values_list("text", flat=True)
    assert [each[-1] for each in found] == ["a", "b"]
