"""What the LMDB backend can do."""

import django

from ..features import NonrelDatabaseFeatures, merged


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

    # Left out of Django's suite, each test under its reason; the list only shrinks.
    django_test_skips = {
        "A plan is a few lines long, never pages.": {
            "queries.test_explain.ExplainTests.test_multi_page_text_explain",
        },
        "As on SQLite: dates and datetimes mixed with timedeltas.": {
            "expressions.tests.FTimeDeltaTests.test_mixed_comparisons1",
        },
        "Expects SQLite's column types; UUIDs are UUIDs here.": {
            "inspectdb.tests.InspectDBTestCase.test_field_types",
        },
        "Foreign keys are not enforced: no constraints to be found.": {
            "schema.tests.SchemaTests.test_alter_pk_with_self_referential_field",
            "schema.tests.SchemaTests.test_db_table",
            "schema.tests.SchemaTests."
            "test_rename_column_renames_deferred_sql_references",
            "schema.tests.SchemaTests.test_rename_referenced_field",
            "schema.tests.SchemaTests."
            "test_rename_table_renames_deferred_sql_references",
        },
        "Looks into SQL text; the log shows the scan, too.": {
            "backends.tests.EscapingChecks.test_paramless_no_escaping",
            "backends.tests.EscapingChecksDebug.test_paramless_no_escaping",
            "backends.tests.LastExecutedQueryTest.test_last_executed_query",
            "backends.tests.LastExecutedQueryTest.test_query_encoding",
            "delete.tests.DeletionTests.test_only_referenced_fields_selected",
            "queries.tests.EmptyQuerySetTests.test_values_subquery",
            "select_for_update.tests.SelectForUpdateTests.test_for_update_after_from",
        },
        "Mocks DDL as SQL, then counts on nothing having been created.": {
            "migrations.test_commands.MigrateTests.test_migrate_syncdb_app_label",
            "migrations.test_commands.MigrateTests."
            "test_migrate_syncdb_deferred_sql_executed_with_schemaeditor",
        },
        "SQL does not write to the tables of models.": {
            "backends.base.test_base.ExecuteWrapperTests.test_database_queried",
            "backends.base.test_base.ExecuteWrapperTests.test_nested_wrapper_invoked",
            "backends.base.test_base.ExecuteWrapperTests.test_wrapper_debug",
            "backends.base.test_base.ExecuteWrapperTests.test_wrapper_invoked_many",
            "backends.tests.BackendTestCase.test_cursor_execute_with_pyformat",
            "backends.tests.BackendTestCase.test_cursor_executemany",
            "backends.tests.BackendTestCase.test_cursor_executemany_with_iterator",
            "backends.tests.BackendTestCase.test_cursor_executemany_with_pyformat",
            "backends.tests.BackendTestCase."
            "test_cursor_executemany_with_pyformat_iterator",
            "backends.tests.BackendTestCase.test_queries",
            "backends.tests.LastExecutedQueryTest.test_last_executed_query_dict",
            "backends.tests.LastExecutedQueryTest."
            "test_last_executed_query_dict_overlap_keys",
            "backends.tests.LastExecutedQueryTest."
            "test_last_executed_query_with_duplicate_params",
            "delete_regress.tests.DeleteLockingTest.test_concurrent_delete",
            "timezones.tests.LegacyDatabaseTests."
            "test_cursor_execute_accepts_naive_datetime",
            "timezones.tests.NewDatabaseTests."
            "test_cursor_execute_accepts_naive_datetime",
        },
        "SQL texts know the table of a model by the model's own columns.": {
            "schema.tests.SchemaTests.test_add_field_default_transform",
        },
        "SQL texts make no constraints and no views.": {
            "inspectdb.tests.InspectDBTransactionalTests.test_include_views",
            "introspection.tests.IntrospectionTests.test_table_names_with_views",
            "schema.tests.SchemaTests.test_remove_constraints_capital_letters",
        },
        "SQLite's JSON paths cannot hold a double quote.": {
            "model_fields.test_jsonfield.TestQuerying."
            "test_lookups_special_chars_double_quotes",
        },
        "SQLite, the local engine, cannot extract parts of durations.": {
            "db_functions.datetime.test_extract_trunc.DateFunctionTests."
            "test_extract_duration",
            "db_functions.datetime.test_extract_trunc.DateFunctionWithTimeZoneTests."
            "test_extract_duration",
        },
        "SQLite, the local engine, has no FOR UPDATE in SQL texts.": {
            "select_for_update.tests.SelectForUpdateTests.test_block",
            "select_for_update.tests.SelectForUpdateTests.test_raw_lock_not_available",
        },
        "SQLite, the local engine, has no negative precision for ROUND().": {
            "db_functions.math.test_round.RoundTests."
            "test_decimal_with_negative_precision",
            "db_functions.math.test_round.RoundTests."
            "test_float_with_negative_precision",
            "db_functions.math.test_round.RoundTests."
            "test_integer_with_negative_precision",
            "db_functions.math.test_round.RoundTests.test_null_with_negative_precision",
        },
        "Window functions are the local engine's, whatever the store can.": {
            "expressions_window.tests.WindowUnsupportedTests.test_unsupported_backend",
        },
    }
    # Tests that only Django 6.1 has.
    django_61_test_skips = {
        "Expects another message than SQLite's, which is the local engine.": {
            "db_functions.test_uuid.TestUUID.test_uuid7_unsupported",
        },
        "Looks into SQL text; the log shows the scan, too.": {
            "bulk_create.tests.BulkCreateTests.test_db_default_field_excluded",
        },
        "Mocks DDL as SQL, then counts on nothing having been created.": {
            "migrations.test_commands.MigrateTests."
            "test_migrate_syncdb_installed_truncated_db_model",
        },
    }
    if django.VERSION >= (6, 1):
        django_test_skips = merged(django_test_skips, django_61_test_skips)
