"""The order of the keys of JSON objects is kept beside them."""

import json

import pytest

from nonrel_backend.kv.key_orders import in_order, order_of


@pytest.mark.parametrize(
    "value",
    [
        {"b": 1, "a": 2},
        {"a": {"z": 1, "y": [{"2": 0, "1": 0}, 5]}, "b": []},
        [{"b": 1, "a": 2}, {"a": 1, "b": 2}],
        {"10": 1, "9": 2},
        {"b": {}, "a": {"": 1}},
    ],
)
def test_a_value_whose_keys_were_sorted_gets_its_order_back(value):
    order = json.loads(json.dumps(order_of(value)))
    changed = json.loads(json.dumps(value, sort_keys=True))
    assert json.dumps(in_order(changed, order)) == json.dumps(value)


@pytest.mark.parametrize(
    "value", [{"a": 1, "b": {"c": 2}}, [1, {"a": 1}], "text", None]
)
def test_a_sorted_value_has_no_order_to_keep(value):
    assert order_of(value) is None


def test_a_value_that_has_changed_since_is_sorted():
    order = order_of({"b": 1, "a": [{"d": 1, "c": 2}]})
    assert list(in_order({"c": 1, "a": 2}, order)) == ["a", "c"]
    assert list(in_order({"b": 1, "a": {"d": 1, "c": 2}}, order)["a"]) == ["c", "d"]
