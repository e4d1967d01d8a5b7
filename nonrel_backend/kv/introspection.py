"""Introspection: the tables, columns and indexes of the core's catalog."""

from typing import Any

from ..introspection import NonrelDatabaseIntrospection


class KeyValueIntrospection(NonrelDatabaseIntrospection):
    @property
    def catalog(self) -> Any:
        return self.connection.tables
