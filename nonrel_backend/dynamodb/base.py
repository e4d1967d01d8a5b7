"""The DatabaseWrapper for DynamoDB: NAME is a prefix of the names of its tables."""

import logging
from typing import Any

from django.db.models.signals import post_migrate
from django.utils.functional import cached_property

from ..base import NonrelDatabaseWrapper
from ..client import NonrelDatabaseClient
from ..cursor import NonrelCursor, Statement
from ..kv.optimistic import READ, WRITTEN, OptimisticWrapper
from . import ttl
from .access import DynamoAccess
from .capacity import Consumed
from .capacity import logger as capacity
from .catalog import DynamoCatalog
from .client import Client, shared
from .creation import DatabaseCreation
from .errors import translate
from .features import DatabaseFeatures
from .introspection import DatabaseIntrospection
from .operations import DatabaseOperations
from .schema import DatabaseSchemaEditor
from .store import DynamoStore
from .tables import table_name
from .values import FORMS

post_migrate.connect(ttl.enable, dispatch_uid="nonrel_backend.dynamodb.ttl")

CLIENT_OPTIONS = {"region", "endpoint_url", "profile", "config", "deadline"}
OWN_OPTIONS = {
    *("prefix", "keys", "buckets", "isolation", "oversize", "transaction_bytes"),
    *("billing", "tags", "encryption_key", "point_in_time_recovery"),
    *("deletion_protection", "wait", "schema_wait", "segments", "consistent", "bulk"),
}
CHOICES = {
    "keys": ("time", "sequence"),
    "isolation": (WRITTEN, READ),
    "oversize": ("commit", "refuse"),
    "bulk": ("whole", "batches"),
}


class Cursor(NonrelCursor):
    """A cursor whose statements are logged with the capacity that they consumed."""

    def execute(self, statement: Statement | str, params: Any = None) -> NonrelCursor:
        connection = self.connection
        if not (connection.queries_logged or capacity.isEnabledFor(logging.INFO)):
            return super().execute(statement, params)
        before = connection.consumed.snapshot()
        try:
            return super().execute(statement, params)
        finally:
            used = connection.consumed.since(before)
            if isinstance(statement, Statement) and used.requests:
                text = statement.text
                statement.text = lambda: f"{text()} -- {used}"
            capacity.info("%s: %s", used, statement)


class DatabaseClient(NonrelDatabaseClient):
    """`connection.client`: it has the methods of boto3's client, which it connects.

    They know nothing of prefixes: connection.physical(db_table) is a table's name.
    """

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(shared(self.connection.db_connection.settings, "dynamodb"), name)


class DatabaseWrapper(OptimisticWrapper):
    """A connection to DynamoDB, with boto3's own chain of credentials.

    OPTIONS: those of OptimisticWrapper, and

    * `region`, `endpoint_url`, `profile`; `config`: a botocore Config.
    * `deadline`: seconds for each operation, with its retries (default 10).
    * `prefix`: with what the names of all tables begin.
    * `keys`: "time" (default; see kv/keys.py) or "sequence".
    * `buckets`: over how many partitions the entries of a new index are spread
      (default 1); `segments`: how many parts of a table are scanned at a time.
    * `consistent`: False lets queries outside of transactions read eventually
      consistently, at half the cost: see managers.py.
    * `bulk`: "whole" (default) or "batches": what bulk_create() outside of blocks is.
    * `billing`, `tags`, `encryption_key`, `point_in_time_recovery`,
      `deletion_protection`: of new tables; `wait`: seconds until they are active.
    * `schema_wait`: seconds before the rows of a table get the entries of a new index
      (default 2: other processes see the new catalog by then).
    """

    vendor = "dynamodb"
    display_name = "DynamoDB"
    own_options = NonrelDatabaseWrapper.own_options | OWN_OPTIONS
    access_class = DynamoAccess
    catalog_class = DynamoCatalog
    client_class = DatabaseClient
    creation_class = DatabaseCreation
    features_class = DatabaseFeatures
    introspection_class = DatabaseIntrospection
    ops_class = DatabaseOperations
    SchemaEditorClass = DatabaseSchemaEditor
    forms = FORMS
    connection: Client | None

    @cached_property
    def consumed(self) -> Consumed:
        """What the requests of this connection have consumed."""
        return Consumed()

    def get_connection_params(self) -> dict[str, Any]:
        self.check_options(CLIENT_OPTIONS, CHOICES)
        return super().get_connection_params()

    def get_new_connection(self, conn_params: dict[str, Any]) -> Client:
        return Client(**conn_params, consumed=self.consumed)

    def is_usable(self) -> bool:
        return self.connection is not None and not self.connection.closed

    def translate_error(self, error: BaseException) -> Exception | None:
        return translate(error)

    def create_cursor(self, name: str | None = None) -> Cursor:
        return Cursor(self)

    # --- tables ---

    @property
    def prefix(self) -> str:
        name = str(self.settings_dict["NAME"] or "")
        return self.option("prefix", "") + (f"{name}." if name else "")

    def physical(self, name: str) -> str:
        """Return the name of a DynamoDB table of this database."""
        return table_name(self.prefix, name)

    @cached_property
    def records(self) -> DynamoStore:
        return DynamoStore(self)

    # --- eventually consistent reads: see managers.py ---

    # Whether the running query reads so.
    reads_eventually = False

    @cached_property
    def eventual_records(self) -> DynamoStore:
        return DynamoStore(self, consistent=False)

    def is_eventual(self, query: Any) -> bool:
        """Return whether old rows will do for a query, by its flag or by default.

        The default holds outside of transactions: what they read may be written next.
        """
        query = getattr(query, "inner_query", query)
        if getattr(query, "combined_queries", ()):
            return all(map(self.is_eventual, query.combined_queries))
        consistent = getattr(query, "consistent", None)
        if consistent is None and self.transaction is None:
            default = self.option("consistent", True)
            consistent = getattr(query, "usually_consistent", default)
        return consistent is False
