"""The connection to the store, its errors and its transactions."""

from django.db import IntegrityError, OperationalError

from nonrel_backend.base import NonrelDatabaseWrapper
from nonrel_backend.transactions import TransactionConflict

from .creation import DatabaseCreation
from .features import DatabaseFeatures
from .store import Conflict, DuplicateKey
from .store import Connection as connect


class DatabaseWrapper(NonrelDatabaseWrapper):
    vendor = display_name = "backend_template"
    creation_class = DatabaseCreation
    features_class = DatabaseFeatures

    def get_new_connection(self, conn_params):
        # TODO: connect. conn_params are the OPTIONS; self.db_connection is the result.
        names = ("HOST", "PORT", "USER", "PASSWORD", "NAME")
        return connect(*(self.settings_dict[name] for name in names))

    def translate_error(self, error):
        # TODO: return Django's error for each of your driver's, None for any other.
        if isinstance(error, DuplicateKey):
            return IntegrityError(str(error))
        if isinstance(error, Conflict):  # retry_transaction() runs the block again
            return TransactionConflict(str(error))
        return OperationalError(str(error)) if isinstance(error, OSError) else None

    # TODO: remove these if there are no savepoints. For transactions, the connection
    # has PEP 249's commit() and rollback(), and an attribute `autocommit`.

    def set_savepoint(self, sid):
        self.connection.savepoint(sid)

    def undo_savepoint(self, sid):
        self.connection.rollback_to(sid)
