"""What the Riak backend can do."""

from ..features import NonrelDatabaseFeatures


class DatabaseFeatures(NonrelDatabaseFeatures):
    minimum_database_version = (2, 0)
    supports_index_on_text_field = True
    can_rename_index = True
    allows_auto_pk_0 = True
    prohibits_null_characters_in_text_exception = None
    test_db_allows_multiple_connections = True
