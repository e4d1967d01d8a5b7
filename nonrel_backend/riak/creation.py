"""Stored types; a test database has buckets under a NAME of its own."""

from ..creation import NonrelDatabaseCreation


class DatabaseCreation(NonrelDatabaseCreation):
    data_types = {**NonrelDatabaseCreation.data_types, "DocumentField": "document"}
