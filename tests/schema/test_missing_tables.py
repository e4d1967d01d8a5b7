"""A statement on a table that does not exist says so, whatever the statement is."""

import pytest
from django.apps.registry import Apps
from django.db import DatabaseError, connection, models, transaction
from django.db.models import Count, F, Max


@pytest.fixture
def missing(databases):
    class Missing(models.Model):
        n = models.IntegerField(null=True)

        class Meta:
            apps = Apps()
            app_label = "tests"
            db_table = "tests_missing"

    return Missing


def in_atomic(work):
    with transaction.atomic():
        return work()


@pytest.mark.parametrize("run", [lambda work: work(), in_atomic], ids=["", "atomic"])
@pytest.mark.parametrize(
    "work",
    [
        lambda rows, model: rows.count(),
        lambda rows, model: rows.filter(n=1).count(),
        lambda rows, model: rows.aggregate(Max("n")),
        lambda rows, model: list(rows.values("n").annotate(Count("pk"))),
        lambda rows, model: rows.exists(),
        lambda rows, model: list(rows.all()),
        lambda rows, model: list(rows.order_by("n")[:2]),
        lambda rows, model: rows.in_bulk([1]),
        lambda rows, model: rows.update(n=1),
        lambda rows, model: rows.filter(n=1).update(n=F("n") + 1),
        lambda rows, model: rows.filter(n=1).update(n=F("pk") / 2),
        lambda rows, model: rows.bulk_update([model(pk=1, n=2)], ["n"]),
        lambda rows, model: rows.bulk_create([model(pk=1), model(pk=2)]),
        lambda rows, model: model(pk=1).save(),
        lambda rows, model: model().save(),
        lambda rows, model: rows.all().delete(),
        lambda rows, model: rows.filter(n=1).delete(),
        lambda rows, model: model(pk=1).delete(),
    ],
)
def test_every_statement_on_a_missing_table_says_so(missing, work, run):
    with pytest.raises(DatabaseError, match="no such table: tests_missing"):
        run(lambda: work(missing.objects, missing))
    assert "tests_missing" not in connection.introspection.table_names()
