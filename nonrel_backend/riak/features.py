"""What the Riak backend can do."""

from ..features import NonrelDatabaseFeatures, merged


class DatabaseFeatures(NonrelDatabaseFeatures):
    minimum_database_version = (2, 0)
    supports_index_on_text_field = True
    allows_auto_pk_0 = True
    prohibits_null_characters_in_text_exception = None
    test_db_allows_multiple_connections = True

    # Left out of Django's suite, each test under its reason; the list only shrinks.
    django_test_skips = merged(
        NonrelDatabaseFeatures.django_test_skips,
        {
            "Riak has no transactions; the test does not say that it needs them.": {
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
            "Rows come by the text of their keys where no order is asked for.": {
                "admin_views.test_autocomplete_view.AutocompleteJsonViewTests."
                "test_get_paginator",
                "queries.tests.QuerySetBitwiseOperationTests.test_or_with_both_slice",
            },
        },
    )
