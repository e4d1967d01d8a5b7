"""A walk through a database that other programs wrote, with inspectdb's own models.

Each test asks one thing of each collection. What fails stands in FAILING, with why.
"""

import json
from io import StringIO
from typing import Any

import pytest
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from django.contrib.admin.utils import quote
from django.core import checks
from django.core.management import call_command
from django.db import DataError, NotSupportedError
from django.db.models import Q
from django.urls import reverse

from .collections import NAMES, READ_ONLY
from .conftest import ALIAS, has_composite_key

# Why collections fail what is asked of them today: {why: {asked: collections}}.
FAILING = {
    "a key of bytes has no text in a URL": {
        "admin change": {"legacy_uuids"},
        "rest": {"legacy_uuids"},
    },
    "a key that is a document has no text in a URL": {
        "admin change": {"odd_totals"},
        "rest": {"odd_totals"},
    },
}
# A date that Python has no datetime for: it is refused, by a DataError.
UNREADABLE = "far_dates"


def each(asked: str, but: tuple[str, ...] = ()) -> Any:
    """Run a test for each collection."""
    found = []
    for name in NAMES:
        if name == UNREADABLE or name in but:
            continue
        marks = [
            pytest.mark.xfail(reason=reason, strict=True)
            for reason, failing in FAILING.items()
            if name in failing.get(asked, ())
        ]
        found.append(pytest.param(name, marks=marks))
    return pytest.mark.parametrize("name", found)


def rows_of(foreign: Any, name: str) -> list[Any]:
    return list(foreign[name].objects.all())


def stored(database: Any, name: str) -> list[bytes]:
    """Return the bytes of the documents, in the order of the store."""
    raw: CodecOptions = CodecOptions(document_class=RawBSONDocument)
    return [each.raw for each in database[name].with_options(codec_options=raw).find()]


def test_every_collection_has_a_model(foreign):
    assert sorted(foreign) == sorted(NAMES)


def test_check_is_clean(foreign):
    assert checks.run_checks(databases=[ALIAS]) == []


@each("list")
def test_all_rows_are_listed(foreign, database, name):
    number = database[name].count_documents({})
    assert len(rows_of(foreign, name)) == number
    assert foreign[name].objects.count() == number
    assert foreign[name].objects.exists() == bool(number)


@each("filter")
def test_a_row_is_found_by_each_of_its_values(foreign, name):
    model = foreign[name]
    for row in rows_of(foreign, name):
        for field in model._meta.concrete_fields:
            value = getattr(row, field.attname)
            wanted = Q(**{field.name: value})
            if value is None:  # in a JSONField a stored null is JSON's
                wanted |= Q(**{f"{field.name}__isnull": True})
            keys = [each.pk for each in model.objects.filter(wanted)]
            assert row.pk in keys, (field.name, value)


@each("get", but=("names",))  # which has no keys
def test_a_row_is_found_by_its_key(foreign, name):
    for row in rows_of(foreign, name):
        found = foreign[name].objects.get(pk=row.pk)
        for field in foreign[name]._meta.concrete_fields:
            value = getattr(found, field.attname)
            assert value == getattr(row, field.attname), field.name


@each("order")
def test_rows_are_ordered_by_each_field(foreign, name):
    model = foreign[name]
    number = len(rows_of(foreign, name))
    for field in model._meta.concrete_fields:
        assert len(model.objects.order_by(field.name)) == number, field.name
        assert len(model.objects.order_by(f"-{field.name}")) == number, field.name


@each("save", but=tuple(READ_ONLY))
def test_saving_an_untouched_row_changes_no_byte(foreign, database, name):
    before = stored(database, name)
    rows = rows_of(foreign, name)
    try:
        for row in rows:
            row.save()
        after = stored(database, name)
        assert [len(each) for each in after] == [len(each) for each in before]
        assert after == before
    finally:
        restore(database, name, before)


def restore(database: Any, name: str, documents: list[bytes]) -> None:
    """Store the documents again, if they have changed."""
    if stored(database, name) != documents:
        database[name].delete_many({})
        database[name].insert_many([RawBSONDocument(each) for each in documents])


@pytest.mark.parametrize("name", [name for name in READ_ONLY if name != "names"])
def test_what_cannot_be_changed_says_so(foreign, name):
    for row in rows_of(foreign, name):
        with pytest.raises(NotSupportedError):
            row.delete()


@each("dump")
def test_the_rows_are_dumped(foreign, name):
    out = StringIO()
    call_command("dumpdata", foreign[name]._meta.label, database=ALIAS, stdout=out)
    assert len(json.loads(out.getvalue())) == len(rows_of(foreign, name))


@each("admin list", but=("daily_totals",))
def test_the_admin_lists_the_rows(foreign, client, name):
    meta = foreign[name]._meta
    answer = client.get(reverse(f"admin:foreign_{meta.model_name}_changelist"))
    assert answer.status_code == 200
    number = len(rows_of(foreign, name))
    assert len(answer.context_data["cl"].result_list) == number


@each("admin change", but=("daily_totals", "names"))
def test_the_admin_shows_each_row(foreign, client, name):
    meta = foreign[name]._meta
    for row in rows_of(foreign, name):
        url = reverse(f"admin:foreign_{meta.model_name}_change", args=[quote(row.pk)])
        assert client.get(url).status_code == 200, url


@each("rest", but=("names",))
def test_rest_lists_the_rows_and_serves_each(foreign, client, name):
    url = f"/api/v1/{foreign[name].__name__.lower()}/"
    answer = client.get(url)
    assert answer.status_code == 200, answer.content[:500]
    found = answer.json()["objects"]
    assert len(found) == len(rows_of(foreign, name))
    for row in found:
        one = client.get(row["resource_uri"])
        assert one.status_code == 200, row["resource_uri"]
        assert one.json() == row


def test_a_date_that_python_does_not_hold_is_refused_by_name(foreign):
    with pytest.raises(DataError, match=r"(?s)far_dates.*_id.*1.*at"):
        rows_of(foreign, UNREADABLE)


def test_the_admin_does_not_take_a_composite_key(foreign):
    composite = [name for name in foreign if has_composite_key(foreign[name])]
    assert composite == ["daily_totals"]
