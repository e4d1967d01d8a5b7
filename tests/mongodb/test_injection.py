"""Values that look like operators: data, as on SQLite, or one of Django's errors."""

from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from django.core.exceptions import FieldError, ValidationError
from django.db import Error, IntegrityError, transaction
from django.db.models import Case, CharField, Count, F, JSONField, Max, Q, Value, When
from django.db.models.functions import Concat, Length, Upper
from pymongo.errors import PyMongoError

STORES = ("default", "oracle")
CLEAR = (Error, FieldError, TypeError, ValidationError, ValueError)
TEXTS = [
    "$name",
    "$$ROOT",
    "$where",
    "a.b",
    "{'$gt': ''}",
    '{"$ne": null}',
    "a\x00b",
    "\x00",
    "\ud800",
]
PATTERNS = [
    "(?i)$where",
    "^.*$",
    ".*",
    "(",
    "[$",
    "a{,2}",
    "a|$",
    "(?#a)b",
    "(*ANYCRLF)a",
    r"\Qa.b\E",
    r"\x{24}",
    "a*+",
]
OBJECTS = [
    {"$gt": ""},
    {"$ne": None},
    {"$where": "true"},
    {"$expr": {"$eq": [1, 1]}},
    {"$regex": ".*"},
    {"$literal": 1},
    {"$date": 0},
    {"$function": {"body": "function(){}", "args": [], "lang": "js"}},
    {"a.b": 1, "": {"$in": [1]}},
    {"a\x00": 1},
    {"\ud800": 1},
    ["$gt"],
    [{"$gt": ""}],
    [["$name", "$$ROOT"]],
    ("$gt", "a"),
    b"$gt",
    [],
    {},
]
HOSTILE = [*TEXTS, *PATTERNS, *OBJECTS]
FIELDS = """
    pk big binary boolean char date datetime decimal duration email file filepath float
    foreign indexed integer ip json many one positive positive_big positive_small slug
    small text time url uuid
""".split()
NO_COLUMN = {"many"}
PLAIN = {
    "big": 2**40,
    "binary": b"a.b",
    "boolean": True,
    "char": "abc",
    "date": date(2020, 2, 29),
    "datetime": datetime(2020, 2, 29, 1, 2, 3, tzinfo=UTC),
    "decimal": Decimal("1.50"),
    "duration": timedelta(seconds=1),
    "email": "a@b.c",
    "file": "a/b",
    "filepath": "/a",
    "float": 1.5,
    "foreign_id": 1,
    "indexed": "abc",
    "integer": 3,
    "ip": "127.0.0.1",
    "json": {"a": {"b": 1}, "c": [1, "$gt"]},
    "one_id": 2,
    "positive": 1,
    "positive_big": 1,
    "positive_small": 1,
    "slug": "a-b",
    "small": -1,
    "text": "abc",
    "time": time(1, 2, 3),
    "url": "http://a.b/",
    "uuid": UUID(int=1),
}
STORED_TEXTS = [text for text in TEXTS if "\ud800" not in text]
STORED_JSON = [
    {"$gt": ""},
    {"$ne": None, "$where": {"$gt": 1}},
    {"a.b": 1, "a": {"b": 2}, "$where": "x"},
    ["$gt"],
    "$name",
    "a\x00b",
    [{"a": {"b": 1}}],
]


@pytest.fixture(scope="module")
def specimens(databases):
    """The model, with the same hostile rows in both databases."""
    from tests.library.models import Specimen

    rows = [Specimen(pk=1), Specimen(pk=2), Specimen(pk=3, **PLAIN)]
    for key, text in enumerate(STORED_TEXTS, start=4):
        rows.append(
            Specimen(
                pk=key,
                char=text,
                text=text,
                indexed=text,
                slug=text,
                json=STORED_JSON[key % len(STORED_JSON)],
                binary=text.encode(),
                foreign_id=1,
            )
        )
    through = Specimen.many.through
    for alias in STORES:
        Specimen.objects.using(alias).bulk_create(rows)
        through.objects.using(alias).create(from_specimen_id=1, to_specimen_id=4)
    yield Specimen
    for alias in STORES:
        through.objects.using(alias).all().delete()
        Specimen.objects.using(alias).all().delete()


def outcome(ask):
    """The answer, or the error when it is one that a user of Django expects."""
    try:
        return ask()
    except Exception as error:
        return error


def differences(ask, cases):
    """The cases whose answers differ: `ask(alias, case)` in both databases."""
    wrong = []
    for case in cases:
        mine, theirs = (outcome(lambda a=a, c=case: ask(a, c)) for a in STORES)
        if isinstance(mine, Exception):
            same_kind = isinstance(theirs, Exception) and type(mine) is type(theirs)
            clear = isinstance(mine, CLEAR) or same_kind
            # A command that the server does not understand was never to be sent.
            refused = isinstance(mine.__cause__, PyMongoError)
            duplicate = isinstance(mine, IntegrityError)
            if not clear or (refused and not duplicate):
                wrong.append(f"{case}: {mine!r}, on SQLite {theirs!r}")
        elif isinstance(theirs, Exception) or mine != theirs:
            wrong.append(f"{case}: {mine!r}, on SQLite {theirs!r}")
    return wrong


def keys(queryset):
    return sorted(queryset.values_list("pk", flat=True))


@contextmanager
def undone(alias):
    """Whatever is written in the block is taken back."""
    with transaction.atomic(using=alias):
        yield
        transaction.set_rollback(True, using=alias)


def lookups_of(model, name):
    field = model._meta.pk if name == "pk" else model._meta.get_field(name)
    return ["exact", *field.get_lookups()]


@pytest.mark.parametrize("name", FIELDS)
def test_every_lookup_takes_values_as_data(specimens, name):
    def ask(alias, case):
        lookup, value = case
        rows = specimens.objects.using(alias)
        return keys(rows.filter(**{f"{name}__{lookup}": value}))

    lookups = lookups_of(specimens, name)
    cases = [(lookup, value) for lookup in lookups for value in HOSTILE]
    # SQLite's LIKE takes a pattern to end at its first NUL.
    cases = [each for each in cases if each != ("iexact", "\x00")]
    assert not differences(ask, cases)


def written(alias, model, work, *columns):
    """The columns' values after `work`, which is then taken back."""
    with undone(alias):
        work(model.objects.using(alias))
        return list(model.objects.using(alias).order_by("pk").values_list(*columns))


@pytest.mark.parametrize("name", [each for each in FIELDS if each not in NO_COLUMN])
def test_every_column_is_updated_with_values_as_data(specimens, name):
    def ask(alias, value):
        def update(rows):
            rows.filter(pk=1).update(**{name: value})

        return written(alias, specimens, update, "pk", name)

    assert not differences(ask, HOSTILE)


@pytest.mark.parametrize("name", [each for each in FIELDS if each not in NO_COLUMN])
def test_every_column_is_inserted_with_values_as_data(specimens, name):
    def ask(alias, value):
        def insert(rows):
            given = {"pk": 100, name: value}
            rows.bulk_create([specimens(**given), specimens(pk=101)])

        return written(alias, specimens, insert, "pk", name)

    assert not differences(ask, HOSTILE)


@pytest.mark.parametrize("name", ["char", "indexed", "json", "text"])
def test_get_or_create_takes_values_as_data(specimens, name):
    def ask(alias, value):
        def make(rows):
            row, created = rows.get_or_create(**{name: value}, defaults={"pk": 100})
            assert (row.pk == 100) == created
            rows.update_or_create(pk=100, defaults={name: value})
            rows.bulk_update([specimens(pk=1, **{name: [value]})], [name])

        return written(alias, specimens, make, "pk", name)

    assert not differences(ask, HOSTILE)


@pytest.mark.parametrize("name", ["char", "indexed", "json", "text"])
def test_values_in_expressions_are_data(specimens, name):
    as_type = {"json": JSONField()}.get(name, CharField())
    asked = [
        lambda rows, value: keys(rows.filter(**{name: value})),
        lambda rows, value: keys(rows.exclude(**{name: value})),
        lambda rows, value: keys(rows.filter(Q(**{name: value}) | Q(pk=1))),
        lambda rows, value: keys(rows.filter(**{name: Upper(value)})),
        lambda rows, value: keys(rows.filter(**{name: F(str(value))})),
        lambda rows, value: list(
            rows.order_by("pk").values_list("pk", Concat(name, value))
        ),
        lambda rows, value: list(
            rows.order_by("pk").values_list(
                Case(When(**{name: value}, then=value), default=Value("other"))
            )
        ),
        lambda rows, value: rows.filter(**{name: value}).aggregate(n=Count("pk")),
        lambda rows, value: list(
            rows.filter(**{name: value}).values_list(Length("char")).order_by("pk")
        ),
    ]

    def ask(alias, case):
        question, value = case
        rows = specimens.objects.using(alias)
        return question(rows, Value(value, output_field=as_type))

    cases = [(question, value) for question in asked for value in HOSTILE]
    # What is only selected comes back as it is, also what no UTF-8 can hold.
    selected = [
        lambda rows, value: list(
            rows.order_by("pk").annotate(found=value).values_list("pk", "found")
        ),
        lambda rows, value: list(
            rows.values("boolean")
            .annotate(found=value, most=Max("char"), number=Count("pk"))
            .order_by("boolean")
            .values_list("boolean", "found", "most", "number")
        ),
    ]
    encodable = [value for value in HOSTILE if value != "\ud800"]
    cases += [(question, value) for question in selected for value in encodable]
    assert not differences(ask, cases)


@pytest.mark.parametrize("name", ["char", "indexed", "json", "text"])
def test_values_in_an_updates_expressions_are_data(specimens, name):
    as_type = {"json": JSONField()}.get(name, CharField())

    def ask(alias, case):
        expression, value = case

        def update(rows):
            given = expression(Value(value, output_field=as_type))
            rows.filter(pk__in=[1, 3]).update(text=given)

        return written(alias, specimens, update, "pk", "text")

    expressions = [
        lambda value: value,
        lambda value: Concat(value, Value("$name")),
        lambda value: Case(When(text="abc", then=value), default=F("char")),
        lambda value: F(str(value.value)),
    ]
    cases = [(each, value) for each in expressions for value in HOSTILE]
    assert not differences(ask, cases)


def test_binaries_are_ordered_by_their_bytes(specimens):
    def ask(alias, name):
        rows = specimens.objects.using(alias).order_by(name, "pk")
        return list(rows.values_list("pk", flat=True))

    assert not differences(ask, ["binary", "-binary"])


KEYS = [text for text in TEXTS if "__" not in text] + ["a", "c", "0", "-1", "", " "]


@pytest.mark.parametrize("key", KEYS)
def test_json_keys_are_data(specimens, key):
    lookups = "isnull in contains icontains gt regex".split()
    transforms = ["", *(f"__{lookup}" for lookup in lookups)]
    filters = [
        {f"json__{path}{lookup}": value}
        for path in (key, f"a__{key}", f"{key}__a", f"{key}__{key}")
        for lookup in transforms
        for value in ("x", 1, [1], ["$gt"], True, {"$gt": 1}, {"b": 2}, "$name", None)
    ]
    filters += [{"json__has_key": key}, {"json__has_keys": [key, "a"]}]
    filters += [{"json__has_any_keys": [key, "$ne"]}]

    def ask(alias, case):
        rows = specimens.objects.using(alias)
        method, condition = case
        return keys(getattr(rows, method)(**condition))

    cases = [(method, each) for method in ("filter", "exclude") for each in filters]
    assert not differences(ask, cases)


@pytest.mark.parametrize("key", [key for key in KEYS if key != "\ud800"])
def test_names_are_names_of_fields(specimens, key):
    asked = {
        "order_by": lambda rows, name: [
            row.pk for row in rows.order_by(name, "pk").only("pk")
        ],
        "values": lambda rows, name: list(rows.order_by("pk").values("pk", name)),
        "values_list": lambda rows, name: list(
            rows.order_by("pk").values_list(name, flat=True)
        ),
        "annotate": lambda rows, name: list(
            rows.order_by("pk").annotate(**{name: F("char")}).values("pk", name)
        ),
        "annotate of": lambda rows, name: list(
            rows.order_by("pk").annotate(x=F(name)).values("pk", "x")
        ),
        "aggregate": lambda rows, name: rows.aggregate(**{name: Count("pk")}),
        "group": lambda rows, name: sorted(
            rows.values(name).annotate(n=Count("pk")).values_list("n", flat=True)
        ),
        "only": lambda rows, name: len(rows.only(name)),
        "filter": lambda rows, name: keys(rows.filter(**{name: 1})),
        "update": lambda rows, name: rows.update(**{name: 1}),
        "select_related": lambda rows, name: len(rows.select_related(name)),
        "latest": lambda rows, name: rows.latest(name).pk,
        "in_bulk": lambda rows, name: sorted(rows.in_bulk([key])),
    }

    def ask(alias, case):
        question, name = case
        return asked[question](specimens.objects.using(alias), name)

    names = [key, f"-{key}", f"json__{key}", f"-json__{key}", f"foreign__{key}"]
    names += [f"char__{key}", f"json__a__{key}", f"json.{key}"]
    cases = [(question, name) for question in asked for name in names]
    assert not differences(ask, cases)
