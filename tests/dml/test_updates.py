"""UPDATE of several columns by one statement."""

from django.db import transaction
from django.db.models import F


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
