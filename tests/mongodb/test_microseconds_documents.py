"""Datetimes inside documents come back with their microseconds."""

from copy import deepcopy
from datetime import UTC, datetime, timedelta

import pytest
from bson import Int64
from django.apps.registry import Apps
from django.core import serializers
from django.db import DataError, NotSupportedError, connection, models
from django.db.models import Case, F, Q, Value
from django.forms import modelform_factory

from nonrel_backend.conditions import Column, Leaf, Step, conjunction
from nonrel_backend.documents.moments import moments_of
from nonrel_backend.microseconds import cut, to_microseconds
from nonrel_backend.mongodb.paths import superset
from nonrel_backend.values.comparisons import COMPARISONS

WHOLE = datetime(2020, 1, 2, 10, 30, 0, 123000, UTC)
AT, LATER = WHOLE.replace(microsecond=123456), WHOLE.replace(microsecond=123789)
# All of one millisecond but for two.
TIMES = [
    WHOLE - timedelta(microseconds=1),
    WHOLE,
    AT,
    LATER,
    WHOLE + timedelta(milliseconds=1),
]


def module():
    """Return the models, which cannot be imported before Django is set up."""
    from tests.mongodb import trips

    return trips


def Stop(*args, **kwargs):
    return module().Stop(*args, **kwargs)


def change(name, *arguments):
    """Return the change of a document, such as change("Push", at)."""
    return getattr(module(), name)(*arguments)


@pytest.fixture
def trips(databases):
    Trip = module().Trip
    with connection.schema_editor() as editor:
        editor.create_model(Trip)
    yield Trip.objects
    with connection.schema_editor() as editor:
        editor.delete_model(Trip)


def trip(**values):
    return module().Trip(**{"name": "a", **values})


def full():
    return trip(
        place=Stop(
            name="x", start=AT, days=[WHOLE, AT], inner=Stop(name="y", start=LATER)
        ),
        some=Stop(name="z", start=LATER),
        stops=[
            Stop(name="p", start=AT),
            Stop(name="q", start=WHOLE),
            Stop(name="r", days=[AT]),
        ],
        days=[WHOLE, AT, None, LATER],
        grid=[[WHOLE], [], [AT, LATER]],
        kinds={WHOLE, AT, LATER},
        marks={"a": AT, "b": WHOLE, "c": None},
        plans={"a": [AT], "b": [WHOLE], "c": []},
        tree={"a": {"b": AT}},
        counts={"a": 1, "a__us": 2},
        raw={"a": [1], "a__us": [2]},
        data={"a": "2020", "a__us": 5, "b__us": [1]},
    )


def values_of(row):
    return {
        field.name: deepcopy(getattr(row, field.attname))
        for field in row._meta.concrete_fields
    }


def collection():
    return connection.database[module().Trip._meta.db_table]


LOCALLY = Case(default=Value(1))
READING = {
    "store": lambda rows: rows.get(),
    "local engine": lambda rows: rows.order_by(LOCALLY)[0],
}


# --- where hidden keys are ---


def test_a_hidden_key_is_beside_each_datetime_that_has_more_than_milliseconds(trips):
    full().save()
    found = collection().find_one()
    us, later = (to_microseconds(each.replace(tzinfo=None)) for each in (AT, LATER))
    ms = WHOLE.replace(tzinfo=None)
    assert found["place"] == {
        "name": "x",
        "start": ms,
        "start__us": us,
        "days": [ms, ms],
        "days__us": [None, us],
        "inner": {"name": "y", "start": ms, "start__us": later, "days": []},
    }
    assert found["stops"][1] == {"name": "q", "start": ms, "days": []}
    assert found["days__us"] == [None, us, None, later]
    assert found["grid__us"] == [None, None, [us, later]]
    assert found["kinds__us"] == [None, us, later]
    assert found["marks"] == {"a": ms, "a__us": us, "b": ms, "c": None}
    assert found["plans"] == {"a": [ms], "a__us": [us], "b": [ms], "c": []}
    assert found["tree"] == {"a": {"b": ms, "b__us": us}}
    assert "counts__us" not in found
    assert found["counts"] == {"a": 1, "a__us": 2}


@pytest.mark.parametrize("way", READING)
def test_documents_come_back_as_they_were_saved(trips, way):
    row = full()
    row.save()
    found = READING[way](trips.all())
    assert values_of(found) == values_of(row)
    assert found.place._source is found.some._source is found.stops[0]._source is None


@pytest.mark.parametrize("way", READING)
def test_an_untouched_object_keeps_its_bytes(trips, way):
    full().save()
    before = collection().find_one()
    READING[way](trips.all()).save()
    after = collection().find_one()
    assert repr(after) == repr(before)


@pytest.mark.parametrize("way", ["save", "update", "bulk_update", "upsert"])
def test_whole_milliseconds_replace_microseconds(trips, way):
    row = full()
    row.save()
    new = {"place": Stop(name="x", start=WHOLE), "days": [WHOLE], "marks": {"a": WHOLE}}
    for name, value in new.items():
        setattr(row, name, value)
    if way == "save":
        row.save()
    elif way == "update":
        trips.update(**new)
    elif way == "bulk_update":
        trips.bulk_update([row], list(new))
    else:
        trips.bulk_create(
            [row], update_conflicts=True, update_fields=list(new), unique_fields=["id"]
        )
    found = collection().find_one()
    assert "days__us" not in found
    assert "a__us" not in found["marks"] and "start__us" not in found["place"]
    assert values_of(trips.get()) == values_of(row)


def test_a_changed_key_between_others_is_in_its_place(trips):
    trip(place=Stop(name="x", start=AT), data={"a": 1}).save()
    row = trips.get()
    row.place.start = LATER
    row.save()
    assert trips.get().place.start == LATER
    assert list(collection().find_one()["place"]) == [
        "name",
        "start",
        "start__us",
        "days",
    ]


# --- what other programs do ---


def test_a_datetime_that_another_program_sets_is_believed(trips):
    full().save()
    new = datetime(2021, 5, 6, 7, 8, 9, 10000)
    changes = {"place.start": new, "days": [new], "marks.a": new, "plans.a.0": new}
    collection().update_one({}, {"$set": changes})
    for read in READING.values():
        row = read(trips.all())
        wanted = new.replace(tzinfo=UTC)
        assert row.place.start == row.marks["a"] == row.plans["a"][0] == wanted
        assert row.days == [wanted]
        assert row.place._source is None
    row.save()
    found = collection().find_one()
    assert "days__us" not in found and "start__us" not in found["place"]
    assert found["marks"].keys() == {"a", "b", "c"}


@pytest.mark.parametrize("change", ["$set", "$unset"])
def test_what_was_hidden_beside_a_removed_datetime_is_not_shown(trips, change):
    full().save()
    names = ["place.start", "stops.0.start", "marks.a", "days"]
    collection().update_one({}, {change: dict.fromkeys(names)})
    row = trips.get()
    assert row.place.start is None and row.stops[0].start is None
    assert row.place._source is None or row.place._source.others == {"start": None}
    assert row.marks.get("a") is None and "a__us" not in row.marks
    assert "__us" not in serializers.serialize("json", [row], fields=["place", "marks"])
    row.place.start = WHOLE
    row.save()
    assert trips.get().place.start == WHOLE


def test_unknown_keys_of_other_programs_stay(trips):
    trip(place=Stop(name="x", start=AT)).save()
    others = {"z": datetime(2020, 1, 1), "z__us": 5, "y__us": "text", "w": {"v__us": 1}}
    collection().update_one({}, {"$set": {f"place.{k}": v for k, v in others.items()}})
    before = collection().find_one()
    row = trips.get()
    assert row.place.start == AT
    row.save()
    assert repr(collection().find_one()) == repr(before)


def test_forms_of_other_programs_and_microseconds_stay(trips):
    full().save()
    collection().update_one({}, {"$set": {"counts.a": Int64(5), "marks.z": None}})
    row = trips.get()
    before = collection().find_one()
    row.save()
    assert repr(collection().find_one()) == repr(before)
    row.place.start, row.days = LATER, [LATER]
    row.save()
    assert values_of(trips.get()) == values_of(row)
    assert type(collection().find_one()["counts"]["a"]) is Int64


def test_keys_of_users_that_end_as_hidden_ones_stay(trips):
    row = trip(counts={"a": 1, "a__us": 2, "b__us": 3}, raw={"a": [1], "a__us": [2]})
    row.data = [{"a": None, "a__us": 1}]
    row.save()
    for read in READING.values():
        assert values_of(read(trips.all())) == values_of(row)


def test_a_key_of_datetimes_that_ends_as_a_hidden_one_is_refused(trips):
    with pytest.raises(DataError, match="'a__us' ends in '__us'"):
        trip(marks={"a__us": AT}).save()
    row = trip(marks={"a": AT})
    row.save()
    with pytest.raises(DataError, match="Use another key"):
        trips.update(marks=change("SetKey", "a__us", AT))
    assert trips.get().marks == {"a": AT}


def test_an_embedded_column_where_microseconds_would_be_hidden_is_an_error(databases):
    class Bad(module().EmbeddedModel):
        at = models.DateTimeField()
        other = models.IntegerField(db_column="at__us")

        class Meta:
            app_label = "library"
            apps = Apps()

    class Holder(models.Model):
        bad = module().EmbeddedModelField(Bad)

        class Meta:
            app_label = "library"
            apps = Apps()

    assert [error.id for error in Holder.check()] == ["nonrel_backend.E015"]


# --- filters ---

LOOKUPS = {
    **COMPARISONS,
    "in": lambda value, wanted: value in wanted,
    "range": lambda value, wanted: wanted[0] <= value <= wanted[1],
    "isnull": lambda value, wanted: not wanted,
}
# {path: (the values of a row with some times, the values at the path)}
PATHS = {
    "place__start": (lambda t: {"place": Stop(start=t[0])}, lambda t: t[:1]),
    "place__inner__start": (
        lambda t: {"place": Stop(inner=Stop(start=t[0]))},
        lambda t: t[:1],
    ),
    "marks__a": (lambda t: {"marks": {"a": t[0], "b": AT}}, lambda t: t[:1]),
    "stops__start": (lambda t: {"stops": [Stop(start=each) for each in t]}, list),
    "days__0": (lambda t: {"days": t}, lambda t: t[:1]),
    "days__1": (lambda t: {"days": t}, lambda t: t[1:2]),
    "plans__a__0": (lambda t: {"plans": {"a": t}}, lambda t: t[:1]),
}
ROWS = [[], *([each] for each in TIMES), TIMES[:2], [LATER, AT], [TIMES[4], TIMES[0]]]


def arguments(name):
    if name == "isnull":
        return [True, False]
    if name == "in":
        return [[each] for each in TIMES] + [[AT, TIMES[0]], []]
    if name == "range":
        return [[low, high] for low in TIMES for high in TIMES]
    return TIMES


@pytest.mark.parametrize("path", PATHS)
def test_each_lookup_on_a_path_finds_what_python_does(trips, path):
    make, values_at = PATHS[path]
    trips.bulk_create(
        trip(name=str(number), **(make(times) if times else {}))
        for number, times in enumerate(ROWS)
    )
    for name, test in LOOKUPS.items():
        for wanted in arguments(name):
            query = Q(**{f"{path}__{name}": wanted})
            right = {
                str(number)
                for number, times in enumerate(ROWS)
                if any(test(value, wanted) for value in values_at(times))
                or (name == "isnull" and wanted and not values_at(times))
            }
            others = {str(number) for number in range(len(ROWS))} - right
            for found, answer in ((query, right), (~query, others)):
                rows = trips.filter(found)
                assert set(rows.values_list("name", flat=True)) == answer, found
                assert rows.count() == len(answer), found


LIST_LOOKUPS = {
    "contains": lambda items, wanted: set(wanted) <= set(items),
    "overlap": lambda items, wanted: bool(set(wanted) & set(items)),
    "contained_by": lambda items, wanted: set(items) <= set(wanted),
}


@pytest.mark.parametrize("column", ["days", "kinds", "place__days"])
def test_each_lookup_on_a_list_finds_what_python_does(trips, column):
    def values(times):
        if column == "place__days":
            return {"place": Stop(days=times)}
        return {column: set(times) if column == "kinds" else times}

    trips.bulk_create(
        trip(name=str(number), **values(times)) for number, times in enumerate(ROWS)
    )
    for name, test in LIST_LOOKUPS.items():
        for wanted in ([AT], [WHOLE], [LATER, AT], TIMES[:3]):
            query = Q(**{f"{column}__{name}": wanted})
            right = {str(n) for n, times in enumerate(ROWS) if test(times, wanted)}
            others = {str(number) for number in range(len(ROWS))} - right
            for found, answer in ((query, right), (~query, others)):
                rows = trips.filter(found)
                assert set(rows.values_list("name", flat=True)) == answer, found


def test_a_delete_and_an_update_by_items_touch_no_other_rows(trips):
    for number, at in enumerate(TIMES):
        trip(name=str(number), days=[at]).save()
    assert trips.filter(days__contains=[AT]).update(name="x") == 1
    assert trips.filter(days__0__gt=AT).delete()[0] == 2
    names = trips.order_by("pk").values_list("name", flat=True)
    assert list(names) == ["0", "1", "x"]


def test_rows_are_ordered_by_the_microseconds_at_a_path(trips):
    for at in (LATER, None, AT, WHOLE, *TIMES):
        trip(place=Stop(start=at)).save()
    for way in (trips.all(), trips.annotate(n=LOCALLY)):
        found = [row.place.start for row in way.order_by("place__start", "pk")]
        assert found == sorted(found, key=lambda at: (at is not None, at))
        found = [row.place.start for row in way.order_by("-place__start", "pk")]
        assert found[-1] is None
        assert found[:-1] == sorted(found[:-1], reverse=True)


def test_the_length_of_a_dictionary_counts_no_hidden_keys(trips):
    full().save()
    assert trips.filter(marks__len=3).exists()
    assert not trips.filter(marks__len__gt=3).exists()
    assert trips.filter(counts__len=2).exists()
    assert trips.values_list("marks__len", flat=True).get() == 3


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("place__start", AT),
        ("place__inner__start", LATER),
        ("marks__a", AT),
        ("days__1", AT),
        ("plans__a__0", AT),
        ("place__days", [WHOLE, AT]),
        ("stops__start", [AT, WHOLE]),
        ("days", [WHOLE, AT, None, LATER]),
    ],
)
def test_the_value_at_a_path_has_its_microseconds(trips, name, wanted):
    full().save()
    assert trips.values_list(name, flat=True).get() == wanted
    assert trips.annotate(x=F(name)).values_list("x", flat=True).get() == wanted
    assert trips.values_list(name, flat=True).distinct().get() == wanted


def test_the_latest_and_the_groups_at_a_path_have_their_microseconds(trips):
    for at in (AT, LATER, AT):
        trip(place=Stop(start=at)).save()
    assert trips.aggregate(x=models.Max("place__start"))["x"] == LATER
    groups = trips.values("place__start").annotate(n=models.Count("pk"))
    found = {(each["place__start"], each["n"]) for each in groups}
    assert found == {(AT, 2), (LATER, 1)}


# --- changes of parts ---


CHANGES = {
    "a datetime": (
        lambda: {"place__start": LATER},
        lambda r: setattr(r.place, "start", LATER),
    ),
    "whole milliseconds": (
        lambda: {"place__start": WHOLE},
        lambda r: setattr(r.place, "start", WHOLE),
    ),
    "NULL": (lambda: {"place__start": None}, lambda r: setattr(r.place, "start", None)),
    "a list": (lambda: {"place__days": [AT]}, lambda r: setattr(r.place, "days", [AT])),
    "a list of milliseconds": (
        lambda: {"place__days": [WHOLE]},
        lambda r: setattr(r.place, "days", [WHOLE]),
    ),
    "a document": (
        lambda: {"place__inner": Stop(name="n", start=AT)},
        lambda r: setattr(r.place, "inner", Stop(name="n", start=AT)),
    ),
    "a key": (
        lambda: {"marks": change("SetKey", "a", LATER)},
        lambda r: r.marks.update(a=LATER),
    ),
    "a key of milliseconds": (
        lambda: {"marks": change("SetKey", "a", WHOLE)},
        lambda r: r.marks.update(a=WHOLE),
    ),
    "a key to null": (
        lambda: {"marks": change("SetKey", "a", None)},
        lambda r: r.marks.update(a=None),
    ),
    "a list under a key": (
        lambda: {"plans": change("SetKey", "a", [LATER])},
        lambda r: r.plans.update(a=[LATER]),
    ),
    "a pushed datetime": (
        lambda: {"days": change("Push", AT, WHOLE)},
        lambda r: r.days.extend([AT, WHOLE]),
    ),
    "a pulled datetime": (
        lambda: {"days": change("Pull", AT)},
        lambda r: r.days.remove(AT),
    ),
    "an added datetime": (
        lambda: {"kinds": change("AddToSet", TIMES[0])},
        lambda r: r.kinds.add(TIMES[0]),
    ),
    "an added datetime that is there": (
        lambda: {"kinds": change("AddToSet", AT)},
        lambda r: None,
    ),
    "a pushed document": (
        lambda: {"stops": change("Push", Stop(name="n", start=LATER))},
        lambda r: r.stops.append(Stop(name="n", start=LATER)),
    ),
    "an item by its position": (
        lambda: {"days__1": LATER},
        lambda r: r.days.__setitem__(1, LATER),
    ),
    "a count": (
        lambda: {"counts": change("SetKey", "a", None)},
        lambda r: r.counts.update(a=None),
    ),
    "two parts": (
        lambda: {"place__start": WHOLE, "marks": change("SetKey", "b", AT)},
        lambda r: (setattr(r.place, "start", WHOLE), r.marks.update(b=AT)),
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_an_update_of_a_part_is_that_in_python(trips, name):
    make, change_row = CHANGES[name]
    values = make()
    row = full()
    row.save()
    other = full()
    other.save()
    assert trips.filter(pk=row.pk).update(**values) == 1
    change_row(row)
    wanted = values_of(row)
    for read in READING.values():
        assert values_of(read(trips.filter(pk=row.pk))) == wanted
    assert values_of(trips.get(pk=other.pk)) == values_of(other)
    found = trips.get(pk=row.pk)
    assert found.place._source is None
    found.save()
    assert values_of(trips.get(pk=row.pk)) == wanted


def test_a_push_to_a_list_of_datetimes_is_not_left_to_the_store(trips):
    pushed = change("Push", AT).for_field(trips.model._meta.get_field("days"))
    with pytest.raises(NotSupportedError, match="beside their list, whose items"):
        pushed.split(connection)


def test_automatic_datetimes_in_documents_are_those_of_the_object(trips):
    row = trip(stamp=module().Stamp())
    row.save()
    found = trips.get()
    assert found.stamp == row.stamp and found.stamp.made
    found.save()
    again = trips.get()
    assert again.stamp.made == row.stamp.made
    assert again.stamp.changed == found.stamp.changed > row.stamp.changed


# --- fixtures and forms ---


@pytest.mark.parametrize("form", ["json", "jsonl", "xml", "python"])
def test_fixtures_keep_microseconds(documents, form):
    Comment = documents.Comment
    comments = [Comment(author="a", at=at, replies=[Comment(at=AT)]) for at in TIMES]
    cities = documents.City.objects
    cities.create(name="x", comments=comments)
    text = serializers.serialize(form, cities.all())
    assert "123456" in str(text) and "at__us" not in str(text)
    cities.all().delete()
    for each in serializers.deserialize(form, text):
        each.save()
    assert cities.get().comments == comments


def test_a_form_shows_no_hidden_keys(trips):
    full().save()
    for each in modelform_factory(
        trips.model, fields=["place", "stops", "marks", "some"]
    )(instance=trips.get()):
        assert "start__us" not in str(each) and str(to_microseconds(naive(AT))) not in (
            str(each)
        )


# --- the functions ---


def naive(value):
    return value.replace(tzinfo=None)


ITEMS = Column("days", "datetime", (Step.EACH,))
FIRST = Column("days", "datetime", (0,))
NAIVE = [naive(each) for each in TIMES]


@pytest.mark.parametrize("column", [ITEMS, FIRST])
@pytest.mark.parametrize("negated", [False, True])
@pytest.mark.parametrize("name", ["exact", "gt", "gte", "lt", "lte", "in", "range"])
def test_a_superset_finds_all_that_the_condition_finds(column, name, negated):
    def matches(leaf, items):
        if leaf.lookup_type == "isnull":
            return bool(items) != leaf.value
        compare = LOOKUPS[leaf.lookup_type]

        def test(value):
            return compare(value, leaf.value)

        if leaf.column.is_many:
            return any(map(test, items)) != leaf.negated
        return bool(items) and test(items[0]) != leaf.negated

    rows = [[naive(each) for each in times] for times in ROWS]
    exact = set()
    for wanted in arguments(name):
        naive_wanted = (
            [naive(each) for each in wanted]
            if isinstance(wanted, list)
            else naive(wanted)
        )
        leaf = Leaf(column, name, naive_wanted, negated)
        try:
            wider = superset(leaf)
        except NotSupportedError:
            assert negated and column is ITEMS
            continue
        for items in rows:
            found = matches(wider, list(map(cut, items)))
            assert found or not matches(leaf, items)
            if wider is leaf:
                exact.add(wider.lookup_type)
                assert found == matches(leaf, items)
    assert exact == ({name} if name in ("gte", "lt") else set())


def test_a_condition_without_items_of_datetimes_is_its_own_superset():
    condition = conjunction(
        Leaf(Column("at", "datetime"), "gt", naive(AT)),
        Leaf(Column("place", "datetime", ("start",)), "exact", naive(AT), True),
        Leaf(ITEMS, "isnull", False),
        Leaf(Column("tags", "string", (Step.EACH,)), "exact", "a", True),
    )
    assert superset(condition) is condition


def test_documents_without_datetimes_are_left_alone(databases):
    moments = moments_of(connection)
    fields = {field.name: field for field in module().Trip._meta.fields}
    found = {name for name, field in fields.items() if moments.holds(field)}
    assert found == {
        "place",
        "stamp",
        "some",
        "stops",
        "days",
        "grid",
        "kinds",
        "marks",
        "plans",
        "tree",
    }
    lists = {name for name, field in fields.items() if moments.is_moment(field)}
    assert lists == {"days", "grid", "kinds"}
