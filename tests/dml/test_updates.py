"""UPDATE of several columns by one statement."""

import pytest
from django.apps.registry import Apps
from django.db import IntegrityError, transaction
from django.db.models import F, When


def test_a_unique_value_beside_an_expression_in_a_block(library):
    library.Counter.objects.create(name="a", value=1)
    with transaction.atomic():
        found = library.Counter.objects.filter(name="a")
        assert found.update(name="b", value=F("value") + 1) == 1
    assert library.Counter.objects.get(name="b").value == 2


def test_a_row_is_saved_with_an_expression_in_a_block(library):
    counter = library.Counter.objects.create(name="a", value=1)
    with transaction.atomic():
        counter.value = F("value") + 1
        counter.save()
    counter.refresh_from_db()
    assert counter.value == 2


def test_a_positive_column_grows_and_is_never_negative(library):
    numbers = library.Specimen.objects
    for value in (0, 2, None):
        numbers.create(positive=value)
    assert numbers.update(positive=F("positive") + 1) == 3
    for change in (F("positive") - 2, F("positive") + -2, F("big") + 1):
        numbers.update(big=-9)
        with pytest.raises(IntegrityError), transaction.atomic():
            numbers.update(positive=change)
    found = numbers.order_by("pk").values_list("positive", flat=True)
    assert list(found) == [1, 3, None]
    numbers.all().delete()


def test_rows_of_a_proxy_are_changed_and_deleted(library):
    meta = type("Meta", (), {"proxy": True, "app_label": "tests", "apps": Apps()})
    proxy = type("Total", (library.Counter,), {"Meta": meta, "__module__": __name__})
    found = proxy.objects.create(name="a")
    proxy.objects.filter(pk=found.pk).update(name="b")
    found.refresh_from_db()
    assert found.name == "b"
    found.name = "c"
    found.save()
    assert library.Counter.objects.get().name == "c"
    assert proxy.objects.order_by("-pk").filter(pk__in=[found.pk])[0] == found
    assert found.delete()[0] == 1
    assert not library.Counter.objects.exists()


def test_the_cases_of_bulk_update_are_resolved_once(library, monkeypatch):
    counters = [library.Counter.objects.create(name=name) for name in "abc"]
    for number, counter in enumerate(counters):
        counter.value = number
    resolve, resolved = When.resolve_expression, []

    def noted(self, *args, **kwargs):
        resolved.append(self)
        return resolve(self, *args, **kwargs)

    monkeypatch.setattr(When, "resolve_expression", noted)
    assert library.Counter.objects.bulk_update(counters, ["value"]) == 3
    assert len(resolved) == 3
    values = library.Counter.objects.order_by("name").values_list("value", flat=True)
    assert list(values) == [0, 1, 2]
