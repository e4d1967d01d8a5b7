"""Stored types; a test database has tables with a NAME of its own in their names."""

from ..creation import NonrelDatabaseCreation
from ..query import translated_errors


class DatabaseCreation(NonrelDatabaseCreation):
    data_types = {**NonrelDatabaseCreation.data_types, "DocumentField": "document"}

    def drop_tables(self, name: str) -> None:
        """Delete all tables that the backend has made in the database with that NAME.

        Tables whose names only begin like these are left.
        """
        connection = self.connection
        before = connection.settings_dict["NAME"]
        connection.close()
        connection.settings_dict["NAME"] = name
        try:
            with translated_errors(connection):
                connection.catalog.native.clear()
                connection.catalog.cache.clear()
        finally:
            connection.close()
            connection.settings_dict["NAME"] = before
