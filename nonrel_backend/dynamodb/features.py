"""What the DynamoDB backend can do."""

from ..features import TOOLKIT_SKIPS, NonrelDatabaseFeatures, merged


class DatabaseFeatures(NonrelDatabaseFeatures):
    supports_transactions = True
    atomic_transactions = True
    uses_savepoints = True
    can_release_savepoints = True
    can_rollback_ddl = False
    supports_virtual_generated_columns = True
    can_rename_index = True

    # Skipped tests of Django's suite, under the reason; the list only shrinks.
    django_test_skips = merged(
        TOOLKIT_SKIPS,
        {
            "Expects select_for_update() to make others wait; here the commit of one "
            "of both is refused.": {
                "get_or_create.tests.UpdateOrCreateTransactionTests."
                "test_creation_in_transaction",
                "get_or_create.tests.UpdateOrCreateTransactionTests."
                "test_updates_in_transaction",
            },
        },
    )
