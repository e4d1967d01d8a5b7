"""What a form of an embedded model does not show is kept."""

import re
from html import unescape

import pytest
from django.forms import modelform_factory
from django.http import QueryDict


@pytest.fixture
def OrderForm(orders):
    names = ["tags", "first", "lines", "named", "total"]
    return modelform_factory(orders.Order, fields=names)


@pytest.fixture
def order(orders):
    def line(name, **values):
        return orders.Line(name=name, amount=1, serial="S" + name, **values)

    inner = line("i")
    orders.Order.objects.create(
        first=line("f", parts=[inner]),
        lines=[line("a"), line("b", parts=[inner]), orders.Line(serial="hidden")],
        named={"x": line("x")},
    )
    return orders.Order.objects.get()


def sent(form) -> QueryDict:
    """Return what a browser sends of a form."""
    found = QueryDict(mutable=True)
    html = re.sub("<template>.*?</template>", "", str(form), flags=re.DOTALL)
    for tag in re.findall(r"<input[^>]*>", html):
        attributes = dict(re.findall(r'(\w+)="([^"]*)"', tag))
        found.appendlist(attributes["name"], unescape(attributes.get("value", "")))
    for name, text in re.findall(
        r'<textarea name="([^"]*)"[^>]*>\n(.*?)</', html, re.S
    ):
        found.appendlist(name, unescape(text))
    return found


def hidden(line):
    parts = [hidden(part) for part in line.parts]
    return line.name, line.amount, line.serial, line.key, line.created, parts


def all_hidden(order):
    return [hidden(line) for line in (order.first, *order.lines, order.named["x"])]


def saved(OrderForm, data, order):
    form = OrderForm(data, instance=order)
    assert form.is_valid(), form.errors
    form.save()
    return type(order).objects.get()


def test_an_unchanged_form_changes_nothing(OrderForm, order):
    before = all_hidden(order)
    form = OrderForm(sent(OrderForm(instance=order)), instance=order)
    assert form.changed_data == []
    assert all_hidden(saved(OrderForm, form.data, order)) == before


def test_a_changed_form_keeps_what_it_does_not_show(OrderForm, order):
    before = all_hidden(order)
    data = sent(OrderForm(instance=order))
    data["first-name"], data["lines-1-name"], data["named-0-value-name"] = "FBX"
    found = all_hidden(saved(OrderForm, data, order))
    assert [line[0] for line in found] == ["F", "a", "B", "", "X"]
    assert [line[1:] for line in found] == [line[1:] for line in before]


def test_hidden_values_move_with_their_rows(orders, OrderForm, order):
    a, b, c = order.lines
    data = sent(OrderForm(instance=order))
    data.setlist("lines", ["2", "new1", "1"])
    data["lines-new1-name"] = "new"
    lines = saved(OrderForm, data, order).lines
    assert [line.name for line in lines] == ["", "new", "b"]
    assert hidden(lines[0]) == hidden(c)
    assert hidden(lines[2]) == hidden(b)
    assert lines[1].serial == "none"
    assert lines[1].key not in {line.key for line in (a, b, c)}


def test_rows_keep_their_keys_when_they_are_shown_again(OrderForm, order):
    before = all_hidden(order)
    data = sent(OrderForm(instance=order))
    data.setlist("lines", ["1", "0"])
    data["lines-1-amount"] = "no number"
    form = OrderForm(data, instance=order)
    assert not form.is_valid()
    again = sent(form)
    assert again.getlist("lines") == ["1", "0"]
    assert again["lines-1-amount"] == "no number"
    again["lines-1-amount"] = "1"
    lines = saved(OrderForm, again, order).lines
    assert [hidden(line) for line in lines] == [before[2], before[1]]


def test_hidden_values_follow_items_that_another_request_has_moved(
    orders, OrderForm, order
):
    a, b, c = order.lines
    data = sent(OrderForm(instance=order))
    data["lines-1-name"] = "B"
    order.lines = [orders.Line(name="new", serial="SN"), c, b]
    order.save()
    lines = saved(OrderForm, data, orders.Order.objects.get()).lines
    assert [line.name for line in lines] == ["a", "B", ""]
    assert hidden(lines[1])[1:] == hidden(b)[1:]
    assert hidden(lines[2]) == hidden(c)
    assert lines[0].serial == "none"  # the item is gone


def test_a_cleared_form_is_none(OrderForm, order):
    data = sent(OrderForm(instance=order))
    data["first-name"] = data["first-amount"] = ""
    del data["first-parts"]
    data["first-parts-rows"] = "1"
    assert saved(OrderForm, data, order).first is None


def test_the_initial_models_are_not_changed(OrderForm, order):
    first, lines, before = order.first, list(order.lines), all_hidden(order)
    data = sent(OrderForm(instance=order))
    data["first-name"] = data["lines-0-name"] = "changed"
    assert OrderForm(data, instance=order).is_valid()
    assert [hidden(line) for line in (first, *lines)] == before[:-1]


def test_an_error_is_shown_once(orders):
    form_class = modelform_factory(orders.Customer, fields=["location"])
    for values, message in (
        ({"location-lat": "1.5"}, "Give both"),
        ({"location-lat": "x", "location-lng": "1"}, "Enter a number"),
    ):
        form = form_class(values)
        assert message in str(form.errors["location"])
        assert str(form).count(message) == 1
    assert 'aria-invalid="true"' in str(form)


def test_an_unchanged_form_keeps_the_keys_that_the_model_does_not_know(documents):
    names = ["address", "comments", "shape", "shapes"]
    form_class = modelform_factory(documents.City, fields=names)
    documents.City.objects.create(
        address={"geo": [1], "city": "x", "place": {"alt": 1, "lat": 1.0}},
        comments=[{"author": "a", "ip": 1, "replies": [{"author": "b", "ip": 2}]}],
        shape={"_model": "documents.Square", "name": "s", "side": 1.0, "colour": 2},
        shapes=[{"_model": "documents.Square", "name": "s", "side": 1.0, "colour": 3}],
    )
    city = documents.City.objects.get()
    before = [city._meta.get_field(name).value_to_string(city) for name in names]
    form = form_class(sent(form_class(instance=city)), instance=city)
    assert form.is_valid(), form.errors
    form.save()
    city = documents.City.objects.get()
    after = [city._meta.get_field(name).value_to_string(city) for name in names]
    assert after == before
