"""What the Riak backend can do."""

from ..features import NonrelDatabaseFeatures, merged


class DatabaseFeatures(NonrelDatabaseFeatures):
    minimum_database_version = (2, 0)

    # Skipped tests of Django's suite, under the reason; the list only shrinks.
    django_test_skips = merged(
        NonrelDatabaseFeatures.django_test_skips,
        {
            "Riak has no transactions, but the test needs them without saying so.": {
                "backends.base.test_base.DatabaseWrapperLoggingTests."
                "test_commit_debug_log",
                "backends.base.test_base.DatabaseWrapperLoggingTests."
                "test_rollback_debug_log",
                "basic.tests.SelectOnSaveTests.test_select_on_save_lying_update",
                "migrations.test_executor.ExecutorTests."
                "test_atomic_operation_in_non_atomic_migration",
                "migrations.test_operations.OperationTests.test_run_python_atomic",
                "multiple_database.tests.AuthTestCase.test_dumpdata",
            },
            "Without an ordering, rows come in the order of the text of their keys.": {
                "admin_views.test_autocomplete_view.AutocompleteJsonViewTests."
                "test_get_paginator",
                "queries.tests.QuerySetBitwiseOperationTests.test_or_with_both_slice",
            },
        },
    )
