"""What the MongoDB backend can do."""

from django.utils.functional import cached_property

from ..features import NonrelDatabaseFeatures


class DatabaseFeatures(NonrelDatabaseFeatures):
    minimum_database_version = (5, 0)
    supports_index_on_text_field = True
    supports_partial_indexes = True
    supports_expression_indexes = False
    supports_functions_in_partial_indexes = False
    can_rename_index = False
    # Two indexes of the same keys are one to MongoDB.
    allows_multiple_constraints_on_same_fields = False
    allows_auto_pk_0 = True
    supports_select_for_update_with_limit = True
    # A string in a regular expression, a JSON key or an index cannot hold a NUL,
    # but a text can.
    prohibits_null_characters_in_text_exception = None
    can_clone_databases = True
    test_db_allows_multiple_connections = True
    ignores_table_name_case = False

    @cached_property
    def supports_transactions(self) -> bool:
        return self.connection.has_transactions

    @property
    def uses_savepoints(self) -> bool:  # type: ignore[override]
        return self.supports_transactions

    @property
    def can_release_savepoints(self) -> bool:
        return self.supports_transactions

    @property
    def has_select_for_update(self) -> bool:
        return self.supports_transactions
