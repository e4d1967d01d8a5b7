"""What tables a store holds, and what is in them."""

from django.db.backends.base.introspection import BaseDatabaseIntrospection


class NonrelDatabaseIntrospection(BaseDatabaseIntrospection):
    """Backends implement `get_table_list` and what they know besides."""

    def identifier_converter(self, name):
        return name

    def get_sequences(self, cursor, table_name, table_fields=()):
        return []

    def get_relations(self, cursor, table_name):
        return {}
