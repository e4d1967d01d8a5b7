"""What the DynamoDB backend can do."""

from ..features import TOOLKIT_SKIPS, NonrelDatabaseFeatures


class DatabaseFeatures(NonrelDatabaseFeatures):
    supports_transactions = True
    atomic_transactions = True
    uses_savepoints = True
    can_release_savepoints = True
    can_rollback_ddl = False
    supports_virtual_generated_columns = True
    can_rename_index = True

    # Skipped tests of Django's suite, under the reason; the list only shrinks.
    django_test_skips = TOOLKIT_SKIPS
