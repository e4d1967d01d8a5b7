"""The store, with transactions."""

from bisect import bisect_left, insort
from contextlib import contextmanager

from django.db import OperationalError

from nonrel_backend.kv.ordered import OrderedWrapper


class StoreError(Exception):
    """The only error of the driver."""


class Store:
    """Sorted keys, and their values."""

    def __init__(self):
        self.keys = []
        self.values = {}
        # How many values may be put before the store fails; None for no limit.
        self.left = None

    def restore(self, keys, values):
        self.keys, self.values = keys, values


STORES = {}


class DatabaseWrapper(OrderedWrapper):
    vendor = display_name = "sorted_bytes"
    errors = {StoreError: OperationalError}

    def get_new_connection(self, conn_params):
        return STORES.setdefault(self.settings_dict["NAME"], Store())

    def value(self, key):
        return self.connection.values.get(key)

    def items(self, low, high, reverse, limit):
        keys = self.connection.keys
        found = keys[bisect_left(keys, low) : bisect_left(keys, high)]
        found = found[::-1][:limit] if reverse else found[:limit]
        return [(key, self.connection.values[key]) for key in found]

    def put(self, key, value):
        store = self.connection
        if store.left is not None:
            store.left -= 1
            if store.left == 0:
                raise StoreError("The store is full.")
        if key not in store.values:
            insort(store.keys, key)
        store.values[key] = value

    def remove(self, key):
        store = self.connection
        if store.values.pop(key, None) is not None:
            store.keys.remove(key)

    @contextmanager
    def transaction(self, write):
        store = self.connection
        before = store.keys.copy(), store.values.copy()
        try:
            yield
        except BaseException:
            store.restore(*before)
            raise
