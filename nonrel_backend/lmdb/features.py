"""What the LMDB backend can do."""

from ..features import TOOLKIT_SKIPS, NonrelDatabaseFeatures


class DatabaseFeatures(NonrelDatabaseFeatures):
    minimum_database_version = (0, 9)
    supports_transactions = True
    atomic_transactions = True
    uses_savepoints = True
    can_release_savepoints = True
    can_rollback_ddl = True
    supports_virtual_generated_columns = True
    can_rename_index = True
    can_clone_databases = True

    # Skipped tests of Django's suite, under the reason; the list only shrinks.
    django_test_skips = TOOLKIT_SKIPS
