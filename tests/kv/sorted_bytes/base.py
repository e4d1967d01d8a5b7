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

    def copy(self):
        copy = Store()
        copy.restore(self.keys.copy(), self.values.copy())
        return copy

    def restore(self, keys, values):
        self.keys, self.values = keys, values


STORES = {}


class DatabaseWrapper(OrderedWrapper):
    vendor = display_name = "sorted_bytes"
    errors = {StoreError: OperationalError}

    def get_new_connection(self, conn_params):
        return STORES.setdefault(self.settings_dict["NAME"], Store())

    # The state that a transaction reads which does not write.
    snapshot = None

    def value(self, key):
        return (self.snapshot or self.connection).values.get(key)

    def items(self, low, high, reverse, limit):
        state = self.snapshot or self.connection
        found = state.keys[bisect_left(state.keys, low) : bisect_left(state.keys, high)]
        found = found[::-1][:limit] if reverse else found[:limit]
        return [(key, state.values[key]) for key in found]

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
        if not write:
            self.snapshot = store.copy()
            try:
                yield
            finally:
                self.snapshot = None
            return
        before = store.keys.copy(), store.values.copy()
        try:
            yield
        except BaseException:
            store.restore(*before)
            raise
