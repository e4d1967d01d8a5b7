"""How Riak holds Django's fields; a test's tables are under a NAME of their own."""

from ..creation import NonrelDatabaseCreation


class DatabaseCreation(NonrelDatabaseCreation):
    data_types = {**NonrelDatabaseCreation.data_types, "DocumentField": "document"}
