"""OptimisticWrapper makes transactions of a store with conditional writes."""

from copy import deepcopy

import pytest
from django.db import (
    DatabaseError,
    IntegrityError,
    OperationalError,
    connections,
    models,
    transaction,
)
from django.db.models import F
from django.test.utils import isolate_apps

from nonrel_backend.kv import commits
from nonrel_backend.kv.conditional import Expected, State, Stored, Write
from nonrel_backend.transactions import TransactionConflict, retry_transaction
from tests.kv.conditional_items.base import STORES

ALIAS, OTHER = "optimistic", "optimistic_too"


class Killed(BaseException):
    """The process ends: nothing that it would do afterwards happens."""


@isolate_apps("tests.library")
def declared():
    class Fruit(models.Model):
        name = models.CharField(max_length=50, unique=True, null=True)
        weight = models.IntegerField(null=True, db_index=True)
        notes = models.JSONField(null=True)

        class Meta:
            app_label = "library"
            db_table = "kv_fruit"

    return Fruit


@pytest.fixture
def options():
    return {}


@pytest.fixture
def fruit(databases, request, options):
    """Return the manager of a model whose table has five rows; OTHER is the same."""
    name = request.node.name
    engine = "tests.kv.conditional_items"
    entry = {"ENGINE": engine, "NAME": name, "OPTIONS": options}
    configured = connections.configure_settings({"default": entry})
    for alias in (ALIAS, OTHER):
        connections.settings[alias] = configured["default"]
    model = declared()
    with connections[ALIAS].schema_editor() as editor:
        editor.create_model(model)
    manager = model.objects.using(ALIAS)
    manager.bulk_create(model(name=f"f{n}", weight=n) for n in range(1, 6))
    yield manager
    for alias in (ALIAS, OTHER):
        connections[alias].close()
        del connections[alias], connections.settings[alias]
    del STORES[name]


@pytest.fixture
def other(fruit):
    """Return the manager of the same rows on another connection."""
    return fruit.model.objects.using(OTHER)


@pytest.fixture
def items(fruit, request):
    return STORES[request.node.name][0]


def counting(items):
    """Return a list that gets the names of the store's requests."""
    found = []
    items.before = found.append
    return found


def everything(manager):
    return list(manager.order_by("pk").values_list("name", "weight"))


def has_intents(items):
    return any(
        each.intent for space in items.spaces.values() for each in space.values()
    )


# --- the buffer, laid over the store ---


def test_nothing_is_written_before_the_commit(fruit, other, items):
    with transaction.atomic(ALIAS):
        fruit.create(name="new", weight=3)
        fruit.filter(name="f1").update(weight=30)
        fruit.filter(name="f2").delete()
        assert everything(other) == [(f"f{n}", n) for n in range(1, 6)]
    assert everything(other) == [
        ("f1", 30),
        ("f3", 3),
        ("f4", 4),
        ("f5", 5),
        ("new", 3),
    ]


def test_reads_see_the_writes_of_the_block(fruit):
    with transaction.atomic(ALIAS):
        fruit.create(name="new", weight=3)
        fruit.filter(name="f1").update(weight=30)
        fruit.filter(name="f2").delete()
        assert fruit.count() == 5
        assert fruit.filter(weight__gte=3).count() == 5
        by_weight = fruit.filter(weight__range=(3, 30)).order_by("weight", "name")
        names = ["f3", "new", "f4", "f5", "f1"]
        assert [each.name for each in by_weight] == names
        assert [each.name for each in by_weight.reverse()] == names[::-1]
        assert [each.name for each in by_weight[1:3]] == ["new", "f4"]
        assert fruit.filter(weight__in=[1, 2, 30]).get().name == "f1"
        assert fruit.aggregate(total=models.Sum("weight"))["total"] == 45
        assert fruit.get(name="new").weight == 3
        assert not fruit.filter(name="f2").exists()


def test_savepoints_are_marks_in_the_buffer(fruit):
    with transaction.atomic(ALIAS):
        fruit.filter(name="f1").update(weight=30)
        with pytest.raises(ZeroDivisionError), transaction.atomic(ALIAS):
            fruit.filter(name="f1").update(weight=40)
            fruit.all().delete()
            raise ZeroDivisionError
        assert fruit.get(name="f1").weight == 30
    assert everything(fruit)[:2] == [("f1", 30), ("f2", 2)]


def test_a_statement_that_fails_leaves_nothing_in_the_block(fruit):
    with transaction.atomic(ALIAS):
        with pytest.raises(IntegrityError), transaction.atomic(ALIAS):
            fruit.bulk_create([fruit.model(name="a"), fruit.model(name="f1")])
        assert fruit.count() == 5


def test_documents_in_the_buffer_are_not_shared_with_objects(fruit):
    with transaction.atomic(ALIAS):
        new = fruit.create(name="new", notes=[1])
        new.notes.append(2)
        read = fruit.get(name="new")
        assert read.notes == [1]
        read.notes.append(3)
        assert fruit.get(name="new").notes == [1]
    assert fruit.get(name="new").notes == [1]


def test_unique_values_move_between_rows_of_a_block(fruit):
    with transaction.atomic(ALIAS):
        fruit.filter(name="f1").update(name="x")
        fruit.filter(name="f2").update(name="f1")
        fruit.filter(name="x").update(name="f2")
    assert everything(fruit)[:2] == [("f2", 1), ("f1", 2)]
    with pytest.raises(IntegrityError):
        fruit.create(name="f1")


@pytest.mark.parametrize("options", [{"transaction_bytes": 10_000}])
def test_a_buffer_that_is_too_large_is_an_error_that_names_the_option(fruit):
    with pytest.raises(OperationalError, match="transaction_bytes"):
        fruit.bulk_create(fruit.model(name=f"n{n}") for n in range(100))
    assert fruit.count() == 5


# --- conflicts ---


def test_a_row_that_others_have_changed_is_a_conflict(fruit, other):
    with pytest.raises(TransactionConflict), transaction.atomic(ALIAS):
        row = fruit.get(name="f1")
        other.filter(name="f1").update(weight=100)
        row.weight += 1
        row.save()
        fruit.create(name="new")
    assert other.get(name="f1").weight == 100
    assert not other.filter(name="new").exists()


def test_a_row_that_is_read_twice_in_a_block_is_the_same(fruit, other):
    with transaction.atomic(ALIAS):
        assert fruit.get(name="f1").weight == 1
        other.filter(name="f1").update(weight=100)
        assert fruit.get(name="f1").weight == 1
    assert fruit.get(name="f1").weight == 100


def test_rows_that_are_only_read_do_not_conflict(fruit, other):
    with transaction.atomic(ALIAS):
        total = sum(each.weight for each in fruit.all())
        other.filter(name="f1").update(weight=100)
        fruit.filter(name="f5").update(weight=total)
    assert fruit.get(name="f5").weight == 15


@pytest.mark.parametrize("options", [{"isolation": "all rows read"}])
def test_all_rows_read_may_have_to_be_unchanged(fruit, other):
    with pytest.raises(TransactionConflict), transaction.atomic(ALIAS):
        total = sum(each.weight for each in fruit.all())
        other.filter(name="f1").update(weight=100)
        fruit.filter(name="f5").update(weight=total)
    assert fruit.get(name="f5").weight == 5


@pytest.mark.parametrize("options", [{"isolation": "all rows read"}])
def test_all_rows_counted_may_have_to_be_unchanged(fruit, other):
    with pytest.raises(TransactionConflict), transaction.atomic(ALIAS):
        number = fruit.filter(weight__gte=3).count()
        other.filter(name="f4").update(weight=1)
        fruit.filter(name="f1").update(weight=number)
    assert fruit.get(name="f1").weight == 1


def test_select_for_update_adds_its_rows_to_the_conditions(fruit, other):
    with pytest.raises(TransactionConflict), transaction.atomic(ALIAS):
        fruit.select_for_update().get(name="f1")
        other.filter(name="f1").update(weight=100)
        fruit.filter(name="f5").update(weight=50)
    assert fruit.get(name="f5").weight == 5


def test_a_unique_value_that_others_take_first_is_a_conflict(fruit, other):
    with pytest.raises(TransactionConflict), transaction.atomic(ALIAS):
        fruit.create(name="new")
        other.create(name="new", weight=1)
    assert fruit.get(name="new").weight == 1


def test_retry_transaction_repeats_a_conflict(fruit, other):
    times = []

    @retry_transaction(using=ALIAS)
    def add():
        row = fruit.get(name="f1")
        if not times:
            other.filter(name="f1").update(weight=100)
        times.append(1)
        row.weight += 1
        row.save()

    add()
    assert len(times) == 2
    assert fruit.get(name="f1").weight == 101


def test_a_statement_outside_of_blocks_is_repeated_after_a_conflict(
    fruit, other, items
):
    done = []

    def interfere(request):
        if request == "commit" and not done:
            done.append(1)
            items.before = lambda request: None
            other.filter(name="f1").update(weight=100)

    items.before = interfere
    fruit.filter(name="f1").update(weight=F("weight") * 2, name="doubled")
    assert fruit.get(name="doubled").weight == 200


# --- requests ---


def test_create_is_one_request(fruit, items):
    requests = counting(items)
    fruit.create(name="new", weight=3)
    assert requests.count("commit") == 1
    assert set(requests) <= {"commit", "rows"}  # the next key is read


def test_a_count_by_an_index_reads_no_rows(fruit, items):
    heavy = fruit.filter(weight__gte=3)
    with transaction.atomic(ALIAS):
        heavy.filter(name="f4").update(weight=1)
        fruit.create(name="new", weight=7)
        fruit.create(name="newer", weight=7)
        requests = counting(items)
        assert heavy.count() == 4
        assert "rows" not in requests
    assert heavy.count() == 4
    assert "rows" not in requests


def test_a_block_that_only_reads_commits_nothing(fruit, items):
    requests = counting(items)
    with transaction.atomic(ALIAS):
        fruit.get(pk=1)
    assert requests == ["rows"]


# --- nonrel_check ---


def test_the_check_finds_and_repairs_entries(fruit, other, items):
    table = connections[ALIAS].catalog.table("kv_fruit")
    by_name, by_weight = sorted(table.indexes, key=lambda each: "weight" in each.name)
    spaces = [items.space(table, index) for index in (by_name, by_weight)]
    entry = min(spaces[0])
    stray = spaces[0].pop(entry)
    spaces[1][b"\x02stray"] = Stored(b"\x02stray", stray.value)
    spaces[1][b"\x02gone"] = Stored(b"\x02gone", b"no row")
    found = connections[OTHER].check_store()
    assert len(found) == 3
    assert sum("which no row has" in each for each in found) == 2
    assert sum("lacks the row" in each for each in found) == 1
    assert connections[OTHER].check_store(fix=True) == found
    assert connections[OTHER].check_store() == []
    assert spaces[0][entry].value == stray.value


# --- commits that are larger than a batch ---


def change(fruit):
    """Change rows in a way that needs a large commit; return what there is then."""
    with transaction.atomic(ALIAS):
        fruit.filter(name="f1").delete()
        fruit.filter(name="f2").update(name="f1", weight=200)
        fruit.bulk_create(fruit.model(name=f"n{n}", weight=n) for n in range(3))
    kept = [("f1", 200), ("f3", 3), ("f4", 4), ("f5", 5)]
    return [*kept, ("n0", 0), ("n1", 1), ("n2", 2)]


def seen_by_index(manager):
    by_weight = manager.filter(weight__gte=0).order_by("weight", "name")
    return sorted(by_weight.values_list("name", "weight"))


def test_a_large_commit_leaves_no_intents_and_no_record(fruit, other, items):
    after = change(fruit)
    assert everything(other) == after
    assert not has_intents(items)
    assert items.records == {}


def kill_at(items, place):
    """Have the store fail from the request with this number on."""
    left = [place]

    def before(request):
        left[0] -= 1
        if left[0] < 0:
            raise Killed

    items.before = before


def test_a_kill_at_any_request_of_a_large_commit_shows_all_of_it_or_nothing(
    fruit, other, items, monkeypatch
):
    monkeypatch.setattr(commits, "PATIENCE", -1.0)
    monkeypatch.setattr(commits.LargeCommit, "extend", lambda self: None)
    before = everything(fruit)
    saved = deepcopy(items.spaces)
    states = set()
    for place in range(200):
        kill_at(items, place)
        try:
            after = change(fruit)
        except Killed:
            after = None
        items.before = lambda request: None
        connections[ALIAS].close()
        decided = [state for state, _ in items.records.values()]
        found = everything(other)
        if after is None:
            changed = found != before
            assert not changed or decided == [State.COMMITTED]
            states.add(changed)
        else:
            assert found == after
        assert seen_by_index(other) == sorted(found)
        for name, _ in found:
            assert other.get(name=name)
        assert other.filter(name__in=["f1", "f2", "n0"]).count() == 2
        if after is not None:
            break
        for name, space in saved.items():
            items.spaces[name].clear()
            items.spaces[name].update(deepcopy(space))
        items.records.clear()
    assert after is not None
    assert states == {True, False}


def test_readers_settle_the_intents_of_a_killed_commit(
    fruit, other, items, monkeypatch
):
    monkeypatch.setattr(commits, "PATIENCE", -1.0)
    monkeypatch.setattr(commits.LargeCommit, "extend", lambda self: None)
    requests = counting(items)
    with pytest.raises(ZeroDivisionError), transaction.atomic(ALIAS):
        change(fruit)
        raise ZeroDivisionError
    assert "put_intents" not in requests
    for last in ("decide", "settle"):
        items.before = fail_at(last)
        with pytest.raises(Killed):
            change(fruit)
        items.before = lambda request: None
        connections[ALIAS].close()
        assert has_intents(items)
        assert connections[OTHER].check_store() == []
        assert not has_intents(items)


def fail_at(name):
    dead = []

    def before(request):
        if dead or request == name:
            dead.append(request)
            raise Killed

    return before


def test_an_entry_whose_writer_was_killed_can_be_written(fruit, items):
    """Nobody reads it, and its row has no intent: the writer did not come to that."""
    table = connections[ALIAS].catalog.table("kv_fruit")
    index = next(each for each in table.indexes if "weight" in each.name)
    before, after = ({"id": 1, "name": "f1", "weight": n} for n in (1, 7))
    key = table.row_key(before)
    for row, value in ((before, None), (after, key)):
        ((payload, _),) = index.payloads(row)
        entry = table.entry_key((index, payload, False), key)[0]
        old = Stored(entry, key) if value is None else None
        write = Write(table, index, entry, Expected.ANYTHING, old, value)
        items.put_intents("killed", [write])
    assert fruit.filter(name="f1").update(weight=7) == 1
    assert seen_by_index(fruit)[0] == ("f1", 7)
    assert not has_intents(items)


def test_a_pending_commit_is_not_seen_and_its_rows_cannot_be_written(
    fruit, other, items
):
    before = everything(fruit)

    def meanwhile(request):
        if request == "decide":
            items.before = lambda request: None
            assert has_intents(items)
            assert everything(other) == before
            assert other.filter(weight__gte=1).count() == 5
            with pytest.raises(TransactionConflict), transaction.atomic(OTHER):
                other.filter(name="f2").update(weight=7)

    items.before = meanwhile
    after = change(fruit)
    assert everything(other) == after


def test_a_large_commit_that_is_too_slow_is_aborted_and_says_so(
    fruit, other, items, monkeypatch
):
    before = everything(fruit)
    monkeypatch.setattr(commits, "PATIENCE", -1.0)
    monkeypatch.setattr(commits.LargeCommit, "extend", lambda self: None)

    def meanwhile(request):
        if request == "decide":
            items.before = lambda request: None
            assert everything(other) == before

    items.before = meanwhile
    with pytest.raises(TransactionConflict, match="took longer"):
        change(fruit)
    assert everything(other) == before
    assert not has_intents(items)
    assert items.records == {}


def test_a_conflict_in_a_large_commit_removes_its_intents(fruit, other, items):
    with pytest.raises(TransactionConflict), transaction.atomic(ALIAS):
        for row in fruit.all():
            row.weight += 1
            row.save()
        fruit.create(name="new")
        other.filter(name="f4").update(weight=100)
    assert everything(other)[3] == ("f4", 100)
    assert not has_intents(items)
    assert items.records == {}


@pytest.mark.parametrize("options", [{"oversize": "refuse"}])
def test_large_commits_can_be_refused(databases, options, request):
    engine = "tests.kv.conditional_items"
    entry = {"ENGINE": engine, "NAME": request.node.name, "OPTIONS": options}
    configured = connections.configure_settings({"default": entry})
    connections.settings[ALIAS] = configured["default"]
    model = declared()
    with connections[ALIAS].schema_editor() as editor:
        editor.create_model(model)
    manager = model.objects.using(ALIAS)
    with pytest.raises(DatabaseError, match="oversize"):
        manager.bulk_create(model(name=f"n{n}") for n in range(10))
    assert manager.count() == 0
    connections[ALIAS].close()
    del connections[ALIAS], connections.settings[ALIAS]
