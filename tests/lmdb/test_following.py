"""Cached tables follow changes: only the rows that changed are read again."""

import os
import random
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import partial
from uuid import UUID

import pytest
from django.apps.registry import Apps
from django.db import connections, models, transaction
from django.db.models import Avg, F, Sum, Value
from django.db.models.functions import Concat

from nonrel_backend.kv import changelog
from nonrel_backend.local import table_cache
from nonrel_backend.local.table_source import TableSource
from tests.tables import tables_of

ROWS = 60


def counters():
    from tests.library.models import Counter

    return Counter.objects.using("own")


def squares() -> float | None:
    """Return an aggregate that only the local engine can compute, over all rows."""
    return counters().aggregate(found=Avg(F("value") * F("value")))["found"]


def expected() -> float | None:
    values = list(counters().values_list("value", flat=True))
    return sum(value**2 for value in values) / len(values) if values else None


@pytest.fixture
def loads(monkeypatch) -> list[str]:
    """Return a list of the tables that are read as a whole from now on."""
    found: list[str] = []
    rows = TableSource.rows

    def noting(self, columns):
        found.append(self.table.name)
        return rows(self, columns)

    monkeypatch.setattr(TableSource, "rows", noting)
    return found


@pytest.fixture
def cached(store, monkeypatch, loads):
    monkeypatch.setattr(table_cache, "FEW_ROWS", 10)
    model = counters().model
    counters().bulk_create([model(name=f"c{n}", value=n) for n in range(ROWS)])
    assert squares() == expected()
    assert loads == ["library_counter"]
    loads.clear()
    return store


def upsert():
    model = counters().model
    counters().bulk_create(
        [model(name="c3", value=99), model(name="new", value=98)],
        update_conflicts=True,
        unique_fields=["name"],
        update_fields=["value"],
    )


CHANGES = {
    "create": lambda: counters().create(name="new", value=50),
    "create with a key": lambda: counters().create(pk=500, name="new", value=50),
    "bulk_create": lambda: counters().bulk_create(
        [counters().model(name=f"d{n}", value=n) for n in range(5)]
    ),
    "update": lambda: counters().filter(name="c1").update(value=77),
    "update by an expression": lambda: (
        counters().filter(pk__lt=9).update(value=F("value") * 2 + 1)
    ),
    "update of the key": lambda: [
        counters().filter(name="c5").update(id=1000),
        counters().filter(name="c6").update(value=1000),
    ],
    "bulk_update": lambda: counters().bulk_update(
        [counters().model(pk=pk, value=-1) for pk in (3, 4)], ["value"]
    ),
    "save": lambda: counters().model(pk=2, name="c1", value=9).save(using="own"),
    "delete": lambda: counters().filter(name="c9").delete(),
    "delete and create": lambda: [
        counters().filter(pk=7).delete(),
        counters().create(pk=7, name="again", value=321),
    ],
    "create and delete": lambda: [
        counters().create(name="c1000", value=4).delete(),
        counters().filter(name="c2").update(value=1000),
    ],
    "upsert": upsert,
    "raw SQL": lambda: raw("UPDATE library_counter SET value = 8 WHERE id = 1"),
}


def raw(sql: str) -> None:
    with connections["own"].cursor() as cursor:
        cursor.execute(sql)


@pytest.mark.parametrize("change", CHANGES)
def test_only_changed_rows_are_read_again(cached, loads, change):
    before = squares()
    CHANGES[change]()
    assert squares() == expected() != before
    assert loads == []


def test_only_cached_columns_that_have_changed_are_read_again(cached, monkeypatch):
    read: list[list[str]] = []
    rows_of = TableSource.rows_of

    def noting(self, columns, keys):
        read.append(sorted(columns))
        return rows_of(self, columns, keys)

    monkeypatch.setattr(TableSource, "rows_of", noting)
    counters().filter(pk__lt=12).update(name=Concat("name", Value("x")))
    assert squares() == expected()
    assert read == []
    counters().filter(pk__lt=12).update(value=F("value") + 5)
    counters().filter(pk=3).update(name="y")
    assert squares() == expected()
    assert read == [["id", "value"]]
    counters().filter(pk=4).delete()
    counters().filter(pk=5).update(value=11)
    assert squares() == expected()


def test_a_table_with_many_changed_rows_is_read_as_a_whole(cached, loads):
    counters().update(value=F("value") + 1)
    assert squares() == expected()
    assert loads == ["library_counter"]


def test_many_small_changes_are_followed_up_to_the_end_of_the_log(cached, loads):
    def change(times: int) -> None:
        with transaction.atomic(using="own"):
            for number in range(times):
                counters().filter(pk=1).update(value=1000 + number)

    change(1 << changelog.SMALL_BITS)
    assert squares() == expected()
    assert loads == []
    change(1 + (1 << changelog.SMALL_BITS))
    assert squares() == expected()
    assert loads == ["library_counter"]


def test_large_changes_and_small_ones_are_followed(cached, loads, monkeypatch):
    monkeypatch.setattr(changelog, "SMALL_SIZE", 20)
    for number in range(1 << changelog.LARGE_BITS):
        counters().filter(pk__lt=9).update(value=number)
        counters().filter(pk=30).update(value=number)
        counters().filter(pk=31 + number % 9).update(value=number)
    assert squares() == expected()
    assert loads == []
    monkeypatch.setattr(changelog, "MOST_SIZE", 50)
    counters().filter(pk__lt=9).update(value=5)
    assert squares() == expected()
    assert loads == ["library_counter"]


def test_savepoints_and_rollbacks(cached, loads):
    before = squares()
    with pytest.raises(KeyError), transaction.atomic(using="own"):
        counters().filter(pk=1).update(value=500)
        inside = squares()
        assert inside == expected() != before
        with pytest.raises(ValueError), transaction.atomic(using="own"):
            counters().filter(pk=2).update(value=600)
            assert squares() == expected() != inside
            raise ValueError
        assert squares() == expected() == inside
        raise KeyError
    assert squares() == expected() == before
    # What was rolled back is no longer in the log: the table was read as a whole.
    assert loads == ["library_counter"] * 2
    counters().filter(pk=1).update(value=500)
    assert squares() == expected() == inside
    assert len(loads) == 2


def test_changes_after_a_rollback_do_not_pass_for_those_before(cached):
    with pytest.raises(KeyError), transaction.atomic(using="own"):
        counters().filter(pk=1).update(value=500)
        assert squares() == expected()
        raise KeyError
    counters().filter(pk=2).update(value=600)
    counters().filter(pk=3).update(value=600)
    assert squares() == expected()


def in_another_process(change) -> None:
    pid = os.fork()
    if not pid:
        try:
            change()
        finally:
            os._exit(0)
    os.waitpid(pid, 0)


def test_changes_of_another_process_are_followed(cached, loads):
    in_another_process(lambda: counters().filter(pk=4).update(value=-3))
    assert squares() == expected()
    assert loads == []


def test_a_write_between_two_reads_of_changed_rows_is_followed(
    cached, loads, monkeypatch
):
    rows_of = TableSource.rows_of
    meanwhile = [lambda: counters().filter(pk__in=(1, 2)).update(value=-9)]

    def interrupted(self, columns, keys):
        if meanwhile:
            in_another_process(meanwhile.pop())
        return rows_of(self, columns, keys)

    monkeypatch.setattr(TableSource, "rows_of", interrupted)
    counters().filter(pk=1).update(value=9)
    assert squares() == expected()
    assert counters().get(pk=2).value == -9
    assert loads == []


def test_a_write_without_a_log_is_seen(cached, loads, monkeypatch):
    """As an earlier version of this package writes."""
    monkeypatch.setattr(changelog, "write", lambda *arguments: os.urandom(8))
    counters().filter(pk=1).update(value=500)
    monkeypatch.undo()
    counters().filter(pk=2).update(value=500)
    monkeypatch.setattr(table_cache, "FEW_ROWS", 10)
    assert squares() == expected()


def test_a_table_that_is_made_again_under_its_name_is_read_anew(cached):
    model = counters().model
    with cached.schema_editor() as editor:
        editor.delete_model(model)
        editor.create_model(model)
    counters().bulk_create([model(name=f"e{n}", value=7) for n in range(20)])
    assert squares() == 49


def test_a_flushed_table_is_empty(cached):
    raw("DELETE FROM library_counter")
    assert squares() is None
    counters().bulk_create([counters().model(name="a", value=2)])
    assert squares() == 4
    cached.ops.execute_sql_flush(
        cached.ops.sql_flush(None, ["library_counter"], reset_sequences=True)
    )
    assert squares() is None


def test_a_changed_column_is_read_anew(cached):
    model = counters().model
    new = models.IntegerField(default=3)
    new.set_attributes_from_name("extra")
    new.model = model
    with cached.schema_editor() as editor:
        editor.add_field(model, new)
    raw("UPDATE library_counter SET value = 5 WHERE id > 0")
    assert squares() == 25
    with cached.schema_editor() as editor:
        editor.remove_field(model, new)
    assert squares() == 25


def test_the_check_knows_the_log_and_removes_that_of_no_table(cached):
    counters().filter(pk=1).update(value=5)
    assert cached.check_store() == []
    table = cached.read(lambda access: access.table("library_counter"))
    stray = table.log_key[:-1] + b"\xee\0\1"
    cached.write(lambda access: access.put(stray, b""))
    (found,) = cached.check_store(fix=True)
    assert found.endswith("of the catalog is unknown")
    assert cached.check_store() == []


def test_a_damaged_record_of_the_log_is_as_good_as_none(cached, loads):
    counters().filter(pk=1).update(value=5)
    table = cached.read(lambda access: access.table("library_counter"))

    def damage(access):
        counters_token = access.state(table)[2]
        key = changelog.record_key(table, counters_token)
        record = bytearray(access.value(key))
        record[-6] ^= 1
        access.put(key, bytes(record))

    cached.write(damage)
    assert squares() == expected()
    assert loads == ["library_counter"]


def test_random_changes_are_followed(cached, loads):
    chance = random.Random(7)
    model = counters().model

    def change() -> None:
        kind = chance.randrange(6)
        key = chance.randrange(1, 70)
        if kind == 0:
            counters().filter(pk=key).delete()
        elif kind == 1:
            counters().filter(pk__range=(key, key + 9)).update(value=chance.random())
        elif kind == 2:
            model(pk=key, name=f"k{key}", value=key).save(using="own")
        elif kind == 3:
            name = f"n{chance.randrange(10**9)}"
            counters().bulk_create([model(name=name, value=1)])
        else:
            counters().filter(pk=key).update(value=F("value") + 1)

    def changed_there(seed: float) -> None:
        chance.seed(seed)
        change()

    def block(depth: int) -> None:
        for _ in range(chance.randrange(1, 4)):
            change()
            if chance.random() < 0.5:
                assert squares() == pytest.approx(expected())
            if depth < 3 and chance.random() < 0.5:
                try:
                    with transaction.atomic(using="own"):
                        block(depth + 1)
                        if chance.random() < 0.4:
                            raise KeyError
                except KeyError:
                    pass
            if depth == 0 and chance.random() < 0.3:
                in_another_process(partial(changed_there, chance.random()))

    for _ in range(60):
        block(0)
        assert squares() == pytest.approx(expected())
    assert len(loads) < 60


# {kind of a key: (field, keys, whether the log tells them)}.
KEYS = {
    "text": (
        models.CharField(primary_key=True, max_length=400),
        [f"k\0é{n}" for n in range(20)],
        True,
    ),
    "long text": (
        models.CharField(primary_key=True, max_length=400),
        [f"{'long' * 90}{n}" for n in range(20)],
        False,
    ),
    "uuid": (
        models.UUIDField(primary_key=True),
        [UUID(int=n << 100) for n in range(20)],
        True,
    ),
    "negative": (models.BigIntegerField(primary_key=True), list(range(-10, 10)), True),
    "date": (
        models.DateField(primary_key=True),
        [date(2024, 1, n + 1) for n in range(20)],
        True,
    ),
    "moment": (
        models.DateTimeField(primary_key=True),
        [datetime(2024, 1, n + 1, 1, 2, 3, 4, UTC) for n in range(20)],
        True,
    ),
    "decimal": (
        models.DecimalField(primary_key=True, max_digits=9, decimal_places=2),
        [Decimal(n) / 4 for n in range(20)],
        False,
    ),
    "text of any case": (
        models.CharField(primary_key=True, max_length=40, db_collation="NOCASE"),
        [each * 3 for each in "abcdefghijABCDEFGHIJ"],
        False,
    ),
}


@pytest.mark.parametrize("kind", KEYS)
def test_rows_are_found_again_by_keys_of_each_kind(store, monkeypatch, loads, kind):
    monkeypatch.setattr(table_cache, "FEW_ROWS", 10)
    field, keys, is_told = KEYS[kind]

    class Keyed(models.Model):
        key = field
        value = models.IntegerField()

        class Meta:
            app_label = "following"
            apps = Apps()

    rows = Keyed._base_manager.using("own")

    def total():
        return rows.aggregate(found=Sum(F("value") * F("value")))["found"]

    with tables_of(Keyed, using="own"):
        rows.bulk_create([Keyed(key=key, value=1) for key in keys])
        assert total() == 20
        rows.filter(key=keys[3]).update(value=5)
        rows.filter(key=keys[4]).delete()
        assert total() == sum(
            value**2 for value in rows.values_list("value", flat=True)
        )
        assert loads == ["following_keyed"] * (1 if is_told else 2)
