"""Models over a part of a table: single-table designs."""

import pytest
from django.db import IntegrityError, transaction
from django.db.models import Sum


def items(store):
    found = store.db_connection.call("scan", TableName=store.prefix + "App")["Items"]
    return {(each["PK"]["S"], each["SK"]["S"]): each for each in found}


def test_queries_see_their_part_only(music):
    assert {each.name for each in music.User.objects.all()} == {"Ada", "Bob"}
    assert music.User.objects.count() == 2
    assert not music.User.objects.filter(owner="STATS").exists()
    assert not music.User.objects.filter(pk=("USER#1", "INVOICE#1")).exists()
    assert music.Invoice.objects.aggregate(Sum("total")) == {"total__sum": 30}


def test_a_part_of_a_partition_is_one_query(music, calls):
    invoices = music.Invoice.objects.filter(owner="USER#1")
    assert invoices.count() == 2
    calls.clear()
    assert [each.total for each in invoices.order_by("-number")[:1]] == [20]
    ((name, parameters),) = calls
    assert (name, parameters["Limit"]) == ("query", 1)
    assert {"S": "INVOICE#"} in parameters["ExpressionAttributeValues"].values()


def test_both_parts_are_joined(music):
    names = music.User.objects.values("owner")
    assert music.Invoice.objects.filter(owner__in=names).count() == 2


def test_writes_stay_in_the_part(music, store):
    before = items(store)
    assert music.User.objects.update(name="X") == 2
    after = items(store)
    assert after["STATS", "PROFILE"] == before["STATS", "PROFILE"]
    assert after["USER#1", "PROFILE"] == {
        **before["USER#1", "PROFILE"],
        "name": {"S": "X"},
    }
    assert music.User.objects.filter(pk=("STATS", "PROFILE")).update(name="X") == 0
    assert music.User.objects.filter(pk=("STATS", "PROFILE")).delete()[0] == 0
    assert music.User.objects.all().delete()[0] == 2
    assert len(items(store)) == 3


@pytest.mark.parametrize("is_in_block", [False, True])
def test_rows_that_are_not_of_the_part_are_refused(is_in_block, music, store):
    before = items(store)
    stats = music.User(owner="STATS", kind="PROFILE", name="X")

    def refused(write):
        with pytest.raises(IntegrityError, match="DynamoMeta.where"):
            with transaction.atomic() if is_in_block else pytest.MonkeyPatch.context():
                write()

    refused(lambda: music.User.objects.create(owner="STATS", kind="OTHER", name="X"))
    assert music.User.objects.bulk_update([stats], ["name"]) == 0
    refused(lambda: stats.save())
    assert items(store) == before
    music.User.objects.create(owner="USER#3", kind="PROFILE", name="Eve")
    assert len(items(store)) == 6
