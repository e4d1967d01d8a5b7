"""Saving fills the fields of embedded models as it fills those of a row."""

import pytest
from django.utils import timezone

ALIASES = ["default", "oracle"]


@pytest.fixture(params=ALIASES)
def rows(orders, request):
    return orders.Order.objects.using(request.param)


def lines_of(order):
    line = order.lines[0]
    return [order.first, line, line.parts[0], line.parts[0].parts[0], order.named["a"]]


@pytest.fixture
def order(orders, rows):
    Line = orders.Line
    parts = [{"name": "p", "parts": [Line(name="pp")]}]
    return rows.create(
        first=Line(name="f"), lines=[Line(name="l", parts=parts)], named={"a": Line()}
    )


def test_dates_are_filled_at_any_depth(rows, order):
    now = timezone.now()
    for line in lines_of(order) + lines_of(rows.get()):
        assert abs((now - line.created).total_seconds()) < 60
        assert abs((now - line.changed).total_seconds()) < 60


def test_a_second_save_changes_what_is_auto_now_only(rows, order):
    order = rows.get()
    before = [(line.created, line.changed) for line in lines_of(order)]
    order.save()
    for line, (created, changed) in zip(lines_of(rows.get()), before, strict=True):
        assert line.created == created
        assert line.changed > changed


def test_a_new_item_of_an_old_row_is_filled(orders, rows, order):
    order = rows.get()
    order.lines.append(orders.Line(name="new"))
    order.save()
    assert rows.get().lines[1].created > order.lines[0].created


def test_a_date_that_was_given_is_kept(orders, rows):
    given = timezone.now().replace(2020, microsecond=0)
    rows.create(first=orders.Line(created=given), lines=[{"created": given}])
    order = rows.get()
    assert order.first.created == order.lines[0].created == given


def test_a_null_that_was_read_is_not_filled(rows, order):
    rows.update(first__created=None)
    order = rows.get()
    order.save()
    assert rows.get().first.created is None


def test_bulk_create_fills(orders, rows):
    rows.bulk_create([orders.Order(first=orders.Line())])
    assert rows.get().first.created is not None


def test_a_list_inside_is_sorted_when_it_is_saved():
    from django.db import models

    from nonrel_backend.fields import EmbeddedModel, EmbeddedModelField, ListField

    class SortedHolder(EmbeddedModel):
        names = ListField(models.CharField(max_length=9), ordering=str.lower)

        class Meta:
            app_label = "orders"

    field = EmbeddedModelField(SortedHolder)
    field.set_attributes_from_name("held")
    holder = type("Row", (), {})()
    holder.held = SortedHolder(names=["b", "A"])
    assert field.pre_save(holder, True).names == ["A", "b"]
