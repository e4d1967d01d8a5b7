"""The store, without transactions."""

from nonrel_backend.kv.ordered import OrderedWrapper

from .. import base


class DatabaseWrapper(base.DatabaseWrapper):
    transaction = OrderedWrapper.transaction
