"""The order of the keys of JSON objects, for stores whose maps have none.

A map is read with its keys sorted. Of a value with another order a store keeps what
order_of() returns, beside the value.
"""

from typing import Any


def order_of(value: Any) -> Any:
    """Return the order of the keys in a JSON value, None if they are all sorted.

    That of an object is [its keys, None if they are sorted; {key: order of its
    value}]; that of a list is {number of an item, as text: its order}. Sorted values
    have no entry.
    """
    if isinstance(value, dict):
        inner = orders_of(value.items())
        keys = list(value)
        is_sorted = keys == sorted(keys)
        return None if is_sorted and not inner else [None if is_sorted else keys, inner]
    if type(value) in (list, tuple):
        return orders_of((str(at), each) for at, each in enumerate(value)) or None
    return None


def orders_of(items: Any) -> dict[str, Any]:
    found = ((key, order_of(value)) for key, value in items)
    return {key: order for key, order in found if order is not None}


def in_order(value: Any, order: Any) -> Any:
    """Return a JSON value with its keys in the order that order_of() has returned.

    Where the value is another one by now, they are sorted.
    """
    if isinstance(value, dict):
        keys, inner = order if isinstance(order, list) else (None, {})
        if keys is None or value.keys() != set(keys):
            keys = sorted(value)
        return {key: in_order(value[key], inner.get(key)) for key in keys}
    if type(value) is list:  # a set of the store's has no order
        orders = order if isinstance(order, dict) else {}
        return [in_order(each, orders.get(str(at))) for at, each in enumerate(value)]
    return value
