"""What the LMDB backend can do."""

from ..features import NonrelDatabaseFeatures


class DatabaseFeatures(NonrelDatabaseFeatures):
    minimum_database_version = (0, 9)
    supports_transactions = True
    atomic_transactions = True
    uses_savepoints = True
    can_release_savepoints = True
    can_rollback_ddl = True
    has_select_for_update = True
    supports_select_for_update_with_limit = True
    supports_index_on_text_field = True
    supports_partial_indexes = True
    supports_virtual_generated_columns = True
    can_rename_index = True
    allows_auto_pk_0 = True
    prohibits_null_characters_in_text_exception = None
    can_clone_databases = True
    test_db_allows_multiple_connections = True
    ignores_table_name_case = False

    django_test_skips: dict[str, set[str]] = {}
