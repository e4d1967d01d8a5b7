"""The DatabaseWrapper: one connection to the store, and its transactions."""

from nonrel_backend.base import NonrelDatabaseWrapper
from nonrel_backend.features import NonrelDatabaseFeatures

from django.db import IntegrityError, OperationalError

from .creation import DatabaseCreation
from .store import DuplicateKey, StoreError, connect


class DatabaseFeatures(NonrelDatabaseFeatures):
    # TODO: leave these out where the store has no transactions.
    supports_transactions = True
    atomic_transactions = True
    uses_savepoints = True
    can_rollback_ddl = True


class DatabaseWrapper(NonrelDatabaseWrapper):
    # TODO: what Django is to call your store, and show to people.
    vendor = "backend_template"
    display_name = "Backend template"
    creation_class = DatabaseCreation
    features_class = DatabaseFeatures

    def get_new_connection(self, conn_params):
        # TODO: open a connection; `conn_params` are the OPTIONS. It is in
        # `self.db_connection` from now on. Drivers that share one connection among
        # threads need a single one for the process.
        return connect(
            self.settings_dict["HOST"],
            self.settings_dict["PORT"],
            self.settings_dict["USER"],
            self.settings_dict["PASSWORD"],
            self.settings_dict["NAME"],
        )

    def _close(self):
        # TODO: close the connection.
        self.connection.rollback()
        self.connection.closed = True

    def translate_error(self, error):
        # TODO: Django's error for each of your driver's; None for all others.
        if isinstance(error, DuplicateKey):
            return IntegrityError(str(error))
        if isinstance(error, StoreError):
            return OperationalError(str(error))
        return None

    # TODO: leave these out where the store has no savepoints. Of a store that has
    # transactions, the connection must have `autocommit`, commit() and rollback().

    def set_savepoint(self, sid):
        self.connection.savepoint(sid)

    def undo_savepoint(self, sid):
        self.connection.rollback_to(sid)

    def release_savepoint(self, sid):
        pass
